"""A permission of its own for "off sick today", which receptionists have as well.

And once more the triggers of 0020: on SQLite the migration before this one has remade a table.
"""

from importlib import import_module

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = ("Receptionist", "Practice manager", "Practice administrator")


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).get(
        content_type__app_label="practice", codename="report_sick"
    )
    for group in Group.objects.using(database).filter(name__in=ROLES):
        group.permissions.add(may)


def note(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        import_module("practice.migrations.0020_pages_see_what_changed").note(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("practice", "0022_patients_without_a_number")]

    operations = [
        migrations.AlterModelOptions(
            name="closure",
            options={
                "ordering": ["start_date", "start_time"],
                "permissions": [("report_sick", "Can report that a clinician is off sick today")],
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
        migrations.RunPython(note, migrations.RunPython.noop),
    ]
