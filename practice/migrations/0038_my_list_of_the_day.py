"""Clinicians have a list of their own day: who is in, and messages to reception and back."""

import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

# As for the other parts of an appointment (0017): its own policy decides.
PARTS = ("calledin", "deskmessage")
ROLE = "Clinician"


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


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).get(
        content_type__app_label="practice", codename="use_own_list"
    )
    group, _ = Group.objects.using(database).get_or_create(name=ROLE)
    group.permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0037_shared_consumer_groups"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ["start", "id"],
                "permissions": [("use_own_list", "Can see and mark the own list of the day")],
            },
        ),
        migrations.CreateModel(
            name="CalledIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by_name", models.CharField(max_length=200)),
                (
                    "appointment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="called_in",
                        to="practice.appointment",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DeskMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "side",
                    models.CharField(
                        choices=[("clinician", "Clinician"), ("reception", "Reception")],
                        max_length=10,
                    ),
                ),
                ("text", models.CharField(max_length=200)),
                ("written_at", models.DateTimeField()),
                ("written_by_name", models.CharField(max_length=200)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("seen_by_name", models.CharField(blank=True, max_length=200)),
                (
                    "appointment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="desk_messages",
                        to="practice.appointment",
                    ),
                ),
            ],
            options={
                "ordering": ["written_at", "id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("seen_at__isnull", True)),
                        fields=["appointment"],
                        name="desk_message_unseen",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="desk_message_says_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("side__in", ["clinician", "reception"])),
                        name="desk_message_has_a_side",
                    ),
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
