"""An index that Django builds outside a transaction, after code of its own."""
