"""Times as an operator compares them: sortable, and to the second."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s"
