"""How much of a migration is in a database."""

from enum import StrEnum


class MigrationState(StrEnum):
    """How much of a migration is in the database."""

    APPLIED = "applied"
    PARTIAL = "partial"
    ABSENT = "absent"
    DATA_ONLY = "changes rows only"
    """It leaves no trace in the schema."""
