"""Say in the forms what 0 means for a window, an embargo and a notice: words only."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0015_audit_heads_follow_seals"),
    ]

    operations = [
        migrations.AlterField(
            model_name="organisation",
            name="booking_window_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How many days ahead other organisations may book, by the clock on the wall. 0: only on the day itself. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(730)],
                verbose_name="booking window (days)",
            ),
        ),
        migrations.AlterField(
            model_name="organisation",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. 0: not hidden, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
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
                help_text="Other organisations can no longer book once it starts within this time. 0: until it starts, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="booking_window_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How many days ahead other organisations may book, by the clock on the wall. 0: only on the day itself. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(730)],
                verbose_name="booking window (days)",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. 0: not hidden, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
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
                help_text="Other organisations can no longer book once it starts within this time. 0: until it starts, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="sessiontemplate",
            name="booking_window_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How many days ahead other organisations may book, by the clock on the wall. 0: only on the day itself. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(730)],
                verbose_name="booking window (days)",
            ),
        ),
        migrations.AlterField(
            model_name="sessiontemplate",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. 0: not hidden, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
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
                help_text="Other organisations can no longer book once it starts within this time. 0: until it starts, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="booking_window_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How many days ahead other organisations may book, by the clock on the wall. 0: only on the day itself. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(730)],
                verbose_name="booking window (days)",
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. 0: not hidden, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
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
                help_text="Other organisations can no longer book once it starts within this time. 0: until it starts, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
        migrations.AlterField(
            model_name="templateblock",
            name="booking_window_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How many days ahead other organisations may book, by the clock on the wall. 0: only on the day itself. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(730)],
                verbose_name="booking window (days)",
            ),
        ),
        migrations.AlterField(
            model_name="templateblock",
            name="embargo_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Hidden from other organisations until this long before it starts. 0: not hidden, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
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
                help_text="Other organisations can no longer book once it starts within this time. 0: until it starts, whatever the session or the practice says. Empty: as set for the session, or else for the practice.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
                verbose_name="minimum notice (minutes)",
            ),
        ),
    ]
