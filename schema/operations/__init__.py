"""Migration operations beside Django's own.

Those named …Online, `BatchedSQL` and `RerunnableSQL` may be run again after an interruption at any
point, so a migration with `atomic = False` consists of them.
"""

from schema.operations.batches import BatchedSQL
from schema.operations.constraints import (
    AddCheckOnline,
    AddFieldUnchecked,
    AddForeignKeyOnline,
)
from schema.operations.indexes import (
    AddIndexOnline,
    AddPostgreSQLIndexOnline,
    RemoveIndexOnline,
    RemovePostgreSQLIndexOnline,
)
from schema.operations.sql import RerunnableSQL, SQLByVendor

RERUNNABLE = (
    AddCheckOnline,
    AddForeignKeyOnline,
    AddIndexOnline,
    AddPostgreSQLIndexOnline,
    BatchedSQL,
    RemoveIndexOnline,
    RemovePostgreSQLIndexOnline,
    RerunnableSQL,
)

__all__ = [
    "RERUNNABLE",
    "AddCheckOnline",
    "AddFieldUnchecked",
    "AddForeignKeyOnline",
    "AddIndexOnline",
    "AddPostgreSQLIndexOnline",
    "BatchedSQL",
    "RemoveIndexOnline",
    "RemovePostgreSQLIndexOnline",
    "RerunnableSQL",
    "SQLByVendor",
]
