"""What suppliers sent to their sandboxes and were answered: for nobody else's practice.

PostgreSQL shows it to its practice only, as every table with one (0017), and keeps nothing that was
sent to a real one; on SQLite the service alone sees to that, as a trigger there may name no other
table (0020).
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

TABLE = "practice_sandboxexchange"
ONLY_SANDBOXES = f"""
CREATE FUNCTION sandbox_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM practice_organisation WHERE id = NEW.organisation_id AND sandbox_of <> ''
    ) THEN
        RAISE EXCEPTION 'nothing that is sent to a real practice is kept here'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_only BEFORE INSERT OR UPDATE ON {TABLE}
FOR EACH ROW EXECUTE FUNCTION sandbox_only()
"""


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    schema_editor.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    schema_editor.execute(
        f"CREATE POLICY in_reach ON {TABLE} USING ({in_reach('organisation_id')})", params=None
    )
    schema_editor.execute(ONLY_SANDBOXES, params=None)


def expose(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION sandbox_only() CASCADE")
        schema_editor.execute(f"DROP POLICY in_reach ON {TABLE}")
        schema_editor.execute(f"ALTER TABLE {TABLE} DISABLE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0044_sandboxes_of_suppliers"),
    ]

    operations = [
        migrations.CreateModel(
            name="SandboxExchange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=32)),
                ("request_headers", models.JSONField(default=dict)),
                ("request_body", models.TextField(blank=True)),
                ("response_headers", models.JSONField(default=dict)),
                ("response_body", models.TextField(blank=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sandbox_exchanges",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="sandboxexchange",
            constraint=models.UniqueConstraint(
                fields=("organisation", "key"), name="sandbox_exchange_once"
            ),
        ),
        migrations.AddIndex(
            model_name="sandboxexchange",
            index=models.Index(fields=["organisation", "-id"], name="sandbox_exchange_latest"),
        ),
        migrations.RunPython(guard, expose),
    ]
