"""Groups of organisations that all practices share, areas, and a role above practices for both.

Groups and areas belong to no practice: everybody reads them, and only what is done above practices
writes them (practice.db.row_security.above_practices), which reaching all practices is not.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

NAME = "Area manager"
MAY = (
    "add_consumergroup",
    "change_consumergroup",
    "delete_consumergroup",
    "view_consumergroup",
    "view_area",
)
SHARED = ("consumergroup", "area", "area_practices", "area_managers")
ABOVE = "-2 = ANY ((SELECT practices_in_reach())::bigint[])"


def policies():
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    yield "promisedday", "in_reach", f"USING ({in_reach('organisation_id')})"
    for table in SHARED:
        yield table, "known", "FOR SELECT USING (true)"
        yield table, "above_insert", f"FOR INSERT WITH CHECK ({ABOVE})"
        for what in ("UPDATE", "DELETE"):
            yield table, f"above_{what.lower()}", f"FOR {what} USING ({ABOVE})"


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in ("promisedday", *SHARED):
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
    for table, name, policy in policies():
        schema_editor.execute(f"CREATE POLICY {name} ON practice_{table} {policy}", params=None)


def expose(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, name, _ in policies():
        schema_editor.execute(f"DROP POLICY {name} ON practice_{table}")
    for table in ("promisedday", *SHARED):
        schema_editor.execute(f"ALTER TABLE practice_{table} DISABLE ROW LEVEL SECURITY")


def make_role(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    group, _ = Group.objects.using(database).get_or_create(name=NAME)
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    group.permissions.add(*may.filter(codename__in=MAY))


def remove_role(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Group.objects.using(schema_editor.connection.alias).filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0036_who_really_asks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsumerGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("members", models.JSONField(blank=True, default=list)),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="consumer_group_has_name",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="accessprofile",
            name="consumer_group",
            field=models.ForeignKey(
                blank=True,
                help_text="Whoever is in this group, besides the ODS codes above. It is kept for all practices: who is in it may change on a date.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="access_profiles",
                to="practice.consumergroup",
                verbose_name="group",
            ),
        ),
        migrations.CreateModel(
            name="Area",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "managers",
                    models.ManyToManyField(
                        blank=True, related_name="areas", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "practices",
                    models.ManyToManyField(
                        blank=True, related_name="areas", to="practice.organisation"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="area_has_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PromisedDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("promised", models.PositiveIntegerField()),
                (
                    "offered",
                    models.PositiveIntegerField(help_text="On offer when it was looked at."),
                ),
                ("taken", models.PositiveIntegerField()),
                ("looked_at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="promised_days",
                        to="practice.organisation",
                    ),
                ),
                (
                    "promise",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watched_days",
                        to="practice.promise",
                    ),
                ),
            ],
            options={
                "ordering": ["day", "promise"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("promise", "day"), name="promised_day_once")
                ],
            },
        ),
        migrations.RunPython(guard, expose),
        migrations.RunPython(make_role, remove_role),
    ]
