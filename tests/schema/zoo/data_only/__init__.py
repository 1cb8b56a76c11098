"""Data migrations that leave no trace in the schema."""
