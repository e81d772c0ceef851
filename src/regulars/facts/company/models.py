"""The shop and its places. Private: other rooms ask `company`, `brands`, `channels` and `stores`."""

from django.db import models

KINDS = ("web", "store", "app", "marketplace", "phone")


class Shop(models.Model):
    """The one row that says whose house this is."""

    id = models.SmallIntegerField(primary_key=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    zone = models.CharField(max_length=60)
    language = models.CharField(max_length=10)
    country = models.CharField(max_length=2)
    guessed = models.JSONField(default=list, db_default=[])

    class Meta:
        db_table = "company_shop"
        constraints = [
            models.CheckConstraint(name="company_shop_is_one", condition=models.Q(id=1)),
            models.CheckConstraint(name="company_shop_currency", condition=models.Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(name="company_shop_country", condition=models.Q(country__regex="^[A-Z]{2}$")),
        ]


class Brand(models.Model):
    """A name the company sells under."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)

    class Meta:
        db_table = "company_brand"
        constraints = [models.CheckConstraint(name="company_brand_has_code", condition=~models.Q(code=""))]


class Channel(models.Model):
    """A way to sell: the web shop, the stores, one marketplace."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)

    class Meta:
        db_table = "company_channel"
        constraints = [
            models.CheckConstraint(name="company_channel_has_code", condition=~models.Q(code="")),
            models.CheckConstraint(name="company_channel_kind", condition=models.Q(kind__in=KINDS)),
        ]


class Store(models.Model):
    """A place with a door."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=60, blank=True, default="")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+", null=True)
    address = models.CharField(max_length=300, default="", db_default="")
    city = models.CharField(max_length=120, default="", db_default="")
    latitude = models.DecimalField(max_digits=8, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    offers_pickup = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "company_store"
        constraints = [
            models.CheckConstraint(name="company_store_has_code", condition=~models.Q(code="")),
            models.CheckConstraint(
                name="company_store_place",
                condition=models.Q(latitude=None, longitude=None)
                | models.Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__gte=-90,
                    latitude__lte=90,
                    longitude__gte=-180,
                    longitude__lte=180,
                ),
            ),
        ]


class StoreSpan(models.Model):
    """A store is open from `opens` to `closes`, minutes after midnight: each such weekday, or on one day alone.

    Of a day that differs from its weekday and has no span at all, one row with neither says: closed.
    """

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="+", db_index=False)
    weekday = models.SmallIntegerField(null=True)
    day = models.DateField(null=True)
    opens = models.SmallIntegerField(null=True)
    closes = models.SmallIntegerField(null=True)

    class Meta:
        db_table = "company_store_span"
        constraints = [
            models.UniqueConstraint(
                fields=["store", "weekday", "day", "opens"], name="company_store_span_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="company_store_span_when",
                condition=models.Q(weekday__isnull=False, weekday__gte=1, weekday__lte=7, day=None)
                | models.Q(weekday=None, day__isnull=False),
            ),
            models.CheckConstraint(
                name="company_store_span_hours",
                condition=models.Q(
                    opens__isnull=False,
                    closes__isnull=False,
                    opens__gte=0,
                    opens__lt=1440,
                    closes__gt=models.F("opens"),
                    closes__lte=2880,
                )
                | models.Q(opens=None, closes=None, day__isnull=False),
            ),
        ]
