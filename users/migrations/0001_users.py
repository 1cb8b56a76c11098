"""The base, first half: people."""

import django.core.validators
import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Lower, Now

import schema.functions
import schema.operations

# Other programs may write NULL where the old table allowed it and ours does not.
NULL_MEANS_DEFAULT = [
    """
    CREATE FUNCTION users_null_means_default() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.name := COALESCE(NEW.name, '');
        NEW.created_at := COALESCE(NEW.created_at, now());
        NEW.updated_at := COALESCE(NEW.updated_at, now());
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER users_null_means_default BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW WHEN (NEW.name IS NULL OR NEW.created_at IS NULL OR NEW.updated_at IS NULL)
    EXECUTE FUNCTION users_null_means_default()
    """,
]
NULL_IS_REFUSED = [
    "DROP TRIGGER users_null_means_default ON users",
    "DROP FUNCTION users_null_means_default()",
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("schema", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        primary_key=True,
                        default=schema.functions.uuid7,
                        db_default=schema.functions.RandomUUID(),
                        editable=False,
                        serialize=False,
                    ),
                ),
                (
                    "email",
                    models.TextField("e-mail", validators=[django.core.validators.validate_email]),
                ),
                ("password", models.TextField(db_column="password_hash")),
                ("name", models.TextField(blank=True, default="", db_default="")),
                ("is_active", models.BooleanField("active", default=True, db_default=True)),
                (
                    "is_staff",
                    models.BooleanField("may use the admin", default=False, db_default=False),
                ),
                (
                    "is_superuser",
                    models.BooleanField("may do everything", default=False, db_default=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, db_default=Now(), editable=False
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, db_default=Now())),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "db_table": "users",
                "constraints": [
                    models.UniqueConstraint(fields=["email"], name="users_email_key"),
                    models.UniqueConstraint(
                        Lower("email"),
                        name="users_email_lower_key",
                        violation_error_message="There is an account with this e-mail address already.",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="users_created_idx"),
                ],
            },
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": NULL_MEANS_DEFAULT},
            backward={"postgresql": NULL_IS_REFUSED},
        ),
    ]
