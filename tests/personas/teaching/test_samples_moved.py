"""The migrations that move the samples out of `metadata` and back."""

import json
import uuid
from typing import Any

import pytest
from django.db.migrations.executor import MigrationExecutor

from tests.conftest import Database

pytestmark = pytest.mark.engines("sqlite", "postgresql", "older")

BEFORE = [("personas", "0003_normal_color")]
AFTER = [("personas", "0005_samples_from_metadata")]
# What `sampleTexts` may be, and the samples in it.
SHAPES: list[tuple[Any, list[str]]] = [
    ({"sampleTexts": ["One. ", "Two.\n\nThree"], "tone": "dry"}, ["One.", "Two.\n\nThree"]),
    ({"sampleTexts": "first\r\n\n second\rthird"}, ["first", "second", "third"]),
    ({"sampleTexts": {"see you": 4}}, ["see you"]),
    (
        {"sampleTexts": [{"n": 1, "text": 'a "quote" \\n 😀'}, 5, None, True, {}]},
        ['a "quote" \\n 😀', "5"],
    ),
    ({"sampleTexts": []}, []),
    ({"sampleTexts": 7}, []),
    ({"tone": "warm"}, []),
    ([], []),
    ("words", []),
    (None, []),
]


def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def metadata(database: Database) -> list[Any]:
    found = rows(database, "SELECT metadata FROM personas ORDER BY id")
    return [json.loads(value) if isinstance(value, str) else value for (value,) in found]


def test_samples_become_rows_and_go_back(empty_database: Database) -> None:
    connection = empty_database.connection
    MigrationExecutor(connection).migrate(BEFORE)
    with connection.cursor() as cursor:
        user = uuid.UUID(int=1)
        cursor.execute(
            "INSERT INTO users (id, email, password_hash, name) VALUES (%s, 'a@b.c', 'x', 'A')",
            [user.hex],
        )
        for number, (value, _) in enumerate(SHAPES):
            cursor.execute(
                "INSERT INTO personas (id, user_id, name, metadata) VALUES (%s, %s, 'P', %s)",
                [uuid.UUID(int=number).hex, user.hex, json.dumps(value)],
            )
    MigrationExecutor(connection).migrate(AFTER)
    found = rows(
        empty_database,
        "SELECT persona_id, text, source FROM personas_samples ORDER BY persona_id, created_at",
    )
    assert [(str(owner).replace("-", "")[-1], text) for owner, text, _ in found] == [
        (str(number), text) for number, (_, texts) in enumerate(SHAPES) for text in texts
    ]
    assert {source for *_, source in found} == {"form"}
    moved = [
        {key: kept for key, kept in value.items() if key != "sampleTexts"} if texts else value
        for value, texts in SHAPES
    ]
    assert metadata(empty_database) == moved

    MigrationExecutor(connection).migrate(BEFORE)
    back = [
        left | {"sampleTexts": texts} if texts else left
        for left, (_, texts) in zip(moved, SHAPES, strict=True)
    ]
    assert metadata(empty_database) == back
    MigrationExecutor(connection).migrate(AFTER)
    assert metadata(empty_database) == moved
