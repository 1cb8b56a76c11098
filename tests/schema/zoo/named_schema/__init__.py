"""SQL that names the schema."""
