"""Dates in English.

Django's own formats are those that an operator compares: sortable, and to the second. The others
are for people who read.
"""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s"

LONG_DATE_FORMAT = "j F Y"
LONG_DATETIME_FORMAT = "j F Y, H:i"
MEDIUM_DATETIME_FORMAT = "j M Y, H:i"
DAY_FORMAT = "j F"
