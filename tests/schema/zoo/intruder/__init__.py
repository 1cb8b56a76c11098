"""Changes to a table of the project itself."""
