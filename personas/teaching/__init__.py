"""What a twin is taught. docs/teaching.md explains it.

readers     read files of what the person has written, each format in a small file
process     run the readers and the profile in a process with limits
samples     add, edit and remove samples
secrets     find what looks like a password or a card number
profile     measure how a person writes
learning    keep a persona's profile right
views       the pages
"""
