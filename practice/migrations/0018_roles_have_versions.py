"""Let a role count its own changes, so that one practice's word is no change at another.

``Practitioner.active`` gets a default in the database: from the next migration on nobody writes it.
"""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0017_row_security"),
    ]

    operations = [
        migrations.AddField(
            model_name="practitionerrole",
            name="version",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="practitionerrole",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="practitionerrole",
            name="active",
            field=models.BooleanField(default=True, verbose_name="works here"),
        ),
        migrations.AlterField(
            model_name="practitioner",
            name="active",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
