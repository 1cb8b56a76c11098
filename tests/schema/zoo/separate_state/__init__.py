"""SeparateDatabaseAndState: a table that takes another name."""
