"""Where imported records came from; PostgreSQL shows it to their practice only."""

from django.db import migrations, models

# As for what else has a practice of its own (0017).
REACH = "(SELECT practices_in_reach())::bigint[]"
POLICY = (
    "CREATE POLICY in_reach ON practice_importedrecord USING "
    f"(CASE WHEN organisation_id = ANY ({REACH}) THEN true ELSE -1 = ANY ({REACH}) END)"
)


def guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE practice_importedrecord ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(POLICY, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0029_texts_become_slot_types"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportedRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=64)),
                ("said", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=20)),
                ("record", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="+",
                        to="practice.organisation",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "source"), name="imported_once")
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
