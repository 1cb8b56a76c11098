"""Find the views over a column, and the statements that create them again as they were.

PostgreSQL refuses to drop a column, or to change its type, while a view reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.introspection.catalog import quoted

# Every view over the columns, and every view over those, the innermost first.
VIEWS = """
    WITH RECURSIVE above (view, depth) AS (
        SELECT r.ev_class, 1
        FROM pg_depend AS d
        JOIN pg_rewrite AS r ON r.oid = d.objid
        JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
          AND r.ev_class <> d.refobjid
          AND d.refobjid = to_regclass(%s) AND a.attname = ANY (%s)
        UNION
        SELECT r.ev_class, above.depth + 1
        FROM above
        JOIN pg_depend AS d ON d.refobjid = above.view
        JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> above.view
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    )
    SELECT c.oid::regclass::text, c.relkind = 'm', pg_get_viewdef(c.oid), quote_ident(o.rolname),
           array_to_string(c.reloptions, ', '), c.relispopulated,
           ARRAY(SELECT pg_get_indexdef(x.indexrelid) FROM pg_index AS x
                 WHERE x.indrelid = c.oid ORDER BY x.indexrelid)
           || ARRAY(
               SELECT format('COMMENT ON %%s IS %%L', CASE
                      WHEN d.objsubid > 0 THEN format('COLUMN %%s.%%I', c.oid::regclass, a.attname)
                      WHEN c.relkind = 'm' THEN format('MATERIALIZED VIEW %%s', c.oid::regclass)
                      ELSE format('VIEW %%s', c.oid::regclass) END, d.description)
               FROM pg_description AS d
               LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid
               WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid ORDER BY d.objsubid
           )
           || ARRAY(
               SELECT format('ALTER VIEW %%s ALTER COLUMN %%I SET DEFAULT %%s', c.oid::regclass,
                             a.attname, pg_get_expr(f.adbin, f.adrelid))
               FROM pg_attrdef AS f
               JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
               WHERE f.adrelid = c.oid ORDER BY a.attnum
           )
           || ARRAY(SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t
                    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY t.tgname)
           || ARRAY(SELECT rtrim(pg_get_ruledef(w.oid), ';') FROM pg_rewrite AS w
                    WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN' ORDER BY w.rulename),
           ARRAY(
               SELECT format('GRANT %%s ON %%s TO %%s', g.privilege_type, c.oid::regclass,
                             CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
                      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
               FROM aclexplode(c.relacl) AS g WHERE g.grantee <> c.relowner
           )
           || ARRAY(
               SELECT format('GRANT %%s (%%I) ON %%s TO %%s', g.privilege_type, a.attname,
                             c.oid::regclass,
                             CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
                      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
               FROM pg_attribute AS a, aclexplode(a.attacl) AS g
               WHERE a.attrelid = c.oid AND g.grantee <> c.relowner
           ),
           pg_has_role(c.relowner, 'USAGE')
    FROM (SELECT view, max(depth) AS depth FROM above GROUP BY view) AS v
    JOIN pg_class AS c ON c.oid = v.view
    JOIN pg_roles AS o ON o.oid = c.relowner
    WHERE c.relkind IN ('v', 'm')
    ORDER BY v.depth, c.oid
"""


@dataclass(frozen=True)
class View:
    """A view over a column, and the statements that create it again."""

    name: str
    kind: str
    """VIEW or MATERIALIZED VIEW."""
    create: tuple[str, ...]
    problem: str = ""
    """Why it cannot be dropped and created again."""

    @property
    def drop(self) -> str:
        """Return the statement that drops it."""
        return f"DROP {self.kind} {self.name}"


def views_over(connection: BaseDatabaseWrapper, table: str, columns: Sequence[str]) -> list[View]:
    """Return the views that read one of the columns, innermost first."""
    with connection.cursor() as cursor:
        cursor.execute(VIEWS, [quoted(table), list(columns)])
        rows = cursor.fetchall()
    views: list[View] = []
    for name, stored, definition, owner, options, filled, parts, grants, mine in rows:
        kind = "MATERIALIZED VIEW" if stored else "VIEW"
        settings = f" WITH ({options})" if options else ""
        create = f"CREATE {kind} {name}{settings} AS {definition.strip().rstrip(';')}"
        if stored:
            create += " WITH DATA" if filled else " WITH NO DATA"
        alter = f"ALTER {kind} {name} OWNER TO {owner}"
        problem = "" if mine else f"belongs to {owner}"
        views.append(View(name, kind, (create, *parts, alter, *grants), problem))
    return views
