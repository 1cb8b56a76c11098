"""Step 2, multi-persona (was schema_v3_multi_persona.sql): several personas, one active."""

from django.db import migrations, models

import schema.functions
import schema.operations

# Every user has exactly one active persona afterwards: the oldest. One statement, since
# people have few personas.
ACTIVATE_THE_OLDEST = """
    UPDATE personas SET is_active = true WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS place
            FROM personas
        ) AS by_age
        WHERE place = 1
    )
"""

# Making a persona active puts the others off, and a user's first persona is active: this
# holds for rows written by any program. The lock on the user lets two switches that
# arrive at once take turns.
POSTGRESQL = [
    """
    CREATE FUNCTION personas_one_active() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.description := COALESCE(NEW.description, '');
        NEW.color := COALESCE(NEW.color, '#4f46e5');
        NEW.is_active := COALESCE(NEW.is_active, false);
        PERFORM FROM users WHERE id = NEW.user_id FOR NO KEY UPDATE;
        IF NEW.is_active THEN
            UPDATE personas SET is_active = false
            WHERE user_id = NEW.user_id AND is_active AND id <> NEW.id;
        ELSIF TG_OP = 'INSERT' THEN
            NEW.is_active := NOT EXISTS (SELECT FROM personas WHERE user_id = NEW.user_id);
        END IF;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER personas_one_active_insert BEFORE INSERT ON personas
    FOR EACH ROW EXECUTE FUNCTION personas_one_active()
    """,
    """
    CREATE TRIGGER personas_one_active_update BEFORE UPDATE ON personas
    FOR EACH ROW WHEN (
        (NEW.is_active AND NOT OLD.is_active)
        OR NEW.is_active IS NULL OR NEW.description IS NULL OR NEW.color IS NULL
    ) EXECUTE FUNCTION personas_one_active()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER personas_one_active_update ON personas",
    "DROP TRIGGER personas_one_active_insert ON personas",
    "DROP FUNCTION personas_one_active()",
]
SQLITE = [
    """
    CREATE TRIGGER personas_one_active_insert BEFORE INSERT ON personas WHEN NEW.is_active
    BEGIN
        UPDATE personas SET is_active = 0 WHERE user_id = NEW.user_id AND is_active;
    END
    """,
    """
    CREATE TRIGGER personas_first_active_insert AFTER INSERT ON personas
    WHEN NOT NEW.is_active
    BEGIN
        UPDATE personas SET is_active = 1 WHERE id = NEW.id AND NOT EXISTS (
            SELECT 1 FROM personas WHERE user_id = NEW.user_id AND id <> NEW.id
        );
    END
    """,
    """
    CREATE TRIGGER personas_one_active_update BEFORE UPDATE OF is_active ON personas
    WHEN NEW.is_active AND NOT OLD.is_active
    BEGIN
        UPDATE personas SET is_active = 0
        WHERE user_id = NEW.user_id AND is_active AND id <> NEW.id;
    END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER personas_one_active_update",
    "DROP TRIGGER personas_first_active_insert",
    "DROP TRIGGER personas_one_active_insert",
]


class Migration(migrations.Migration):
    dependencies = [
        ("personas", "0001_personas"),
        ("chat", "0001_chat_history"),
    ]

    operations = [
        migrations.AddField(
            model_name="persona",
            name="description",
            field=models.TextField(blank=True, default="", db_default=""),
        ),
        migrations.AddField(
            model_name="persona",
            name="color",
            field=models.CharField("colour", max_length=7, default="#4f46e5", db_default="#4f46e5"),
        ),
        migrations.AddField(
            model_name="persona",
            name="is_active",
            field=models.BooleanField("active", default=False, db_default=False),
        ),
        migrations.RunSQL(
            ACTIVATE_THE_OLDEST,
            migrations.RunSQL.noop,  # the column is dropped on the way back
        ),
        migrations.AddConstraint(
            model_name="persona",
            constraint=models.CheckConstraint(
                condition=schema.functions.IsHexColor("color"),
                name="personas_color_check",
                violation_error_message="A colour is # and six hexadecimal digits: #4f46e5.",
            ),
        ),
        migrations.AddConstraint(
            model_name="persona",
            constraint=models.UniqueConstraint(
                fields=["user"], condition=models.Q(is_active=True), name="personas_one_active"
            ),
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": POSTGRESQL, "sqlite": SQLITE},
            backward={"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK},
        ),
    ]
