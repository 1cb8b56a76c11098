"""Views and materialized views, with everything that makes them anew as they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import quoted

# The views that read one of the columns (NULL: anything of the table), and those over these views,
# the innermost first.
VIEWS = """
    WITH RECURSIVE above (view, depth) AS (
        SELECT r.ev_class, 1
        FROM unnest(%s::text[], %s::text[]) AS n (tbl, col)
        JOIN pg_depend AS d ON d.refobjid = to_regclass(n.tbl)
            AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> d.refobjid
        LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE n.col IS NULL OR n.col = a.attname
        UNION
        SELECT r.ev_class, above.depth + 1
        FROM above
        JOIN pg_depend AS d ON d.refobjid = above.view
        JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> above.view
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    )
    SELECT c.oid::regclass::text, c.relkind::text, rtrim(pg_get_viewdef(c.oid), '; '),
           pg_get_userbyid(c.relowner)::text, array_to_string(c.reloptions, ', '),
           c.relispopulated,
           pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(c.relnamespace, 'CREATE'),
           ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i
                 WHERE i.indrelid = c.oid ORDER BY i.indexrelid),
           ARRAY(SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY t.tgname),
           ARRAY(SELECT rtrim(pg_get_ruledef(w.oid), ';') FROM pg_rewrite AS w
                 WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN' ORDER BY w.rulename),
           ARRAY(SELECT format('COMMENT ON %%s %%s IS %%L',
                     CASE WHEN o.objsubid > 0 THEN 'COLUMN' WHEN c.relkind = 'm'
                     THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
                     c.oid::regclass || coalesce('.' || quote_ident(a.attname), ''), o.description)
                 FROM pg_description AS o LEFT JOIN pg_attribute AS a
                     ON a.attrelid = o.objoid AND a.attnum = o.objsubid AND a.attnum > 0
                 WHERE o.objoid = c.oid AND o.classoid = 'pg_class'::regclass ORDER BY o.objsubid),
           ARRAY(SELECT format('GRANT %%s ON %%s TO %%s', g.privilege_type, c.oid::regclass,
                             CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
                      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                 FROM aclexplode(c.relacl) AS g WHERE g.grantee <> c.relowner)
           || ARRAY(SELECT format('GRANT %%s (%%I) ON %%s TO %%s', g.privilege_type, a.attname,
                             c.oid::regclass, CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
                      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                 FROM pg_attribute AS a, aclexplode(a.attacl) AS g
                 WHERE a.attrelid = c.oid AND g.grantee <> c.relowner)
           || ARRAY(SELECT format('ALTER VIEW %%s ALTER COLUMN %%I SET DEFAULT %%s',
                             c.oid::regclass, a.attname, pg_get_expr(f.adbin, f.adrelid))
                 FROM pg_attrdef AS f
                 JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
                 WHERE f.adrelid = c.oid ORDER BY a.attnum)
    FROM (SELECT view, max(depth) AS depth FROM above GROUP BY view) AS v
    JOIN pg_class AS c ON c.oid = v.view AND c.relkind IN ('v', 'm')
    ORDER BY v.depth, c.oid
"""


@dataclass(frozen=True)
class View:
    """A view, and the statements that create it anew."""

    name: str
    """As SQL names it."""
    materialized: bool
    owner: str
    extras: bool
    """Whether it has triggers or rules of its own."""
    mine: bool
    """Whether the role may drop it and create it anew for its owner."""
    create: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Return what the view is, as SQL calls it."""
        return "MATERIALIZED VIEW" if self.materialized else "VIEW"

    @property
    def drop(self) -> str:
        """Return the statement that drops it."""
        return f"DROP {self.kind} {self.name}"

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name}"


def views_over(
    connection: BaseDatabaseWrapper, columns: Iterable[tuple[str, str | None]]
) -> list[View]:
    """Return the views over (table, column) of the current schema, the innermost first.

    None in the place of a column stands for the whole table.
    """
    pairs = list(columns)
    with connection.cursor() as cursor:
        tables = [quoted(table) for table, _ in pairs]
        cursor.execute(VIEWS, [tables, [column for _, column in pairs]])
        return [_view(row) for row in cursor.fetchall()]


def _view(row: Sequence[Any]) -> View:
    name, relkind, definition, owner, options, populated, mine, *parts = row
    indexes, triggers, rules, comments, grants = parts
    materialized = relkind == "m"
    kind = "MATERIALIZED VIEW" if materialized else "VIEW"
    settings = f" WITH ({options})" if options else ""
    data = (" WITH DATA" if populated else " WITH NO DATA") if materialized else ""
    create = [
        f"CREATE {kind} {name}{settings} AS {definition}{data}",
        *indexes,
        *triggers,
        *rules,
        *comments,
        f"ALTER {kind} {name} OWNER TO {quoted(owner)}",
        *grants,
    ]
    return View(name, materialized, owner, bool(triggers or rules), mine, tuple(create))
