"""Comparing two catalogs that are written by hand, without a database."""

from dataclasses import replace
from typing import Any

import pytest

from schema.drift.compare import find, pair_constraints
from schema.introspection.catalog import (
    Catalog,
    Column,
    Constraint,
    Function,
    Index,
    Table,
    Trigger,
)

pytestmark = pytest.mark.engines("any")

ID = Column("id", "uuid", nullable=False)
OWNER = Column("owner", "uuid", nullable=True, default="NULL")
KEY = Constraint("pens_pkey", "primary key", "PRIMARY KEY (id)", ("id",))
FOREIGN = Constraint(
    "pens_owner_fk", "foreign key", "FOREIGN KEY (owner) REFERENCES people(id)", ("owner",)
)
CHECK = Constraint("pens_size", "check", "CHECK (size > 0)", ("size",))
INDEX = Index("pens_recent", "pens (made_at)")
TRIGGER = Trigger("count_pens", "CREATE TRIGGER count_pens AFTER INSERT ON pens")
PENS = Table(
    "pens",
    {"id": ID, "owner": OWNER},
    [KEY, FOREIGN, CHECK],
    {"pens_recent": INDEX},
    {"count_pens": TRIGGER},
)
FUNCTION = Function("count()", "SELECT\n  1", "sql")


def catalog(table: Table = PENS, *functions: Function, **others: Any) -> Catalog:
    """Return a catalog with one table, changed as `others` say."""
    changed = replace(table, **others)
    return Catalog("postgresql", {table.name: changed}, {one.signature: one for one in functions})


def found(table: Table = PENS, **others: Any) -> list[tuple[str, str, str]]:
    """Return what differs from PENS in a table that is changed as `others` say."""
    differences = [one.difference([]) for one in find(catalog(), catalog(table, **others))]
    return [(one.object, one.expected, one.found) for one in differences]


def test_equal_catalogs_have_no_difference() -> None:
    assert found() == []


def test_objects_of_somebody_else_are_no_difference() -> None:
    extra = Column("size", "integer", nullable=True)
    assert found(columns={"id": ID, "owner": OWNER, "size": extra}) == []
    assert found(constraints=[KEY, FOREIGN, CHECK, replace(CHECK, name="own_check")]) == []
    assert found(indexes={"pens_recent": INDEX, "own": replace(INDEX, name="own")}) == []
    assert found(triggers={"count_pens": TRIGGER, "own": replace(TRIGGER, name="own")}) == []
    assert find(catalog(), catalog(PENS, FUNCTION)) == []


def test_missing_table_is_one_difference() -> None:
    assert [one.label for one in find(catalog(), Catalog("postgresql"))] == ["table pens"]


def test_other_options_of_a_table_are_a_difference() -> None:
    assert found(options="UNLOGGED") == [("table pens", "a plain table", "UNLOGGED")]


def test_function_is_found_missing_or_different() -> None:
    other = replace(FUNCTION, definition="SELECT 2")
    expected = catalog(PENS, FUNCTION)
    for instead, words in ((catalog(), "missing"), (catalog(PENS, other), "SELECT 2")):
        (difference,) = [one.difference([]) for one in find(expected, instead)]
        assert difference.object == "function count()"
        assert (difference.expected, difference.found) == ("SELECT 1", words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "text"}, "text DEFAULT NULL"),
        ({"nullable": False}, "uuid DEFAULT NULL NOT NULL"),
        ({"default": None}, "uuid"),
        ({"collation": "C"}, "uuid COLLATE C DEFAULT NULL"),
        ({"default": None, "identity": "ALWAYS"}, "uuid GENERATED ALWAYS AS IDENTITY"),
        (
            {"default": None, "generated": "(id) STORED"},
            "uuid GENERATED ALWAYS AS (id) STORED",
        ),
    ],
)
def test_every_part_of_a_column_is_compared(change: dict[str, Any], words: str) -> None:
    owner = replace(OWNER, **change)
    assert found(columns={"id": ID, "owner": owner}) == [
        ("column pens.owner", "uuid DEFAULT NULL", words)
    ]


def test_missing_objects_are_named_with_their_table() -> None:
    assert found(columns={"id": ID}) == [("column pens.owner", "uuid DEFAULT NULL", "missing")]
    assert found(constraints=[KEY, FOREIGN]) == [
        ("check pens.pens_size", "CHECK (size > 0)", "missing")
    ]
    assert found(indexes={}) == [("index pens.pens_recent", "INDEX ON pens (made_at)", "missing")]
    assert found(triggers={}) == [("trigger pens.count_pens", TRIGGER.definition, "missing")]


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        (KEY, {"definition": "PRIMARY KEY (owner)", "columns": ("owner",)}),
        (FOREIGN, {"definition": "FOREIGN KEY (owner) REFERENCES dogs(id)"}),
        (FOREIGN, {"valid": False}),
        (FOREIGN, {"enforced": False}),
        (CHECK, {"kind": "unique"}),
    ],
)
def test_every_part_of_a_constraint_is_compared(
    constraint: Constraint, change: dict[str, Any]
) -> None:
    other = replace(constraint, **change)
    constraints = [other if one is constraint else one for one in PENS.constraints]
    assert found(constraints=constraints) == [
        (f"{constraint.kind} pens.{constraint.name}", constraint.describe(), other.describe())
    ]


@pytest.mark.parametrize(
    "change", [{"definition": "pens (owner)"}, {"unique": True}, {"valid": False}]
)
def test_every_part_of_an_index_is_compared(change: dict[str, Any]) -> None:
    other = replace(INDEX, **change)
    assert found(indexes={"pens_recent": other}) == [
        ("index pens.pens_recent", INDEX.describe(), other.describe())
    ]


