"""An index built outside a transaction by plain SQL."""
