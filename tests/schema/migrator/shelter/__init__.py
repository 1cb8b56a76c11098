"""Another project's app, whose second migration makes one of each kind that a rollback drops."""
