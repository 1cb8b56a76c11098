"""Migration operations that the framework lacks.

Those named …Online, the batches and `RerunnableSQL` may be run again wherever they were cut
off, so they are what a migration with `atomic = False` is made of.
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
