"""What may stand in the way of an adoption, and first of all the rights that a role lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.catalog import quoted

OWNERS = """
    SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner)::text, current_user::text,
           pg_has_role(c.relowner, 'USAGE')
    FROM pg_class AS c
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
      AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY c.relname
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
        for name, kind, owner, role, mine in cursor.fetchall():
            if kind != "r":
                found.append(
                    Obstacle(
                        f"{name} is {KINDS[kind]}, not a plain table.",
                        "Rename it, or put the plain table in its place.",
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
