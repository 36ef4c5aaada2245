"""Rehearsals with other organisations' systems: what is a test says so, and who may hold one.

PostgreSQL shows a rehearsal to its practice only, as every table with one (0017).
"""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

TABLE = "practice_rehearsal"
SEE = ("Practice manager", "Practice administrator", "Auditor")
HOLD = ("Practice manager", "Practice administrator")


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    schema_editor.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    schema_editor.execute(
        f"CREATE POLICY in_reach ON {TABLE} USING ({in_reach('organisation_id')})", params=None
    )


def expose(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP POLICY in_reach ON {TABLE}")
        schema_editor.execute(f"ALTER TABLE {TABLE} DISABLE ROW LEVEL SECURITY")


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    for group in Group.objects.using(database).filter(name__in=SEE):
        group.permissions.add(*may.filter(codename="view_rehearsal"))
    for group in Group.objects.using(database).filter(name__in=HOLD):
        group.permissions.add(*may.filter(codename__in=("add_rehearsal", "change_rehearsal")))


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0039_appointments_booked_together"),
    ]

    operations = [
        migrations.AddField(
            model_name="organisation",
            name="rehearsing_until",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Until then another organisation may try the system out. Empty: none does.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="Rehearsal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Such as the provider of NHS 111.",
                        max_length=100,
                        verbose_name="organisation",
                    ),
                ),
                (
                    "ods_code",
                    models.CharField(
                        help_text="The code that its system sends.",
                        max_length=20,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z0-9]+\\Z",
                                "An ODS code is made of capital letters and digits.",
                            )
                        ],
                        verbose_name="ODS code",
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("begun_by_name", models.CharField(max_length=200)),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("finished", "Every step was done"),
                            ("given-up", "Given up"),
                            ("over", "Its time was over"),
                        ],
                        max_length=10,
                    ),
                ),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("seen_by_name", models.CharField(blank=True, max_length=200)),
                ("record", models.JSONField(blank=True, default=dict)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rehearsals",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "ordering": ["-begun_at", "-id"],
                "default_permissions": ("add", "change", "view"),
            },
        ),
        migrations.AddField(
            model_name="appointment",
            name="rehearsal",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.rehearsal",
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="rehearsal",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.rehearsal",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="rehearsal",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.rehearsal",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="rehearsal",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("rehearsal__isnull", False)),
                fields=["rehearsal"],
                name="appointment_of_rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(
                condition=models.Q(("rehearsal__isnull", False)),
                fields=["rehearsal"],
                name="patient_of_rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                condition=models.Q(("rehearsal__isnull", False)),
                fields=["rehearsal"],
                name="schedule_of_rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("rehearsal__isnull", False)),
                fields=["rehearsal"],
                name="slot_of_rehearsal",
            ),
        ),
        migrations.AddIndex(
            model_name="rehearsal",
            index=models.Index(fields=["organisation", "-begun_at"], name="rehearsal_by_practice"),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("organisation", "ods_code"),
                name="one_rehearsal_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("begun_at"))),
                name="rehearsal_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("ending", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ending__in", ["finished", "given-up", "over"]),
                    ),
                    _connector="OR",
                ),
                name="ended_rehearsal_says_how",
            ),
        ),
        migrations.RunPython(guard, expose),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
