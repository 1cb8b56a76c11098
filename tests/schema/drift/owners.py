"""What an owner has put around the project's tables on PostgreSQL, and what keeps it whole."""

from typing import Any

from tests.schema.conftest import Migrated

VIEWS = """
    CREATE VIEW owners.{table}_all AS SELECT * FROM {table};
    CREATE VIEW owners.{table}_nested WITH (security_barrier='true')
        AS SELECT * FROM owners.{table}_all;
    CREATE MATERIALIZED VIEW owners.{table}_kept AS SELECT * FROM owners.{table}_nested;
    CREATE INDEX {table}_kept_idx ON owners.{table}_kept ((1));
    COMMENT ON VIEW owners.{table}_nested IS 'It''s the owner''s';
    COMMENT ON MATERIALIZED VIEW owners.{table}_kept IS 'kept';
    ALTER VIEW owners.{table}_all OWNER TO pg_monitor;
    GRANT SELECT ON {table} TO pg_monitor;
    GRANT USAGE ON SCHEMA owners TO pg_monitor;
    GRANT SELECT ON owners.{table}_nested TO pg_read_all_stats WITH GRANT OPTION;
    GRANT SELECT ON owners.{table}_kept TO PUBLIC;
    CREATE RULE nothing AS ON INSERT TO owners.{table}_all DO INSTEAD NOTHING;
    CREATE TRIGGER never INSTEAD OF UPDATE ON owners.{table}_nested
        FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
"""
LINKS = """
    CREATE TABLE owners.notes (
        user_id uuid REFERENCES users,
        thread_id uuid REFERENCES threads ON DELETE CASCADE
    )
"""
STATE = """
    SELECT relname, pg_get_userbyid(relowner), array_to_string(reloptions, ','),
           relacl::text, pg_get_viewdef(oid), obj_description(oid, 'pg_class'),
           ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = pg_class.oid),
           ARRAY(SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = pg_class.oid),
           ARRAY(SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = pg_class.oid)
    FROM pg_class WHERE relnamespace = 'owners'::regnamespace AND relkind IN ('v', 'm')
    ORDER BY relname
"""


def surround(migrated: Migrated, tables: set[str]) -> None:
    """Make nested and materialized views of `tables`, and foreign keys from another schema."""
    migrated.run(["CREATE SCHEMA owners"])
    for table in sorted(tables):
        migrated.run(VIEWS.format(table=table).split(";"))
    with migrated.database.connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'p'"
            " AND conrelid IN ('users'::regclass, 'threads'::regclass)"
        )
        if cursor.fetchone() == (2,):
            migrated.run([LINKS])


def state(migrated: Migrated) -> list[tuple[Any, ...]]:
    """Return everything about the owner's views."""
    with migrated.database.connection.cursor() as cursor:
        cursor.execute(STATE)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
