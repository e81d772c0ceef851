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

    class Meta:
        db_table = "company_store"
        constraints = [models.CheckConstraint(name="company_store_has_code", condition=~models.Q(code=""))]
