"""How staff booked an appointment, for whom, and why so late; seen where the appointment is."""

import django.db.models.deletion
from django.db import migrations, models

# As for the other parts of an appointment (0017): its own policy decides.
PARTS = ("howbooked", "exceptionreason")


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for part in PARTS:
        schema_editor.execute(f"ALTER TABLE practice_{part} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(
            f"CREATE POLICY in_reach ON practice_{part} USING ((SELECT whole.id FROM "  # nosec B608 - names from above
            "practice_appointment whole WHERE whole.id = appointment_id) IS NOT NULL)",
            params=None,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0030_imported_records"),
    ]

    operations = [
        migrations.CreateModel(
            name="HowBooked",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("telephone", "By telephone"),
                            ("in-person", "At the desk"),
                            ("online", "Online"),
                            ("letter", "By letter or email"),
                            ("gp-connect", "GP Connect"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("practice", "The patient, or the practice"),
                            ("urgent-care", "NHS 111 or urgent care"),
                            ("gp-practice", "Another GP practice"),
                            ("other", "Another organisation"),
                        ],
                        default="practice",
                        max_length=20,
                    ),
                ),
                (
                    "appointment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="how_booked",
                        to="practice.appointment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ExceptionReason",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=100)),
                ("given_at", models.DateTimeField()),
                ("given_by_name", models.CharField(max_length=200)),
                (
                    "appointment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exception_reasons",
                        to="practice.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["reason"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("appointment", "reason"), name="exception_reason_given_once"
                    )
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
