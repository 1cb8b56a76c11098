"""Gather the planner's statistics of tables that have none."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.report import Report

# A restored or copied table has rows and no statistics, until the autovacuum comes by.
WITHOUT_STATISTICS = """
    SELECT c.oid::regclass::text
    FROM pg_class AS c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relkind = 'r' AND c.relname = ANY (%s) AND pg_has_role(c.relowner, 'USAGE')
      AND pg_relation_size(c.oid) > 0
      AND NOT EXISTS (SELECT FROM pg_stats AS s
                      WHERE s.schemaname = current_schema() AND s.tablename = c.relname)
    ORDER BY 1
"""


def analyze_new_tables(connection: BaseDatabaseWrapper, report: Report) -> None:
    """Run ANALYZE on the project's tables that have rows and no statistics.

    One query where there are none. Tables that are locked are left to the autovacuum.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        names = connection.introspection.django_table_names(include_views=False)
        cursor.execute(WITHOUT_STATISTICS, [names])
        tables = [table for (table,) in cursor.fetchall()]
        for table in tables:
            report.status(f"  analyzing {table} ...")
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {table}")
    if tables:
        report.write(
            "analyzed",
            f"Analyzed tables without statistics: {', '.join(tables)}.",
            tables=tables,
        )
