"""A type that an extension brings, in plain SQL."""
