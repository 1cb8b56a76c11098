"""A field whose type an extension brings."""
