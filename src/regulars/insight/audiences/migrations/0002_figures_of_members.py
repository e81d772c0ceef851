"""The figures of those who are in an audience."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0001_audiences"),
    ]

    operations = [
        migrations.CreateModel(
            name="Figures",
            fields=[
                (
                    "audience",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="audiences.audience",
                    ),
                ),
                ("wanted_at", models.DateTimeField()),
                ("members", models.BigIntegerField(db_default=0)),
                ("as_of", models.DateField(null=True)),
                ("currency", models.CharField(max_length=3, null=True)),
                ("computed_at", models.DateTimeField(null=True)),
                ("value", models.JSONField(null=True)),
            ],
            options={
                "db_table": "audiences_figures",
            },
        ),
    ]
