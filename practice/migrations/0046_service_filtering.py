"""Service filtering (GP Connect 1.2.8): services, whose sessions are which, and both switches.

PostgreSQL shows a practice its own services only, as every table with a practice (0017), and lets
the supplier's switch be turned only by what reaches all practices. And once more the triggers of
0020 and 0044: on SQLite this remakes tables.
"""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

ALL = "-1 = ANY ((SELECT practices_in_reach())::bigint[])"
SEE = ("Receptionist", "Practice manager", "Practice administrator", "Auditor")
CHANGE = ("Practice manager", "Practice administrator")


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    policies = [
        ("healthcareservice", "in_reach", f"USING ({in_reach('organisation_id')})"),
        # The supplier's switch is everybody's to read, and is turned across all practices.
        ("servicefilteringswitch", "known", "FOR SELECT USING (true)"),
        ("servicefilteringswitch", "all_insert", f"FOR INSERT WITH CHECK ({ALL})"),
        ("servicefilteringswitch", "all_update", f"FOR UPDATE USING ({ALL})"),
    ]
    for table in ("healthcareservice", "servicefilteringswitch"):
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
    for table, name, policy in policies:
        schema_editor.execute(f"CREATE POLICY {name} ON practice_{table} {policy}", params=None)


def note(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        import_module("practice.migrations.0020_pages_see_what_changed").note(apps, schema_editor)
        import_module("practice.migrations.0044_sandboxes_of_suppliers").hold(apps, schema_editor)


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    for group in Group.objects.using(database).filter(name__in=SEE):
        group.permissions.add(*may.filter(codename="view_healthcareservice"))
    for group in Group.objects.using(database).filter(name__in=CHANGE):
        verbs = ("add_healthcareservice", "change_healthcareservice", "delete_healthcareservice")
        group.permissions.add(*may.filter(codename__in=verbs))


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0045_what_sandboxes_were_sent"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceFilteringSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("off", "Off"),
                            ("selected", "On at selected practices"),
                            ("on", "On at all practices"),
                        ],
                        default="off",
                        max_length=10,
                    ),
                ),
                ("ods_codes", models.JSONField(blank=True, default=list)),
            ],
            options={
                "verbose_name": "service filtering",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="organisation",
            name="service_filtering_open",
            field=models.CharField(
                choices=[
                    ("off", "Off at all practices"),
                    ("elsewhere", "On, but not here"),
                    ("here", "On here"),
                ],
                default="off",
                editable=False,
                help_text="What the supplier’s switch of service filtering says of the practice.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="organisation",
            name="service_filtering_enabled",
            field=models.BooleanField(
                default=False,
                help_text="On: whoever asks for one of the practice’s services is offered its slots only.",
                verbose_name="service filtering",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="no_healthcare_service",
            field=models.BooleanField(
                default=False,
                help_text="A person has said that none applies.",
                verbose_name="no service applies",
            ),
        ),
        migrations.AddField(
            model_name="sessiontemplate",
            name="no_healthcare_service",
            field=models.BooleanField(
                default=False,
                help_text="A person has said that none applies.",
                verbose_name="no service applies",
            ),
        ),
        migrations.CreateModel(
            name="HealthcareService",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "service_id",
                    models.CharField(
                        help_text="Its number in the Directory of Services (DoS). Your DoS lead knows it.",
                        max_length=20,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[0-9]{1,20}\\Z", "A service ID of the DoS is a number."
                            )
                        ],
                        verbose_name="service ID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="As in the Directory of Services. Shown to other organisations.",
                        max_length=200,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="healthcare_services",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "verbose_name": "service",
                "ordering": ["name", "id"],
            },
        ),
        migrations.AddField(
            model_name="schedule",
            name="healthcare_service",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.healthcareservice",
                verbose_name="service",
            ),
        ),
        migrations.AddField(
            model_name="sessiontemplate",
            name="healthcare_service",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.healthcareservice",
                verbose_name="service",
            ),
        ),
        migrations.AddConstraint(
            model_name="organisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("service_filtering_open__in", ["off", "elsewhere", "here"])),
                name="service_filtering_open_is_a_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("healthcare_service__isnull", True),
                    ("no_healthcare_service", False),
                    _connector="OR",
                ),
                name="schedule_has_a_service_or_none",
            ),
        ),
        migrations.AddConstraint(
            model_name="sessiontemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("healthcare_service__isnull", True),
                    ("no_healthcare_service", False),
                    _connector="OR",
                ),
                name="template_has_a_service_or_none",
            ),
        ),
        migrations.AddConstraint(
            model_name="servicefilteringswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="one_service_filtering_switch"
            ),
        ),
        migrations.AddConstraint(
            model_name="servicefilteringswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["off", "selected", "on"])),
                name="service_filtering_state_is_a_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="healthcareservice",
            constraint=models.UniqueConstraint(
                fields=("organisation", "service_id"), name="service_id_once_in_practice"
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(note, migrations.RunPython.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
