"""A foreign key to whatever the project's user model is."""
