"""Random inputs for the borders of the site: python -m tests.fuzz TARGET."""
