"""The shop, its brands, channels and stores."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=120)),
            ],
            options={
                "db_table": "company_brand",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code", ""), _negated=True), name="company_brand_has_code"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=20)),
            ],
            options={
                "db_table": "company_channel",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code", ""), _negated=True), name="company_channel_has_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("web", "store", "app", "marketplace", "phone"))),
                        name="company_channel_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Shop",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("currency", models.CharField(max_length=3)),
                ("zone", models.CharField(max_length=60)),
                ("language", models.CharField(max_length=10)),
                ("country", models.CharField(max_length=2)),
                ("guessed", models.JSONField(db_default=[], default=list)),
            ],
            options={
                "db_table": "company_shop",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="company_shop_is_one"),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="company_shop_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="company_shop_country"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Store",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("zone", models.CharField(blank=True, default="", max_length=60)),
                ("address", models.CharField(db_default="", default="", max_length=300)),
                ("city", models.CharField(db_default="", default="", max_length=120)),
                ("latitude", models.DecimalField(decimal_places=6, max_digits=8, null=True)),
                ("longitude", models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ("offers_pickup", models.BooleanField(db_default=False, default=False)),
                (
                    "brand",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="company.brand"
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="company.channel"
                    ),
                ),
            ],
            options={
                "db_table": "company_store",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code", ""), _negated=True), name="company_store_has_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latitude", None), ("longitude", None)),
                            models.Q(
                                ("latitude__gte", -90),
                                ("latitude__isnull", False),
                                ("latitude__lte", 90),
                                ("longitude__gte", -180),
                                ("longitude__isnull", False),
                                ("longitude__lte", 180),
                            ),
                            _connector="OR",
                        ),
                        name="company_store_place",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StoreSpan",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("weekday", models.SmallIntegerField(null=True)),
                ("day", models.DateField(null=True)),
                ("opens", models.SmallIntegerField(null=True)),
                ("closes", models.SmallIntegerField(null=True)),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="company.store",
                    ),
                ),
            ],
            options={
                "db_table": "company_store_span",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("store", "weekday", "day", "opens"),
                        name="company_store_span_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("day", None), ("weekday__gte", 1), ("weekday__isnull", False), ("weekday__lte", 7)
                            ),
                            models.Q(("day__isnull", False), ("weekday", None)),
                            _connector="OR",
                        ),
                        name="company_store_span_when",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closes__gt", models.F("opens")),
                                ("closes__isnull", False),
                                ("closes__lte", 2880),
                                ("opens__gte", 0),
                                ("opens__isnull", False),
                                ("opens__lt", 1440),
                            ),
                            models.Q(("closes", None), ("day__isnull", False), ("opens", None)),
                            _connector="OR",
                        ),
                        name="company_store_span_hours",
                    ),
                ],
            },
        ),
    ]
