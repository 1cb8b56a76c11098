"""Drift of tables and their columns on PostgreSQL."""

# What happened to the database, and the one thing that differs then.
COLUMNS: dict[str, tuple[str, str]] = {
    "table dropped": (
        "DROP TABLE django_session",
        "table django_session",
    ),
    "table unlogged": (
        "ALTER TABLE django_session SET UNLOGGED",
        "table django_session",
    ),
    "column dropped": (
        "ALTER TABLE users DROP COLUMN is_staff",
        "column users.is_staff",
    ),
    "column without a default dropped": (
        "ALTER TABLE schema_quarantine DROP COLUMN reason",
        "column schema_quarantine.reason",
    ),
    "type narrowed": (
        "ALTER TABLE chat_messages ALTER COLUMN role TYPE varchar(20)",
        "column chat_messages.role",
    ),
    "type widened": (
        "ALTER TABLE chat_messages ALTER COLUMN role TYPE varchar(100)",
        "column chat_messages.role",
    ),
    "type of a column that somebody's trigger reads": (
        "ALTER TABLE schema_quarantine ALTER COLUMN reason TYPE varchar(500);"
        "CREATE TRIGGER others BEFORE UPDATE ON schema_quarantine FOR EACH ROW"
        " WHEN (NEW.reason IS NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "column schema_quarantine.reason",
    ),
    "smallint made integer": (
        "ALTER TABLE django_admin_log ALTER COLUMN action_flag TYPE integer",
        "column django_admin_log.action_flag",
    ),
    "time zone lost": (
        "ALTER TABLE schema_quarantine ALTER COLUMN quarantined_at TYPE timestamp",
        "column schema_quarantine.quarantined_at",
    ),
    "jsonb made json": (
        "ALTER TABLE schema_quarantine ALTER COLUMN row TYPE json",
        "column schema_quarantine.row",
    ),
    "NOT NULL dropped": (
        "ALTER TABLE chat_messages ALTER COLUMN content DROP NOT NULL",
        "column chat_messages.content",
    ),
    "NOT NULL dropped where a default fills in": (
        "ALTER TABLE chat_messages ALTER COLUMN created_at DROP NOT NULL;"
        "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', '');"
        "INSERT INTO chat_messages (user_id, role, content, created_at)"
        " SELECT id, 'user', '', NULL FROM users",
        "column chat_messages.created_at",
    ),
    "NOT NULL added": (
        "ALTER TABLE threads ALTER COLUMN persona_id SET NOT NULL",
        "column threads.persona_id",
    ),
    "default dropped": (
        "ALTER TABLE users ALTER COLUMN id DROP DEFAULT",
        "column users.id",
    ),
    "default changed": (
        "ALTER TABLE personas ALTER COLUMN color SET DEFAULT '#000000'",
        "column personas.color",
    ),
    "default added": (
        "ALTER TABLE threads ALTER COLUMN title SET DEFAULT 'Untitled'",
        "column threads.title",
    ),
    "collation changed": (
        'ALTER TABLE threads ALTER COLUMN title TYPE varchar(255) COLLATE "C"',
        "column threads.title",
    ),
    "identity dropped": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id DROP IDENTITY",
        "column schema_quarantine.id",
    ),
    "identity made strict": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id SET GENERATED ALWAYS",
        "column schema_quarantine.id",
    ),
    "identity made a serial": (
        "ALTER TABLE schema_quarantine ALTER COLUMN id DROP IDENTITY;"
        "CREATE SEQUENCE quarantine_seq;"
        "ALTER TABLE schema_quarantine"
        " ALTER COLUMN id SET DEFAULT nextval('quarantine_seq')",
        "column schema_quarantine.id",
    ),
}
