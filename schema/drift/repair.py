"""Generate the SQL that repairs the differences between two catalogs."""

from __future__ import annotations

from collections.abc import Iterable

from schema.drift import repair_postgresql, repair_sqlite
from schema.drift.compare import ORDER, Difference, find
from schema.drift.repair_columns import Views
from schema.introspection.catalog import Catalog


def differences(
    expected: Catalog, found: Catalog, *, online: bool = True, views: Views = lambda _: []
) -> list[Difference]:
    """Return what differs, in an order in which every repair works after those before it.

    Args:
        expected: What the migrations make.
        found: What there is.
        online: Whether PostgreSQL's repairs spare live traffic, by CONCURRENTLY and the like.
            Such statements cannot run in a transaction; others can.
        views: Finds the views over a column of PostgreSQL that keep it from being changed.
    """
    findings = sorted(
        find(expected, found),
        key=lambda finding: (ORDER.index(finding.kind), finding.found is not None),
    )
    if expected.vendor == "sqlite":
        return repair_sqlite.with_repairs(findings, expected, found)
    return repair_postgresql.with_repairs(findings, expected, found, online=online, views=views)


def script(found: Iterable[Difference]) -> list[str]:
    """Return the statements that repair all the differences; each rebuild appears once."""
    whole: dict[tuple[str, ...], None] = dict.fromkeys(tuple(one.repair) for one in found)
    return [statement for repair in whole for statement in repair]
