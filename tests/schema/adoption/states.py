"""Every state that an old database is known to be in, by name."""

from tests.schema.adoption import people as p
from tests.schema.adoption import scripts as s
from tests.schema.adoption.people import key

BASE = [*s.BASE, *s.OTHERS, *p.PEOPLE, *p.OTHER_ROWS]
STUCK = [*BASE, *s.V2, *s.recorded(s.V2_FILE), *p.TALK]
# Helped past the failing statement by hand.
HELPED_TO_V3 = [*BASE, *s.V2, *p.TALK, *s.V3, *s.recorded(s.V2_FILE, s.V3_FILE)]
HELPED_TO_V4 = [
    *BASE,
    *s.V2,
    *p.TALK,
    *s.V3,
    *s.V4,
    *s.recorded(s.V2_FILE, s.V3_FILE, s.V4_FILE),
    *p.NEWER_MESSAGES,
]
EARLY = [*BASE, *s.EARLY, *p.EARLY_TALK]
DIRT_OF_THE_BASE = [*p.OWNERLESS_PERSONA, *p.NULL_TIMES, *p.NULL_METADATA]

# Every link between messages and threads that somebody may have made by hand.
OTHER_LINKS = [
    "ALTER TABLE chat_messages ADD CONSTRAINT kept FOREIGN KEY (thread_id)"
    " REFERENCES threads (id) ON DELETE SET NULL NOT VALID",
    "ALTER TABLE chat_messages ADD CONSTRAINT forbidden FOREIGN KEY (thread_id)"
    " REFERENCES threads (id) ON DELETE RESTRICT",
    "ALTER TABLE chat_messages ADD CONSTRAINT moved FOREIGN KEY (thread_id)"
    " REFERENCES threads (id) ON UPDATE CASCADE ON DELETE CASCADE",
    "ALTER TABLE threads DROP CONSTRAINT threads_persona_id_fkey",
    "ALTER TABLE threads ADD FOREIGN KEY (persona_id) REFERENCES personas (id) ON DELETE CASCADE",
]


def as_text(statements: list[str]) -> list[str]:
    """Return statements with text wherever they have UUIDs."""
    return [
        statement.replace("uuid PRIMARY", "text PRIMARY")
        .replace(" uuid REFERENCES", " text REFERENCES")
        .replace(" uuid NOT NULL", " text NOT NULL")
        .replace("thread_id uuid", "thread_id text")
        .replace("::uuid", "")
        for statement in statements
    ]


