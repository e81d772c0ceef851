"""Readings, of each customer and of the shop."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0001_customers_and_identifiers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShopReading",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("as_of", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("computed_at", models.DateTimeField()),
                ("value", models.JSONField()),
            ],
            options={
                "db_table": "measures_shop_reading",
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        db_column="customer_id",
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("orders", models.IntegerField()),
                ("purchase_days", models.IntegerField()),
                ("first_on", models.DateField(null=True)),
                ("last_on", models.DateField(null=True)),
                ("gross_minor", models.BigIntegerField()),
                ("returned_minor", models.BigIntegerField()),
                ("spend_minor", models.BigIntegerField()),
                ("foreign_orders", models.IntegerField()),
                ("average_order_minor", models.BigIntegerField(null=True)),
                ("typical_gap_days", models.FloatField(null=True)),
                ("is_regular", models.BooleanField()),
                ("is_lapsing", models.BooleanField()),
                ("at_stake_minor", models.BigIntegerField()),
                ("r", models.SmallIntegerField(null=True)),
                ("f", models.SmallIntegerField(null=True)),
                ("m", models.SmallIntegerField(null=True)),
                ("segment", models.CharField(max_length=20, null=True)),
            ],
            options={
                "db_table": "measures_reading",
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("spend_minor"), descending=True),
                        models.OrderBy(models.F("customer"), descending=True),
                        name="measures_reading_spend",
                    ),
                    models.Index(
                        models.OrderBy(models.F("orders"), descending=True),
                        models.OrderBy(models.F("customer"), descending=True),
                        name="measures_reading_orders",
                    ),
                    models.Index(
                        models.OrderBy(
                            django.db.models.functions.comparison.Coalesce(
                                "last_on", models.Value("0001-01-01", models.DateField())
                            ),
                            descending=True,
                        ),
                        models.OrderBy(models.F("customer"), descending=True),
                        name="measures_reading_last",
                    ),
                    models.Index(
                        models.OrderBy(models.F("at_stake_minor"), descending=True),
                        models.OrderBy(models.F("customer"), descending=True),
                        condition=models.Q(("is_lapsing", True)),
                        name="measures_reading_at_stake",
                    ),
                    models.Index(
                        models.F("segment"),
                        models.OrderBy(models.F("spend_minor"), descending=True),
                        models.OrderBy(models.F("customer"), descending=True),
                        name="measures_reading_segment",
                    ),
                    models.Index(
                        models.F("r"),
                        models.F("f"),
                        models.OrderBy(models.F("spend_minor"), descending=True),
                        models.OrderBy(models.F("customer"), descending=True),
                        name="measures_reading_square",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("first_on", None), ("last_on", None), ("orders", 0), ("segment", None)),
                            models.Q(
                                ("first_on__isnull", False), ("last_on__gte", models.F("first_on")), ("orders__gt", 0)
                            ),
                            _connector="OR",
                        ),
                        name="measures_reading_bought",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("f", None), ("m", None), ("r", None), ("segment", None)),
                            models.Q(
                                ("f__range", (1, 5)),
                                ("m__range", (1, 5)),
                                ("r__range", (1, 5)),
                                ("segment__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="measures_reading_scores",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("at_stake_minor", 0), ("is_lapsing", False)),
                            models.Q(("is_lapsing", True), ("is_regular", True)),
                            _connector="OR",
                        ),
                        name="measures_reading_lapsing",
                    ),
                ],
            },
        ),
    ]
