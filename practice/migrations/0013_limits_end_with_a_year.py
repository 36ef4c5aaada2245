"""Let no embargo and no notice be longer than a year: absurd ones end beyond the calendar."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0012_audit_trail_is_searched_by_time"),
    ]

    operations = [
        migrations.AlterField(
            model_name="organisation",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="embargo (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="organisation",
            name="minimum_notice_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Other organisations can no longer book once it starts within this time. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="embargo (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="minimum_notice_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Other organisations can no longer book once it starts within this time. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="sessiontemplate",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="embargo (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="sessiontemplate",
            name="minimum_notice_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Other organisations can no longer book once it starts within this time. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="embargo (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="minimum_notice_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Other organisations can no longer book once it starts within this time. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="templateblock",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="embargo (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="templateblock",
            name="minimum_notice_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Other organisations can no longer book once it starts within this time. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
    ]
