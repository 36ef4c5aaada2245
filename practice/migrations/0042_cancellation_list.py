"""The cancellation list: who would come earlier, what they were asked; who may see and change it.

PostgreSQL shows it to its practice only, as every table with one (0017).
"""

import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

REACH = "(SELECT practices_in_reach())::bigint[]"
OWN = f"USING (CASE WHEN organisation_id = ANY ({REACH}) THEN true ELSE -1 = ANY ({REACH}) END)"
OF_AN_ENTRY = (
    "USING ((SELECT whole.id FROM practice_cancellationlistentry whole "
    "WHERE whole.id = entry_id) IS NOT NULL)"
)
POLICIES = {
    "cancellationlistentry": OWN,
    "cancellationlistclinician": OF_AN_ENTRY,
    "cancellationlistcall": OF_AN_ENTRY,
}
SEE = ("Receptionist", "Practice manager", "Practice administrator", "Auditor")
CHANGE = ("Receptionist", "Practice manager", "Practice administrator")


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, using in POLICIES.items():
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY in_reach ON practice_{table} {using}", params=None)


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    for group in Group.objects.using(database).filter(name__in=SEE):
        group.permissions.add(*may.filter(codename="view_cancellationlistentry"))
    for group in Group.objects.using(database).filter(name__in=CHANGE):
        verbs = ("add_cancellationlistentry", "change_cancellationlistentry")
        group.permissions.add(*may.filter(codename__in=verbs))


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0041_weekly_returns"),
    ]

    operations = [
        migrations.CreateModel(
            name="CancellationListEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField(verbose_name="from")),
                ("last_day", models.DateField(verbose_name="until")),
                (
                    "weekdays",
                    models.JSONField(blank=True, default=list, verbose_name="days of the week"),
                ),
                (
                    "start_time",
                    models.TimeField(
                        blank=True,
                        help_text="Empty: from the morning on.",
                        null=True,
                        verbose_name="not before",
                    ),
                ),
                (
                    "end_time",
                    models.TimeField(
                        blank=True,
                        help_text="Empty: until the evening.",
                        null=True,
                        verbose_name="over by",
                    ),
                ),
                ("slot_type", models.CharField(blank=True, max_length=100)),
                (
                    "minutes",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Empty: one slot, however long.",
                        null=True,
                        verbose_name="minutes needed",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("noted_at", models.DateTimeField()),
                ("noted_by_name", models.CharField(max_length=200, verbose_name="noted by")),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ended_as",
                    models.CharField(
                        blank=True,
                        choices=[("met", "Has an appointment now"), ("withdrawn", "Withdrawn")],
                        max_length=10,
                    ),
                ),
                (
                    "ended_by_name",
                    models.CharField(blank=True, max_length=200, verbose_name="ended by"),
                ),
                (
                    "appointment",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="The appointment that is moved. Empty: one is booked.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cancellation_list_entries",
                        to="practice.appointment",
                    ),
                ),
                (
                    "met_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="The appointment that they got.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practice.appointment",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cancellation_list_entries",
                        to="practice.patient",
                    ),
                ),
            ],
            options={
                "verbose_name": "entry of the cancellation list",
                "verbose_name_plural": "cancellation list",
                "ordering": ["noted_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="CancellationListClinician",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "practitioner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="practice.practitioner",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="clinicians",
                        to="practice.cancellationlistentry",
                    ),
                ),
            ],
            options={
                "verbose_name": "clinician of an entry",
                "ordering": ["id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CancellationListCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("no-answer", "Asked, no answer"),
                            ("declined", "Declined this time"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by_name", models.CharField(max_length=200)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="practice.cancellationlistentry",
                    ),
                ),
            ],
            options={
                "verbose_name": "call about a time",
                "ordering": ["-at", "-id"],
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="cancellationlistentry",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["organisation", "noted_at"],
                name="cancellation_list_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("appointment",),
                name="appointment_listed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_day__gte", models.F("first_day"))),
                name="listed_until_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("start_time__isnull", True),
                    ("end_time__isnull", True),
                    ("end_time__gt", models.F("start_time")),
                    _connector="OR",
                ),
                name="listed_hours_end_after_they_begin",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_as", ""), ("ended_at__isnull", True)),
                    models.Q(("ended_as__in", ["met", "withdrawn"]), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="listed_end_is_a_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistclinician",
            constraint=models.UniqueConstraint(
                fields=("entry", "practitioner"), name="listed_for_a_clinician_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationlistcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["no-answer", "declined"])),
                name="listed_call_outcome_is_a_code",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
