"""The specification of the earlier product's databases: data and SQL, no logic.

`schema.adoption` applies it. docs/adopting.md lists the same decisions as a table, and
docs/writing-a-specification.md explains the parts.
"""
