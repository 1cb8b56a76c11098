"""Checks of threads for `verify --data`."""

from schema.drift.data_checks import DataCheck

CHECKS = [
    DataCheck(
        name="rows of threads.persona_id",
        after=("threads", "0001_threads"),
        expected="a thread's persona is one of its user's own",
        offending=(
            "SELECT threads.id FROM threads JOIN personas ON personas.id = threads.persona_id"
            " WHERE personas.user_id <> threads.user_id"
        ),
        repair=(
            "UPDATE threads SET persona_id = NULL WHERE persona_id IS NOT NULL AND EXISTS ("
            "SELECT 1 FROM personas WHERE personas.id = threads.persona_id"
            " AND personas.user_id <> threads.user_id)",
        ),
        table="threads",
    ),
]