STATES: dict[str, list[str]] = {
    "base only": BASE,
    "base only, no rows": s.BASE,
    "users only, recorded": [*s.BASE[:1], *s.recorded(s.V2_FILE)],
    "an empty tracking table": [*BASE, *s.TRACKING],
    "stuck after v2": STUCK,
    "stuck after v2, unrecorded": [*BASE, *s.V2, *p.TALK],
    "stuck after v2, with dirt": [
        *STUCK,
        *DIRT_OF_THE_BASE,
        *p.NULL_MESSAGE_TIMES,
        *p.TALK_LINKED[-1:],
    ],
    **{f"v2 by psql, {count} statements": [*BASE, *s.V2[:count], *p.TALK] for count in (1, 3)},
    **{f"v3 by psql, {count} statements": [*STUCK, *s.V3[:count]] for count in (1, 3, 5)},
    "helped to v3": HELPED_TO_V3,
    "helped to v3, personas with dirt": [
        *HELPED_TO_V3,
        *DIRT_OF_THE_BASE,
        *p.NO_COLOURS,
        *p.NULL_ACTIVE,
    ],
    "helped to v3, none active": [*HELPED_TO_V3, *p.NONE_ACTIVE],
    **{f"v4 by psql, {count} statements": [*HELPED_TO_V3, *s.V4[:count]] for count in (1, 5, 7, 8)},
    "v4 by psql without v3": [*STUCK, *s.V4[:6]],
    "helped to v4": HELPED_TO_V4,
    "helped to v4, with dirt": [
        *HELPED_TO_V4,
        *DIRT_OF_THE_BASE,
        *p.NULL_MESSAGE_TIMES,
        *p.NO_COLOURS,
        *p.FOREIGN_LINK,
        *p.OWN_THREAD,
    ],
    "helped to v4, unrecorded": [*HELPED_TO_V4, "DROP TABLE schema_migrations"],
    "recorded but absent": [*STUCK, *s.recorded(s.V3_FILE, s.V4_FILE)[1:]],
    "v2 recorded but absent": [*BASE, *s.recorded(s.V2_FILE)],
    "early messages": EARLY,
    "early messages, v2 recorded over them": [
        *EARLY,
        s.V2[2],  # the other indexes fail on it
        *s.recorded(s.V2_FILE),
    ],
    "early messages, with dirt": [
        *EARLY,
        *p.OWNERLESS_PERSONA,
        *p.OWNERLESS_MESSAGES,
        *p.NULL_MESSAGE_TIMES[:1],
    ],
    "early messages, helped to v4": [
        *EARLY,
        *p.OWNERLESS_PERSONA,
        *p.OWNERLESS_MESSAGES,
        *s.V3,
        *s.V4,
        *s.recorded(s.V2_FILE, s.V3_FILE, s.V4_FILE),
    ],
    "views and triggers": [*STUCK, *p.VIEWS, *p.TRIGGERS],
    "early messages, views and triggers": [*EARLY, *p.VIEWS, *p.TRIGGERS],
    "a column by hand, of a type that converts": [
        *STUCK,
        "ALTER TABLE personas ADD COLUMN is_active text DEFAULT 'yes'",
        "ALTER TABLE personas ADD COLUMN color text DEFAULT 'rebeccapurple'",
        "ALTER TABLE personas ALTER COLUMN metadata DROP DEFAULT, ALTER COLUMN metadata TYPE text",
        "ALTER TABLE users ALTER COLUMN created_at TYPE timestamp USING created_at AT TIME ZONE"
        " 'UTC'",
    ],
    "thread links by hand, as text": [
        *STUCK,
        "ALTER TABLE chat_messages ALTER COLUMN thread_id TYPE text",
        "UPDATE chat_messages SET thread_id = 'general' WHERE role = 'user'",
    ],
    "keys and links by hand, as text": as_text(HELPED_TO_V4),
    "one link by hand, as text": [
        *HELPED_TO_V4,
        "ALTER TABLE personas DROP CONSTRAINT personas_user_id_fkey",
        "ALTER TABLE personas ALTER COLUMN user_id TYPE text",
    ],
    "messages by hand, as bytes, and a colour as a number": [
        *STUCK,
        "ALTER TABLE chat_messages ALTER COLUMN content TYPE bytea"
        " USING convert_to(content, 'UTF8')",
        "ALTER TABLE personas ADD COLUMN color integer DEFAULT 255",
    ],
    "links that act otherwise": [*HELPED_TO_V4, *OTHER_LINKS],
    "primary keys lost": [
        *STUCK,
        "ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE",
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_pkey",
        "ALTER TABLE chat_messages ALTER COLUMN id DROP NOT NULL",
    ],
    "columns of the owner's on our tables": [
        *STUCK,
        "ALTER TABLE users ADD COLUMN plan text DEFAULT 'free'",
        "ALTER TABLE chat_messages ADD COLUMN starred boolean",
        "CREATE INDEX owners_own ON chat_messages (starred) WHERE starred",
    ],
    "foreign keys lost": [
        *HELPED_TO_V4,
        "ALTER TABLE personas DROP CONSTRAINT personas_user_id_fkey",
        "ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_user_id_fkey",
        "ALTER TABLE threads DROP CONSTRAINT threads_user_id_fkey",
        f"INSERT INTO personas (id, user_id) VALUES ('{key('d', 8)}', '{key('a', 9)}')",
        f"INSERT INTO chat_messages (id, user_id, role, content)"
        f" VALUES ('{key('e', 60)}', '{key('a', 9)}', 'twin', 'whose?')",
        f"INSERT INTO threads (id, user_id, title)"
        f" VALUES ('{key('f', 60)}', '{key('a', 9)}', 'whose?')",
    ],
}
