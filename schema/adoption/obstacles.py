"""What may stand in the way of an adoption, and first of all the rights that a role lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.configuration import configuration
from schema.introspection.catalog import quoted

OWNERS = """
    SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner)::text, current_user::text,
           pg_has_role(c.relowner, 'USAGE'),
           ARRAY(SELECT i.inhrelid::regclass::text FROM pg_inherits AS i
                 WHERE i.inhparent = c.oid ORDER BY 1)
    FROM pg_class AS c
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
      AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY c.relname
"""
# Tables that the search path finds, but behind the schema in which everything is made.
ELSEWHERE = """
    SELECT current_schema(), n.nspname, array_agg(c.relname::text ORDER BY c.relname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = ANY (%s) AND c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)
    GROUP BY n.nspname
    ORDER BY n.nspname = current_schema() DESC, n.nspname
    LIMIT 1
"""
UNREADABLE = """
    SELECT c.oid::regclass::text, current_user::text
    FROM unnest(%s::text[]) AS n (name)
    JOIN pg_class AS c ON c.oid = to_regclass(n.name)
    WHERE NOT has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""
KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "p": "partitioned"}


@dataclass(frozen=True)
class Obstacle:
    """One reason to stop before changing anything, and what to do about it."""

    what: str
    remedy: str


def rights(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[Obstacle]:
    """Return the tables that the role may not alter, and what it lacks otherwise."""
    found: list[Obstacle] = []
    with connection.cursor() as cursor:
        cursor.execute(OWNERS, [list(tables)])
        for name, kind, owner, role, mine, children in cursor.fetchall():
            if kind != "r":
                found.append(
                    Obstacle(
                        f"{name} is {KINDS[kind]}, not a plain table.",
                        "Rename it, or put the plain table in its place.",
                    )
                )
            elif children:
                found.append(
                    Obstacle(
                        f"{name} has child tables, whose rows its constraints would not hold for:"
                        f" {', '.join(children)}.",
                        f"Move their rows into {name}, or ALTER TABLE {children[0]} NO INHERIT"
                        f" {quoted(name)};",
                    )
                )
            elif not mine:
                found.append(
                    Obstacle(
                        f"The table {name} belongs to the role {owner}; {role}, which migrate"
                        " runs as, may not alter it.",
                        f"Migrate as {owner}; or let {owner} or a superuser run: ALTER TABLE"
                        f" {quoted(name)} OWNER TO {quoted(role)}; or: GRANT {quoted(owner)} TO"
                        f" {quoted(role)};",
                    )
                )
        cursor.execute(ELSEWHERE, [list(tables)])
        if (row := cursor.fetchone()) and row[0] != row[1]:
            here, there, names = row
            found.append(
                Obstacle(
                    f"{', '.join(names)} are in the schema {there}, and everything new would be"
                    f" made in {here}, which comes before it in the search path.",
                    f"To take them over: ALTER ROLE … SET search_path = {quoted(there)}; for an"
                    f" empty site beside them: ALTER ROLE … SET search_path = {quoted(here)};",
                )
            )
        cursor.execute("SELECT current_setting('transaction_read_only')")
        if cursor.fetchone()[0] == "on":
            found.append(
                Obstacle(
                    "The server takes no changes, not even the scratch schema to compare with: it"
                    " is a standby, or set to read only.",
                    f"Point {configuration().connection_setting(connection)} at the primary, or"
                    " RESET default_transaction_read_only.",
                )
            )
        cursor.execute(
            "SELECT current_schema(), current_user::text,"
            " has_schema_privilege(current_schema(), 'CREATE'),"
            " current_database(), has_database_privilege(current_database(), 'CREATE')"
        )
        schema, role, may_create, database, may_compare = cursor.fetchone()
    if not may_create:
        found.append(
            Obstacle(
                f"The role {role} may not create tables in the schema {schema}.",
                f"GRANT CREATE ON SCHEMA {quoted(schema)} TO {quoted(role)};",
            )
        )
    if not may_compare:
        found.append(
            Obstacle(
                f"The role {role} may not create the scratch schema to compare with.",
                f"GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(role)};",
            )
        )
    return found


def unreadable(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[Obstacle]:
    """Return which of the tables, named as SQL names them, the role may not look into."""
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE, [list(tables)])
        return [
            Obstacle(
                f"The role {role} may not read the table {name}, and has to know what is in it.",
                f"GRANT SELECT ON {name} TO {quoted(role)};",
            )
            for name, role in cursor.fetchall()
        ]
