"""Notes about patients, for reception; PostgreSQL shows them to the patient's practice only."""

import django.db.models.deletion
from django.db import migrations, models

# As for the other parts of a patient (0017): the patient's own policy decides.
POLICY = (
    "CREATE POLICY in_reach ON practice_patientnote USING ((SELECT whole.id FROM practice_patient "
    "whole WHERE whole.id = patient_id) IS NOT NULL)"
)


def guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE practice_patientnote ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(POLICY, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0020_pages_see_what_changed"),
    ]

    operations = [
        migrations.CreateModel(
            name="PatientNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.CharField(max_length=300)),
                ("written_at", models.DateTimeField()),
                ("written_by_name", models.CharField(max_length=200, verbose_name="written by")),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ended_by_name",
                    models.CharField(blank=True, max_length=200, verbose_name="ended by"),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="practice.patient",
                    ),
                ),
            ],
            options={
                "verbose_name": "note",
                "ordering": ["-written_at", "-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="patient_note_says_something",
                    )
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
