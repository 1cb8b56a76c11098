"""Dates in German; see the English ones."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s"

LONG_DATE_FORMAT = "j. F Y"
LONG_DATETIME_FORMAT = "j. F Y, H:i"
MEDIUM_DATETIME_FORMAT = "j. M Y, H:i"
DAY_FORMAT = "j. F"
