"""The databases that were migrated by hand: what is known of them, and what becomes of it.

`schema.adoption` does the work and knows nothing of this; docs and README hold the same
decisions as a table.
"""
