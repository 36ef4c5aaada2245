"""Slot types, what each counts as in the national data, and versions of the national lists."""

import django.db.models.deletion
from django.db import migrations, models

# As for every table (0017): a practice's own, parts of it, and what is of the installation: that is
# read by everybody, and written by who reaches all practices.
REACH = "((SELECT practices_in_reach())::bigint[])"
POLICIES = (
    (
        "slottype",
        "in_reach",
        f"USING (CASE WHEN organisation_id = ANY {REACH} THEN true ELSE -1 = ANY {REACH} END)",
    ),
    (
        "slottypemapping",
        "in_reach",
        "USING ((SELECT whole.id FROM practice_slottype whole WHERE whole.id = slot_type_id) "
        "IS NOT NULL)",
    ),
    ("nationaldataversion", "known", "FOR SELECT USING (true)"),
    ("nationaldataversion", "in_reach_insert", f"FOR INSERT WITH CHECK (-1 = ANY {REACH})"),
)


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, name, policy in POLICIES:
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY {name} ON practice_{table} {policy}", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0027_spreadsheets_come_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="NationalDataVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=40, unique=True)),
                ("data", models.JSONField()),
                ("loaded_at", models.DateTimeField()),
                ("loaded_by", models.CharField(max_length=200)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="SlotType",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "hint",
                    models.CharField(
                        blank=True,
                        help_text="For reception, such as: not for children. Never shown outside.",
                        max_length=200,
                    ),
                ),
                (
                    "default_minutes",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="usual length (minutes)"
                    ),
                ),
                (
                    "archived",
                    models.BooleanField(
                        default=False,
                        help_text="Not offered for new templates, sessions and slots any more.",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slot_types",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "verbose_name": "slot type",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SlotTypeMapping",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("category", models.CharField(max_length=100, verbose_name="national category")),
                ("context", models.CharField(max_length=100, verbose_name="context type")),
                ("setting", models.CharField(max_length=100, verbose_name="service setting")),
                ("mode", models.CharField(blank=True, max_length=100)),
                ("channel_modes", models.JSONField(blank=True, default=dict)),
                (
                    "list_version",
                    models.CharField(max_length=40, verbose_name="version of the lists"),
                ),
                ("first_day", models.DateField(verbose_name="from")),
                ("last_day", models.DateField(blank=True, null=True, verbose_name="to")),
                ("made_at", models.DateTimeField()),
                ("made_by_name", models.CharField(max_length=200, verbose_name="by")),
                ("accepted", models.JSONField(blank=True, default=list)),
                (
                    "slot_type",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mappings",
                        to="practice.slottype",
                    ),
                ),
            ],
            options={
                "verbose_name": "mapping",
                "ordering": ["slot_type", "first_day"],
            },
        ),
        migrations.AddConstraint(
            model_name="slottype",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="slot_type_once_in_practice"
            ),
        ),
        migrations.AddConstraint(
            model_name="slottype",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="slot_type_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="slottype",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("default_minutes__isnull", True), ("default_minutes__gte", 1), _connector="OR"
                ),
                name="slot_type_lasts_a_minute_or_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="slottypemapping",
            constraint=models.UniqueConstraint(
                fields=("slot_type", "first_day"), name="mapping_once_from_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="slottypemapping",
            constraint=models.UniqueConstraint(
                condition=models.Q(("last_day__isnull", True)),
                fields=("slot_type",),
                name="mapping_in_force_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="slottypemapping",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("last_day__isnull", True),
                    ("last_day__gte", models.F("first_day")),
                    _connector="OR",
                ),
                name="mapping_ends_after_it_starts",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
