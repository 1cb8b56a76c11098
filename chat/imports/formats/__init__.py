"""The formats of other programs: one short reader each."""
