"""Drop the indexes of foreign keys that another index begins with, or that nothing asks for.

Django gives each foreign key an index of its own. On the tables that grow with the diary they cost
every booking and every generated slot something, and they led PostgreSQL astray: it joined two of
them where one index of ours held the answer (docs/performance.md, "Indexes"). References that are
mostly empty get a partial index instead.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class WithoutIndex(migrations.AlterField):
    """Only drops the index: on SQLite, AlterField would make the whole table anew."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        model, field = self._found(app_label, from_state)
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(cursor, model._meta.db_table)
        for name, made in there.items():
            if made["index"] and not made["unique"] and made["columns"] == [field.column]:
                schema_editor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        model, field = self._found(app_label, to_state)
        schema_editor.execute(schema_editor._create_index_sql(model, fields=[field]))

    def _found(self, app_label, state):
        model = state.apps.get_model(app_label, self.model_name)
        return model, model._meta.get_field(self.name)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0010_old_diary_may_be_archived"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        WithoutIndex(
            model_name="appointment",
            name="access_profile",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="practice.accessprofile",
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="affected_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The closure because of which it was orphaned, cancelled or moved.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="appointments",
                to="practice.closure",
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="booked_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="location",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.location",
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="moved_from",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="moved_to",
                to="practice.appointment",
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="organisation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="practice.organisation",
                verbose_name="practice",
            ),
        ),
        WithoutIndex(
            model_name="appointment",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="practice.patient",
            ),
        ),
        WithoutIndex(
            model_name="appointmentslot",
            name="appointment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="appointment_slots",
                to="practice.appointment",
            ),
        ),
        WithoutIndex(
            model_name="auditevent",
            name="organisation",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_events",
                to="practice.organisation",
                verbose_name="practice",
            ),
        ),
        WithoutIndex(
            model_name="schedule",
            name="access_profile",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Who outside may book. Empty: everybody.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.accessprofile",
            ),
        ),
        WithoutIndex(
            model_name="schedule",
            name="location",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="practice.location",
            ),
        ),
        WithoutIndex(
            model_name="schedule",
            name="organisation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="practice.organisation",
                verbose_name="practice",
            ),
        ),
        WithoutIndex(
            model_name="schedule",
            name="session_holder",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="practice.practitioner",
            ),
        ),
        WithoutIndex(
            model_name="schedule",
            name="template",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="practice.sessiontemplate",
            ),
        ),
        WithoutIndex(
            model_name="slot",
            name="access_profile",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Who outside may book. Empty: as for the session.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.accessprofile",
            ),
        ),
        WithoutIndex(
            model_name="slot",
            name="organisation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.organisation",
                verbose_name="practice",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("access_profile__isnull", False)),
                fields=["access_profile"],
                name="appointment_under_profile",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("affected_by__isnull", False)),
                fields=["affected_by"],
                name="appointment_of_closure",
            ),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("moved_from__isnull", False)),
                fields=["moved_from"],
                name="appointment_by_origin",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                condition=models.Q(("access_profile__isnull", False)),
                fields=["access_profile"],
                name="schedule_under_profile",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("access_profile__isnull", False)),
                fields=["access_profile"],
                name="slot_under_profile",
            ),
        ),
    ]
