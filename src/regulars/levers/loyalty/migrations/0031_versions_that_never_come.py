"""A version that was to come into force can be withdrawn: activations themselves are never changed."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from regulars.runtime.database.operations import AppendOnly


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0030_points_spent_for_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                (
                    "activation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="withdrawal",
                        serialize=False,
                        to="loyalty.activation",
                    ),
                ),
                ("by", models.CharField(max_length=100)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "loyalty_withdrawal",
            },
        ),
        AppendOnly("loyalty_withdrawal"),
    ]
