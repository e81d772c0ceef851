"""What the shop tells it spent to win customers, by month and channel."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("measures", "0009_what_runs_rest_on")]

    operations = [
        migrations.CreateModel(
            name="AcquisitionCost",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month_on", models.DateField()),
                ("channel", models.CharField(blank=True, max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("cost_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "measures_acquisition_cost",
                "constraints": [
                    models.UniqueConstraint(fields=("currency", "month_on", "channel"), name="measures_cost_once"),
                    models.CheckConstraint(
                        condition=Q(("month_on__day", 1), ("cost_minor__gt", 0)), name="measures_cost_of_a_month"
                    ),
                ],
            },
        )
    ]
