"""A colour that is no hex colour becomes the default, whoever writes it.

Other programs may write what the check of the migration before refuses.
"""

from django.db import migrations

import schema.operations

POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION personas_normal_color() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.color := '#4f46e5';
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE OR REPLACE TRIGGER personas_normal_color BEFORE INSERT OR UPDATE ON personas
    FOR EACH ROW WHEN (NEW.color !~ '^#[0-9A-Fa-f]{6}$')
    EXECUTE FUNCTION personas_normal_color()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER IF EXISTS personas_normal_color ON personas",
    "DROP FUNCTION IF EXISTS personas_normal_color()",
]


class Migration(migrations.Migration):
    dependencies = [("personas", "0002_multi_persona")]

    # On SQLite no other program writes.
    operations = [
        schema.operations.RerunnableSQL(
            forward={"postgresql": POSTGRESQL}, backward={"postgresql": POSTGRESQL_BACK}
        ),
    ]
