"""Appointments that were booked together, each still one of its own."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

# As for the other parts of something (0017): the series' own policy decides.
OF_A_SERIES = (
    "USING ((SELECT whole.id FROM practice_series whole WHERE whole.id = series_id) IS NOT NULL)"
)


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    own = f"USING ({in_reach('organisation_id')})"
    for table, using in {"series": own, "inseries": OF_A_SERIES}.items():
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY in_reach ON practice_{table} {using}", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0038_my_list_of_the_day"),
    ]

    operations = [
        migrations.CreateModel(
            name="Series",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("every_weeks", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("made_at", models.DateTimeField()),
                ("made_by_name", models.CharField(max_length=200)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="series",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="series",
                        to="practice.patient",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="InSeries",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "appointment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="in_series",
                        to="practice.appointment",
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="places",
                        to="practice.series",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="series",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("every_weeks__isnull", True), ("every_weeks__gte", 1), _connector="OR"
                ),
                name="series_repeats_every_week_or_more",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
