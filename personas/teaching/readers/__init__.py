"""Read files of what a person has written. One module a format; no module imports Django.

A reader yields passages: what one speaker wrote in one go. It takes the file as lines of bytes.
"""
