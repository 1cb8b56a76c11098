"""The scripts that were run by hand, as lists of single statements.

Psql ran a script statement by statement, so any number of the first ones may be all there is.
"""

BASE = [
    """CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        email text UNIQUE NOT NULL,
        password_hash text NOT NULL,
        name text,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    )""",
    """CREATE TABLE personas (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        name text DEFAULT 'My Twin',
        metadata jsonb DEFAULT '{}',
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    )""",
    "CREATE INDEX idx_personas_user_id ON personas (user_id)",
]

# Tables that are none of this project's business.
OTHERS = [
    """CREATE TABLE persona_samples (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        persona_id uuid REFERENCES personas (id) ON DELETE CASCADE,
        content text NOT NULL
    )""",
    """CREATE TABLE messages (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        body text
    )""",
    """CREATE TABLE actions (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        persona_id uuid REFERENCES personas (id) ON DELETE SET NULL,
        kind text
    )""",
    """CREATE TABLE metrics (
        id serial PRIMARY KEY,
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        value numeric
    )""",
]

TRACKING = [
    """CREATE TABLE schema_migrations (
        id serial PRIMARY KEY,
        filename varchar(255) UNIQUE NOT NULL,
        executed_at timestamp DEFAULT now()
    )""",
]

V2 = [
    """CREATE TABLE IF NOT EXISTS chat_messages (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        thread_id uuid,
        role varchar(50) NOT NULL CHECK (role IN ('user', 'assistant', 'twin')),
        content text NOT NULL,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    )""",
    "CREATE INDEX IF NOT EXISTS idx_chat_messages_user ON chat_messages (user_id)",
    "CREATE INDEX IF NOT EXISTS idx_chat_messages_created ON chat_messages (created_at DESC)",
    "CREATE INDEX IF NOT EXISTS idx_chat_messages_thread ON chat_messages (thread_id)",
]

EARLY = [
    """CREATE TABLE chat_messages (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        persona_id uuid REFERENCES personas (id) ON DELETE CASCADE,
        role text NOT NULL CHECK (role IN ('user', 'assistant')),
        content text NOT NULL,
        confidence numeric(5, 2),
        created_at timestamptz DEFAULT now()
    )""",
    "CREATE INDEX idx_chat_messages_user_id ON chat_messages (user_id)",
    "CREATE INDEX idx_chat_messages_created_at ON chat_messages (created_at DESC)",
]

V3 = [
    "ALTER TABLE personas ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT true",
    "ALTER TABLE personas ADD COLUMN IF NOT EXISTS description text DEFAULT ''",
    "ALTER TABLE personas ADD COLUMN IF NOT EXISTS color varchar(7) DEFAULT '#4f46e5'",
    "CREATE INDEX IF NOT EXISTS idx_personas_active ON personas (user_id, is_active)",
    "CREATE INDEX IF NOT EXISTS idx_personas_user ON personas (user_id)",
]

V4 = [
    """CREATE TABLE IF NOT EXISTS threads (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        persona_id uuid REFERENCES personas (id) ON DELETE SET NULL,
        title varchar(255) NOT NULL,
        description text,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now(),
        last_message_at timestamptz,
        message_count integer DEFAULT 0
    )""",
    "CREATE INDEX IF NOT EXISTS idx_threads_user ON threads (user_id)",
    "CREATE INDEX IF NOT EXISTS idx_threads_persona ON threads (persona_id)",
    "CREATE INDEX IF NOT EXISTS idx_threads_updated ON threads (updated_at DESC)",
    """DO $$ BEGIN
        IF NOT EXISTS (
            SELECT FROM information_schema.columns
            WHERE table_name = 'chat_messages' AND column_name = 'thread_id'
        ) THEN
            ALTER TABLE chat_messages
            ADD COLUMN thread_id uuid REFERENCES threads (id) ON DELETE CASCADE;
        END IF;
    END $$""",
    "CREATE INDEX IF NOT EXISTS idx_messages_thread ON chat_messages (thread_id)",
    """INSERT INTO threads (user_id, persona_id, title)
       SELECT u.id, p.id, 'General' FROM users u
       LEFT JOIN personas p ON p.user_id = u.id AND p.is_active""",
    """UPDATE chat_messages SET thread_id = (
           SELECT t.id FROM threads t
           WHERE t.user_id = chat_messages.user_id AND t.title = 'General' LIMIT 1
       ) WHERE thread_id IS NULL""",
    """UPDATE threads SET
           message_count = (SELECT count(*) FROM chat_messages m WHERE m.thread_id = threads.id),
           last_message_at = (
               SELECT max(created_at) FROM chat_messages m WHERE m.thread_id = threads.id
           )""",
]


def recorded(*files: str) -> list[str]:
    """Return what the script runner wrote of these files, a day apart, in UTC."""
    return TRACKING + [
        f"INSERT INTO schema_migrations (filename, executed_at)"
        f" VALUES ('{file}', '2025-01-{27 + day} 11:30:00.25')"
        for day, file in enumerate(files)
    ]


V2_FILE = "schema_v2.sql"
V3_FILE = "schema_v3_multi_persona.sql"
V4_FILE = "schema_v4_threading.sql"
