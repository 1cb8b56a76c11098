"""An extension, and an index with its operator class."""
