"""The file in the place of a migration that cannot be written as SQL.

It changes nothing, and stops unless `migrate` has applied the migration, so that the files after
it run in their turn.
"""

from __future__ import annotations

from django.db.migrations import Migration

POSTGRESQL = """
-- {key} cannot be written as SQL: {reason}.
-- Run `python manage.py migrate {app} {name}` in its place.
DO $migration$
BEGIN
IF NOT {done} THEN
    RAISE EXCEPTION '{key} is not SQL: run python manage.py migrate {app} {name}';
END IF;
END
$migration$;
"""
SQLITE = """
-- {key} cannot be written as SQL: {reason}.
-- Run `python manage.py migrate {app} {name}` in its place, then continue with the next file.
CREATE TEMPORARY TABLE here (
    done integer CONSTRAINT {app}_{name}_is_not_sql_run_manage_py_migrate CHECK (done = 1)
);
INSERT INTO here SELECT {done};
DROP TABLE here;
"""


def not_sql(vendor: str, migration: Migration, reason: str, done: str) -> str:
    """Return the text of the file; `done` is the condition that it need not stop."""
    template = POSTGRESQL if vendor == "postgresql" else SQLITE
    app, name = migration.app_label, migration.name
    # A reason may quote what somebody wrote: it stays on its line.
    one_line = " ".join(reason.split())
    return template.format(key=f"{app}.{name}", app=app, name=name, reason=one_line, done=done)
