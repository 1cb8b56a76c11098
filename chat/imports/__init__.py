"""Taking in what was exported here or elsewhere."""
