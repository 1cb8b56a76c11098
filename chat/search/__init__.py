"""Find a user's messages by their words. docs/search.md explains how and gives the figures.

The modules in the order of one search:

    query        parse what was typed into terms and filters
    conditions   write them in the query language of the engine's index
    statistics   know which words are common (PostgreSQL)
    sql          build the statements
    pagination   choose the statements that fill a page of the newest matches
    ranking      put the best of the newest matches first
    highlight    mark the matches in a snippet
    results      all of the above for one page
    forms views  the search page

`text` splits a text into words as the index does; `inflections` adds the other forms of an
English word to a query.
"""
