"""Databases as the hand-run SQL left them, and the rest of that SQL."""

# What the base and schema_v2.sql make; schema_v3_multi_persona.sql failed after it.
STUCK = """
    CREATE TABLE schema_migrations (
        id serial PRIMARY KEY,
        filename varchar(255) UNIQUE NOT NULL,
        executed_at timestamp DEFAULT now()
    );
    CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        email text UNIQUE NOT NULL,
        password_hash text NOT NULL,
        name text,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    );
    CREATE TABLE personas (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        name text DEFAULT 'My Twin',
        metadata jsonb DEFAULT '{}',
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    );
    CREATE INDEX idx_personas_user_id ON personas (user_id);
    CREATE TABLE chat_messages (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        thread_id uuid,
        role varchar(50) NOT NULL CHECK (role IN ('user', 'assistant', 'twin')),
        content text NOT NULL,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now()
    );
    CREATE INDEX idx_chat_messages_user ON chat_messages (user_id);
    CREATE INDEX idx_chat_messages_created ON chat_messages (created_at DESC);
    CREATE INDEX idx_chat_messages_thread ON chat_messages (thread_id);
    INSERT INTO schema_migrations (filename) VALUES ('schema_v2.sql')
"""
MESSAGES_A_USER = 500
# Two years of messages in the order of their time, few people writing most of them; 20 to
# 400 characters each.
ROWS = """
    INSERT INTO users (email, password_hash, name)
    SELECT 'user' || n || '@example.com', '$2a$10$' || repeat('x', 53), 'User ' || n
    FROM generate_series(1, {users}) AS n;
    INSERT INTO personas (user_id, name)
    SELECT id, 'Twin ' || n FROM users, generate_series(1, 2) AS n;
    CREATE TEMPORARY TABLE people AS
    SELECT row_number() OVER (ORDER BY id) AS place, id FROM users;
    CREATE UNIQUE INDEX ON people (place);
    ANALYZE people;
    INSERT INTO chat_messages (user_id, role, content, created_at, updated_at)
    SELECT people.id, CASE n % 2 WHEN 0 THEN 'user' ELSE 'assistant' END,
           repeat(md5(n::text) || ' about this and that ', 1 + (n % 8)::int), created, created
    FROM (
        SELECT n, 1 + floor(power(random(), 2) * {users})::bigint AS place,
               now() - (({messages} - n)::float / {messages}) * interval '2 years' AS created
        FROM generate_series(1, {messages}) AS n OFFSET 0
    ) AS written
    JOIN people USING (place)
    ORDER BY n;
    DROP TABLE people
"""

# schema_v3_multi_persona.sql, with the one active persona found without min() of a uuid.
MULTI_PERSONA = """
    BEGIN;
    ALTER TABLE personas ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT true;
    ALTER TABLE personas ADD COLUMN IF NOT EXISTS description text DEFAULT '';
    ALTER TABLE personas ADD COLUMN IF NOT EXISTS color varchar(7) DEFAULT '#4f46e5';
    UPDATE personas SET is_active = false WHERE id NOT IN (
        SELECT DISTINCT ON (user_id) id FROM personas ORDER BY user_id, created_at, id
    );
    CREATE INDEX idx_personas_active ON personas (user_id, is_active);
    CREATE INDEX idx_personas_user ON personas (user_id);
    COMMIT
"""
THREADING = """
    BEGIN;
    CREATE TABLE threads (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        persona_id uuid REFERENCES personas (id) ON DELETE SET NULL,
        title varchar(255) NOT NULL,
        description text,
        created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now(),
        last_message_at timestamptz,
        message_count integer DEFAULT 0
    );
    CREATE INDEX idx_threads_user ON threads (user_id);
    CREATE INDEX idx_threads_persona ON threads (persona_id);
    CREATE INDEX idx_threads_updated ON threads (updated_at DESC);
    ALTER TABLE chat_messages ADD COLUMN IF NOT EXISTS thread_id uuid
        REFERENCES threads (id) ON DELETE CASCADE;
    CREATE INDEX idx_messages_thread ON chat_messages (thread_id);
    INSERT INTO threads (user_id, persona_id, title)
    SELECT users.id, personas.id, 'General'
    FROM users LEFT JOIN personas ON personas.user_id = users.id AND personas.is_active;
    UPDATE chat_messages SET thread_id = (
        SELECT id FROM threads
        WHERE threads.user_id = chat_messages.user_id AND title = 'General' LIMIT 1
    ) WHERE thread_id IS NULL;
    UPDATE threads
    SET message_count = (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id),
        last_message_at = (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id);
    COMMIT
"""
# The least that has to be done: each row written once, with its thread.
REWRITE = """
    CREATE TABLE rewritten AS
    SELECT chat_messages.id, user_id, general.id AS thread_id, role, content, created_at,
           updated_at
    FROM chat_messages JOIN (SELECT gen_random_uuid() AS id, id AS user_id FROM users) AS general
        USING (user_id)
"""
