"""Find what a server, a database, a role or a publication does not let a migration do.

Every problem is found before the first change, and names its cause and its remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.configuration import configuration
from schema.connection.errors import explained
from schema.report import Problem

CONNECTIONS = 3
"""The migration's own, the lock's, and one for the scratch schema or for the blocking sessions."""

LIMITS = """
    SELECT r.rolname::text, r.rolconnlimit,
           (SELECT count(*) FROM pg_stat_activity
            WHERE usesysid = r.oid AND pid <> pg_backend_pid()),
           d.datname::text, d.datconnlimit,
           (SELECT count(*) FROM pg_stat_activity
            WHERE datid = d.oid AND usesysid IS NOT NULL AND pid <> pg_backend_pid())
    FROM pg_roles AS r, pg_database AS d
    WHERE r.rolname = session_user AND NOT r.rolsuper AND d.datname = current_database()
      AND (r.rolconnlimit >= 0 OR d.datconnlimit >= 0)
"""
EVENT_TRIGGERS = (
    "SELECT evtname::text FROM pg_event_trigger WHERE evtenabled IN ('O', 'A') ORDER BY 1"
)
# One change of each kind that migrations make.
TRIAL = (
    "CREATE TABLE schema_trial (id integer)",
    "ALTER TABLE schema_trial ADD COLUMN marker integer",
    "CREATE INDEX schema_trial_idx ON schema_trial (id)",
    "CREATE FUNCTION schema_trial() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TRIGGER schema_trial AFTER INSERT ON schema_trial"
    " FOR EACH ROW EXECUTE FUNCTION schema_trial()",
    "DROP TRIGGER schema_trial ON schema_trial",
    "DROP FUNCTION schema_trial()",
    "DROP INDEX schema_trial_idx",
    "DROP TABLE schema_trial",
)
# Rows of a published table can be changed only if something identifies them for the subscribers.
UNIDENTIFIED = """
    SELECT c.relname::text, string_agg(DISTINCT p.pubname::text, ', ')
    FROM pg_publication_tables AS t
    JOIN pg_publication AS p ON p.pubname = t.pubname AND (p.pubupdate OR p.pubdelete)
    JOIN pg_class AS c ON c.relname = t.tablename
        AND c.relnamespace = to_regnamespace(quote_ident(t.schemaname))
    WHERE t.schemaname = current_schema() AND c.relname = ANY (%s)
      AND (c.relreplident = 'n' OR c.relreplident IN ('d', 'i') AND NOT EXISTS (
          SELECT FROM pg_index AS i WHERE i.indrelid = c.oid
          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))
    GROUP BY c.relname
    ORDER BY 1
"""
# A row filter may read, and a column list must have, the columns that identify a row.
FILTERED = """
    SELECT c.relname::text, string_agg(DISTINCT p.pubname::text, ', ')
    FROM pg_publication_rel AS r
    JOIN pg_publication AS p ON p.oid = r.prpubid AND (p.pubupdate OR p.pubdelete)
    JOIN pg_class AS c ON c.oid = r.prrelid
    JOIN pg_index AS i ON i.indrelid = c.oid
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname = ANY (%s)
      AND c.relreplident IN ('d', 'i') AND (
          r.prqual IS NOT NULL AND EXISTS (
              SELECT FROM pg_depend AS d
              WHERE d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid
                AND d.refobjid = c.oid AND d.refobjsubid > 0
                AND d.refobjsubid <> ALL (i.indkey) AND d.refobjsubid <> ALL (
                    coalesce(r.prattrs::int2[], '{}')))
          OR EXISTS (SELECT FROM unnest(i.indkey::int2[]) AS k
                     WHERE r.prattrs IS NOT NULL AND k <> ALL (r.prattrs)))
    GROUP BY c.relname
    ORDER BY 1
"""


def connections(connection: BaseDatabaseWrapper) -> Iterator[Problem]:
    """Yield the limits of the role or the database that leave too few connections."""
    with connection.cursor() as cursor:
        cursor.execute(LIMITS)
        rows = cursor.fetchall()
    for role, role_limit, role_used, database, database_limit, database_used in rows:
        for kind, name, limit, used in (
            ("role", role, role_limit, role_used),
            ("database", database, database_limit, database_used),
        ):
            if 0 <= limit < used + CONNECTIONS:
                quoted = connection.ops.quote_name(name)
                yield Problem(
                    f'The {kind} "{name}" may have {limit} connections at a time, of which others'
                    f" use {used}; a migration needs {CONNECTIONS}.",
                    f"ALTER {kind.upper()} {quoted} CONNECTION LIMIT -1; or stop other clients.",
                )


def encoding(connection: BaseDatabaseWrapper) -> Iterator[Problem]:
    """Yield the problem that the database cannot hold every text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        found = cursor.fetchone()[0]
    if found != "UTF8":
        setting = configuration().connection_setting(connection)
        yield Problem(
            f"The encoding of the database is {found}, which does not hold every text: UTF8 does.",
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'; copy this one into it with"
            f" pg_dump and psql, and correct {setting}.",
        )


def forbidden_changes(connection: BaseDatabaseWrapper) -> Iterator[Problem]:
    """Yield the event triggers that forbid changes of the schema; tries one of each kind.

    The trial is a transaction that is rolled back.
    """
    with connection.cursor() as cursor:
        cursor.execute(EVENT_TRIGGERS)
        names = [name for (name,) in cursor.fetchall()]
    if not names:
        return
    statement = ""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("SET LOCAL client_min_messages = error")
            for statement in TRIAL:
                cursor.execute(statement)
            transaction.set_rollback(True, using=connection.alias)
    except DatabaseError as error:
        yield Problem(
            f"A trial {' '.join(statement.split()[:2])} fails: {explained(error)} The database has"
            f" the event trigger {', '.join(names)}.",
            "; ".join(
                f"ALTER EVENT TRIGGER {connection.ops.quote_name(one)} DISABLE" for one in names
            )
            + "; run migrate, then ENABLE it again. The trial was rolled back.",
        )


def publications(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> Iterator[Problem]:
    """Yield the published tables whose rows cannot be changed."""
    queries = [(UNIDENTIFIED, "DEFAULT", "has no replica identity")]
    if connection.connection.info.server_version >= 150000:
        why = "has a row filter or a column list that does not fit its replica identity"
        queries.append((FILTERED, "FULL", why))
    for query, identity, why in queries:
        with connection.cursor() as cursor:
            cursor.execute(query, [list(tables)])
            rows = cursor.fetchall()
        for table, names in rows:
            yield Problem(
                f"{table} is in the publication {names} and {why}: the server would refuse to"
                " update its rows.",
                f"ALTER TABLE {connection.ops.quote_name(table)} REPLICA IDENTITY {identity}; or"
                " take it out of the publication.",
            )
