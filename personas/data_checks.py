"""Checks of personas for `verify --data`."""

from schema.drift.data_checks import DataCheck

CHECKS = [
    DataCheck(
        name="rows of personas.is_active",
        after=("personas", "0002_multi_persona"),
        expected="at most one active persona a user",
        offending=(
            "SELECT user_id FROM personas WHERE is_active GROUP BY user_id HAVING count(*) > 1"
        ),
        # The one that was activated last stays active.
        repair=(
            "UPDATE personas SET is_active = false WHERE is_active AND EXISTS ("
            "SELECT 1 FROM personas AS later WHERE later.user_id = personas.user_id"
            " AND later.is_active AND (later.updated_at > personas.updated_at"
            " OR (later.updated_at = personas.updated_at AND later.id > personas.id)))",
        ),
        table="personas",
    ),
    DataCheck(
        name="rows of personas.is_active",
        after=("personas", "0002_multi_persona"),
        expected="an active persona for every user with personas",
        offending=(
            "SELECT user_id FROM personas GROUP BY user_id"
            " HAVING count(CASE WHEN is_active THEN 1 END) = 0"
        ),
        repair=(
            "UPDATE personas SET is_active = true WHERE id IN (SELECT id FROM ("
            "SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS place,"
            " count(CASE WHEN is_active THEN 1 END) OVER (PARTITION BY user_id) AS active"
            " FROM personas) AS by_age WHERE place = 1 AND active = 0)",
        ),
        table="personas",
    ),
]
