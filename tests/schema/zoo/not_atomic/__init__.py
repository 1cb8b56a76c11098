"""A migration without a transaction: code between changes of the schema."""
