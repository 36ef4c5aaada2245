"""Of two who watch at the same time, one tells people what is new."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0034_saved_views_of_the_diary"),
    ]

    operations = [
        migrations.AddField(
            model_name="shortfall",
            name="telling_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
