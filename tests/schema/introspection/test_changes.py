"""Change sets, which the history keeps as JSON."""

import json

from schema.introspection.catalog import Catalog, SchemaObject
from schema.introspection.changes import (
    ObjectKey,
    apply_changes,
    assemble,
    changes,
    flatten,
    from_json,
    server_of,
    to_json,
)
from schema.introspection.read import read_catalog
from tests.schema.conftest import Migrated


def test_catalog_survives_json(migrated: Migrated) -> None:
    """Every property of every object that this project's migrations make comes back."""
    connection = migrated.database.connection
    found = read_catalog(connection)
    document = to_json(changes(Catalog(found.vendor), found), server_of(connection))
    back = from_json(json.loads(json.dumps(document)))
    assert back.before == {}
    assert assemble(found.vendor, back.after, Catalog(found.vendor)) == found


def test_changes_lead_from_one_catalog_to_the_other(migrated: Migrated) -> None:
    connection = migrated.database.connection
    before = read_catalog(connection)
    migrated.run(
        [
            "DROP TABLE threads" + (" CASCADE" if before.vendor == "postgresql" else ""),
            "CREATE TABLE threads (id integer PRIMARY KEY, title varchar(9) UNIQUE)",
            "ALTER TABLE users ADD COLUMN nickname text DEFAULT 'none'",
            "CREATE INDEX users_nickname ON users (nickname) WHERE nickname <> 'none'",
        ]
    )
    after = read_catalog(connection)
    change_set = from_json(to_json(changes(before, after), server_of(connection)))
    objects: dict[ObjectKey, SchemaObject | None] = dict(flatten(before))
    apply_changes(objects, change_set)
    left = {key: one for key, one in objects.items() if one is not None}
    assert left == flatten(after)
    assert not changes(after, after).before
