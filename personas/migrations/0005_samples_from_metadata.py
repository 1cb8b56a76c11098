"""The samples in `metadata` become rows; on the way back, all samples go into `metadata`.

`sampleTexts` is a list of texts, or of objects with a text, or the keys of an object, or the
lines of one text. The samples keep their order: each is a microsecond younger than the one before.
"""

from django.db import migrations

import schema.operations

POSTGRESQL = [
    r"""
    INSERT INTO personas_samples (persona_id, text, source, created_at)
    SELECT id, text, 'form', now() + place * interval '1 microsecond'
    FROM (SELECT id, metadata -> 'sampleTexts' AS value FROM personas WHERE {batch}) AS owners
    CROSS JOIN LATERAL (
        SELECT place, btrim(CASE jsonb_typeof(item)
            WHEN 'object' THEN coalesce(
                CASE jsonb_typeof(item -> 'phrase') WHEN 'string' THEN item ->> 'phrase' END,
                CASE jsonb_typeof(item -> 'text') WHEN 'string' THEN item ->> 'text' END,
                CASE jsonb_typeof(item -> 'content') WHEN 'string' THEN item ->> 'content' END)
            WHEN 'boolean' THEN NULL
            ELSE item #>> '{}'
        END, E' \t\r\n\f\v') AS text
        FROM jsonb_array_elements(CASE jsonb_typeof(value)
            WHEN 'array' THEN value
            WHEN 'object' THEN (SELECT jsonb_agg(key) FROM jsonb_object_keys(value) AS key)
            WHEN 'string' THEN to_jsonb(regexp_split_to_array(value #>> '{}', E'\r\n?|\n'))
        END) WITH ORDINALITY AS items (item, place)
    ) AS texts
    WHERE text <> ''
    """,
    """
    UPDATE personas SET metadata = metadata - 'sampleTexts'
    WHERE {batch} AND metadata -> 'sampleTexts' IS NOT NULL
        AND EXISTS (SELECT FROM personas_samples WHERE persona_id = personas.id)
    """,
]
POSTGRESQL_BACK = [
    """
    UPDATE personas SET metadata =
        CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata
            ELSE jsonb_build_object('metadata', metadata) END
        || jsonb_build_object('sampleTexts',
            CASE jsonb_typeof(metadata -> 'sampleTexts')
                WHEN 'array' THEN metadata -> 'sampleTexts' ELSE '[]' END
            || (SELECT jsonb_agg(text ORDER BY created_at, id) FROM personas_samples
                WHERE persona_id = personas.id))
    WHERE {batch} AND EXISTS (SELECT FROM personas_samples WHERE persona_id = personas.id)
    """,
    """
    DELETE FROM personas_samples
    WHERE persona_id IN (SELECT id FROM personas WHERE {batch})
    """,
]

OWNERS = """
    SELECT id, metadata,
        CASE WHEN json_valid(metadata) THEN json_type(metadata, '$.sampleTexts') END AS kind
    FROM personas WHERE {batch}
"""
ITEMS = """
    json_each(CASE kind WHEN 'array' THEN json_extract(metadata, '$.sampleTexts') ELSE '[]' END)
"""
BLANKS = "' ' || char(9, 10, 11, 12, 13)"
SQLITE = [
    f"""
    INSERT INTO personas_samples (persona_id, text, source, created_at)
    WITH RECURSIVE owners AS ({OWNERS}), lines (id, place, text, rest) AS (
        SELECT id, 0, '', replace(
            json_extract(metadata, '$.sampleTexts'), char(13), char(10)) || char(10)
        FROM owners WHERE kind = 'text'
        UNION ALL
        SELECT id, place + 1, substr(rest, 1, instr(rest, char(10)) - 1),
            substr(rest, instr(rest, char(10)) + 1)
        FROM lines WHERE rest <> ''
    ), texts AS (
        SELECT id, place, text FROM lines
        UNION ALL
        SELECT owners.id, items.key + 1, CASE items.type
            WHEN 'object' THEN coalesce(
                CASE json_type(items.value, '$.phrase') WHEN 'text'
                    THEN json_extract(items.value, '$.phrase') END,
                CASE json_type(items.value, '$.text') WHEN 'text'
                    THEN json_extract(items.value, '$.text') END,
                CASE json_type(items.value, '$.content') WHEN 'text'
                    THEN json_extract(items.value, '$.content') END)
            WHEN 'true' THEN NULL
            WHEN 'false' THEN NULL
            ELSE items.value
        END
        FROM owners CROSS JOIN {ITEMS} AS items
        UNION ALL
        SELECT owners.id, row_number() OVER (PARTITION BY owners.id), keys.key
        FROM owners CROSS JOIN json_each(
            CASE kind WHEN 'object' THEN json_extract(metadata, '$.sampleTexts') ELSE '[]' END
        ) AS keys
        WHERE kind = 'object'
    )
    SELECT id, trim(text, {BLANKS}), 'form',
        strftime('%Y-%m-%d %H:%M:%S', 'now') || printf('.%06d', place)
    FROM texts WHERE trim(text, {BLANKS}) <> ''
    """,
    """
    UPDATE personas SET metadata = json_remove(metadata, '$.sampleTexts')
    WHERE {batch} AND CASE WHEN json_valid(metadata)
            THEN json_type(metadata, '$.sampleTexts') END IS NOT NULL
        AND EXISTS (SELECT 1 FROM personas_samples WHERE persona_id = personas.id)
    """,
]
SQLITE_BACK = [
    """
    UPDATE personas SET metadata = json_set(
        CASE json_type(metadata) WHEN 'object' THEN metadata
            ELSE json_object('metadata', json(metadata)) END,
        '$.sampleTexts',
        (SELECT json_group_array(text) FROM (
            SELECT value AS text, 0 AS part, key AS place, 0 AS id FROM json_each(
                CASE json_type(metadata, '$.sampleTexts')
                    WHEN 'array' THEN json_extract(metadata, '$.sampleTexts') ELSE '[]' END)
            UNION ALL
            SELECT text, 1, created_at, id FROM personas_samples WHERE persona_id = personas.id
            ORDER BY part, place, id
        ))
    )
    WHERE {batch} AND EXISTS (SELECT 1 FROM personas_samples WHERE persona_id = personas.id)
    """,
    """
    DELETE FROM personas_samples
    WHERE persona_id IN (SELECT id FROM personas WHERE {batch})
    """,
]


class Migration(migrations.Migration):
    # In batches, each in a transaction of its own: there may be millions of personas.
    atomic = False

    dependencies = [("personas", "0004_samples")]

    operations = [
        schema.operations.BatchedSQL(
            __name__,
            "samples of personas",
            "personas",
            forward={"postgresql": POSTGRESQL, "sqlite": SQLITE},
            backward={"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK},
            key="id",
        ),
    ]
