"""Saved views of the diary, one person's or a practice's, and which one somebody chose last.

PostgreSQL shows them to their practice only, as every table with one (0017).
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

REACH = "(SELECT practices_in_reach())::bigint[]"
OWN = f"USING (CASE WHEN organisation_id = ANY ({REACH}) THEN true ELSE -1 = ANY ({REACH}) END)"
OF_A_VIEW = (
    "USING ((SELECT whole.id FROM practice_diaryview whole WHERE whole.id = view_id) IS NOT NULL)"
)
POLICIES = {
    "diaryview": OWN,
    "chosendiaryview": OWN,
    "diaryviewholder": OF_A_VIEW,
    "diaryviewlocation": OF_A_VIEW,
}


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, using in POLICIES.items():
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY in_reach ON practice_{table} {using}", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0033_promises_to_others"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DiaryView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "show_hidden",
                    models.BooleanField(default=False, verbose_name="cancelled and withdrawn too"),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose it is. Empty: the whole practice's.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "view of the diary",
                "ordering": ["name", "id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ChosenDiaryView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="practice.organisation",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chosen_by",
                        to="practice.diaryview",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DiaryViewHolder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
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
                    "view",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="holders",
                        to="practice.diaryview",
                    ),
                ),
            ],
            options={
                "verbose_name": "session holder of a view",
                "ordering": ["position", "id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DiaryViewLocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="practice.location",
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="locations",
                        to="practice.diaryview",
                    ),
                ),
            ],
            options={
                "verbose_name": "place of a view",
                "ordering": ["id"],
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="diaryview",
            constraint=models.UniqueConstraint(
                fields=("organisation", "user", "name"), name="diary_view_name_once_for_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="diaryview",
            constraint=models.UniqueConstraint(
                condition=models.Q(("user__isnull", True)),
                fields=("organisation", "name"),
                name="diary_view_name_once_in_practice",
            ),
        ),
        migrations.AddConstraint(
            model_name="chosendiaryview",
            constraint=models.UniqueConstraint(
                fields=("organisation", "user"), name="chosen_diary_view_is_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="diaryviewholder",
            constraint=models.UniqueConstraint(
                fields=("view", "practitioner"), name="diary_view_has_a_holder_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="diaryviewlocation",
            constraint=models.UniqueConstraint(
                fields=("view", "location"), name="diary_view_has_a_place_once"
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
