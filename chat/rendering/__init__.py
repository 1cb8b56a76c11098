"""Markdown as safe HTML.

markdown      the parser, the sanitizer, and what both allow
syntax        extensions of the Markdown syntax
formulas      LaTeX as MathML
highlighting  colours for code
pool          all of it in a process with limits; what the site calls
worker        that process
blocks        which part of a text that is still being written can be rendered
"""
