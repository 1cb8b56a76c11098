"""Whether every row of a database is there after its adoption, and every text unchanged."""

import json
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

Rows = dict[str, dict[str, dict[str, Any]]]

OURS = ("users", "personas", "chat_messages", "threads")
# What may change in a row that stays, by the table in docs/adopting.md.
MAY_CHANGE = {
    "personas": {"is_active", "color"},
    "chat_messages": {"thread_id", "persona_id"},
    "threads": {"is_general", "message_count", "last_message_at", "persona_id"},
}


def fetch(connection: BaseDatabaseWrapper, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def all_rows(connection: BaseDatabaseWrapper) -> Rows:
    """Return every row of every table that is not Django's, as JSON by key."""
    names = fetch(
        connection,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^(django|auth|users_)'"
        " AND relname !~ '^schema_(quarantine|migration_runs|batch)'"
        " AND relnamespace = 'public'::regnamespace",
    )
    picture: Rows = {}
    for (name,) in names:
        rows = [
            json.loads(row[0])
            for row in fetch(connection, f"SELECT to_json(t)::text FROM {name} t")
        ]
        picture[name] = {str(row.get("id", number)): row for number, row in enumerate(rows)}
    return picture


def quarantined(connection: BaseDatabaseWrapper) -> Rows:
    """Return the rows in quarantine, by table and key."""
    picture: Rows = {}
    for table, row in fetch(connection, "SELECT table_name, row::text FROM schema_quarantine"):
        whole = json.loads(row)
        assert picture.setdefault(table, {}).setdefault(whole["id"], whole) == whole
    return picture


def originals(connection: BaseDatabaseWrapper) -> dict[tuple[str, str, str], Any]:
    """Return the values that a repair replaced and kept, by table, key and column."""
    if fetch(connection, "SELECT to_regclass('schema_original_values')") == [(None,)]:
        return {}
    rows = fetch(connection, 'SELECT table_name, key, "values"::text FROM schema_original_values')
    return {
        (table, key, column): value
        for table, key, values in rows
        for column, value in json.loads(values).items()
    }


def assert_all_accounted_for(before: Rows, connection: BaseDatabaseWrapper) -> None:
    """Hold that nothing is lost, and nothing changed but what may be."""
    after, apart = all_rows(connection), quarantined(connection)
    kept = originals(connection)
    for table, rows in before.items():
        if table not in OURS:
            assert after[table] == rows
            continue
        stayed = {key: row for key, row in after[table].items() if not is_new(table, row, rows)}
        assert sorted([*stayed, *apart.get(table, {})]) == sorted(rows)
        for key, old in rows.items():
            new = stayed.get(key) or apart[table][key]
            changed = {
                column: (value, new[column])
                for column, value in old.items()
                if value is not None
                and not alike(value, new[column])
                and kept.get((table, key, column)) != value
            }
            assert set(changed) <= MAY_CHANGE.get(table, set()), (table, changed)


def is_new(table: str, row: dict[str, Any], before: dict[str, dict[str, Any]]) -> bool:
    """Whether a row is a General thread that was made because somebody had none."""
    return table == "threads" and row["id"] not in before and bool(row["is_general"])


def alike(old: Any, new: Any) -> bool:
    """Whether two values are the same but for the type that the column has got."""
    if isinstance(old, str) and isinstance(new, bool):
        return (old in {"yes", "true"}) is new
    if isinstance(old, str) and old.startswith("\\x"):
        return bool(bytes.fromhex(old[2:]).decode() == new)
    if isinstance(old, str) and isinstance(new, dict):
        return bool(json.loads(old) == new)
    return bool(old == new or new == f"{old}+00:00")