@pytest.mark.parametrize(
    ("enabled", "words"), [("D", ", disabled"), ("R", ", on replicas only"), ("A", ", always")]
)
def test_state_of_a_trigger_is_compared(enabled: str, words: str) -> None:
    assert found(triggers={"count_pens": replace(TRIGGER, enabled=enabled)}) == [
        ("trigger pens.count_pens", TRIGGER.definition, TRIGGER.definition + words)
    ]


def test_stricter_object_than_expected_is_no_difference() -> None:
    table = replace(
        PENS,
        constraints=[KEY, replace(FOREIGN, valid=False), CHECK],
        indexes={"pens_recent": replace(INDEX, valid=False)},
    )
    assert find(catalog(table), catalog()) == []


def test_definition_as_a_restored_dump_writes_it_is_no_difference() -> None:
    restored = "CHECK ((size > 0))"
    table = replace(PENS, constraints=[replace(CHECK, canonical=restored)])
    other = replace(PENS, constraints=[replace(CHECK, definition=restored)])
    assert find(catalog(table), catalog(other)) == []
    index = replace(PENS, indexes={"pens_recent": replace(INDEX, canonical="pens (made)")})
    restored_index = {"pens_recent": replace(INDEX, definition="pens (made)")}
    assert find(catalog(index), catalog(PENS, indexes=restored_index)) == []


@pytest.mark.parametrize(
    ("label", "change"),
    [
        ("check pens.pens_size", {"constraints": [KEY, FOREIGN, replace(CHECK, name="other")]}),
        ("index pens.pens_recent", {"indexes": {"other": replace(INDEX, name="other")}}),
        (
            "trigger pens.count_pens",
            {"triggers": {"other": Trigger("other", "CREATE TRIGGER other AFTER INSERT ON pens")}},
        ),
    ],
)
def test_object_under_another_name_is_a_rename(label: str, change: dict[str, Any]) -> None:
    assert found(**change) == [(label, label.rpartition(".")[2], "named other")]


def test_object_that_differs_in_more_than_the_name_is_missing() -> None:
    assert found(indexes={"other": Index("other", "pens (owner)")}) == [
        ("index pens.pens_recent", "INDEX ON pens (made_at)", "missing")
    ]
    disabled = Trigger("other", "CREATE TRIGGER other AFTER INSERT ON pens", enabled="D")
    elsewhere = Trigger("other", "CREATE TRIGGER other AFTER DELETE ON pens")
    for other in (disabled, elsewhere):
        assert found(triggers={"other": other}) == [
            ("trigger pens.count_pens", TRIGGER.definition, "missing")
        ]


def test_one_object_is_the_counterpart_of_one_expected_object() -> None:
    twice = {"first": replace(INDEX, name="first"), "second": replace(INDEX, name="second")}
    one = {"other": replace(INDEX, name="other")}
    labels = [
        (finding.label, finding.renamed)
        for finding in find(catalog(PENS, indexes=twice), catalog(PENS, indexes=one))
    ]
    assert labels == [("index pens.first", True), ("index pens.second", False)]
    (first, second) = pair_constraints([CHECK, replace(CHECK, name="b")], [CHECK])
    assert (first[1], second[1]) == (CHECK, None)


def test_constraint_is_paired_by_name_then_definition_then_columns() -> None:
    by_name = replace(FOREIGN, definition="FOREIGN KEY (other) REFERENCES people(id)")
    by_definition = replace(FOREIGN, name="other")
    by_columns = replace(
        FOREIGN, name="other", definition="FOREIGN KEY (owner) REFERENCES dogs(id)"
    )
    assert pair_constraints([FOREIGN], [by_columns, by_definition, by_name]) == [(FOREIGN, by_name)]
    assert pair_constraints([FOREIGN], [by_columns, by_definition]) == [(FOREIGN, by_definition)]
    assert pair_constraints([FOREIGN], [by_columns]) == [(FOREIGN, by_columns)]
    assert pair_constraints([FOREIGN], [replace(by_columns, columns=("id",))]) == [(FOREIGN, None)]
    assert pair_constraints([FOREIGN], [replace(by_columns, kind="unique")]) == [(FOREIGN, None)]


def test_table_has_one_primary_key_whatever_its_columns() -> None:
    other = Constraint("key", "primary key", "PRIMARY KEY (owner)", ("owner",))
    assert pair_constraints([KEY], [other]) == [(KEY, other)]


def test_checks_of_one_column_are_not_paired_by_it() -> None:
    other = replace(CHECK, name="other", definition="CHECK (size < 9)")
    assert pair_constraints([CHECK], [other]) == [(CHECK, None)]


def test_constraint_whose_name_is_expected_elsewhere_is_not_taken() -> None:
    second = replace(CHECK, name="second")
    assert pair_constraints([CHECK, second], [second]) == [(CHECK, None), (second, second)]


def test_constraints_without_a_name_are_paired_by_definition() -> None:
    nameless = replace(CHECK, name="")
    other = replace(nameless, definition="CHECK (size < 9)")
    assert pair_constraints([other, nameless], [nameless]) == [(other, None), (nameless, nameless)]
    table = replace(PENS, constraints=[nameless])
    (finding,) = find(catalog(table), catalog(PENS, constraints=[]))
    assert finding.label == "check pens.(size)"


def test_index_that_is_expected_itself_is_not_another_one_renamed() -> None:
    twice = {"first": replace(INDEX, name="first"), "second": replace(INDEX, name="second")}
    one = {"second": twice["second"]}
    findings = find(catalog(PENS, indexes=twice), catalog(PENS, indexes=one))
    assert [(finding.label, finding.found) for finding in findings] == [("index pens.first", None)]
