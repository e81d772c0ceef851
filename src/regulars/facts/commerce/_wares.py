"""Private: what is sold, in which forms, for how much. Other rooms ask `catalogue`, `variants` and `prices`."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid, TransactionIdField

STATUSES = ("active", "draft", "discontinued")
MOVES = ("told", "captured")
HOLD_STATES = ("held", "captured", "released", "expired")
HOLD_PURPOSES = ("basket", "pickup")
ATTRIBUTE_KINDS = ("text", "number", "yes_no", "day", "choice")


class Category(models.Model):
    """One branch of the catalogue's tree, by its whole path: `Tea > Green > Longjing`."""

    id = models.BigAutoField(primary_key=True)
    path = models.CharField(max_length=200, unique=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, related_name="+", null=True, to_field="path")
    name = models.CharField(max_length=200)
    titles = models.JSONField(default=dict, db_default={})

    class Meta:
        app_label = "commerce"
        db_table = "commerce_category"
        constraints = [models.CheckConstraint(name="commerce_category_has_name", condition=~Q(name="") & ~Q(path=""))]


class Attribute(models.Model):
    """What may be said of products and variants, and which values it takes."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=10)
    titles = models.JSONField(default=dict, db_default={})
    choices = models.JSONField(default=list, db_default=[])

    class Meta:
        app_label = "commerce"
        db_table = "commerce_attribute"
        constraints = [
            models.CheckConstraint(name="commerce_attribute_code", condition=Q(code__regex="^[a-z][a-z0-9_]*$")),
            models.CheckConstraint(name="commerce_attribute_kind", condition=Q(kind__in=ATTRIBUTE_KINDS)),
        ]


class Variant(models.Model):
    """One form of a product that can be in stock. A product sold in one form has one, called as the product is."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    product = models.ForeignKey("commerce.Product", on_delete=models.PROTECT, related_name="+")
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    sku = models.CharField(max_length=100, default="", db_default="")
    barcode = models.CharField(max_length=64, default="", db_default="")
    gtin = models.CharField(max_length=14, null=True)
    title = models.CharField(max_length=300, default="", db_default="")
    options = models.JSONField(default=dict, db_default={})
    attributes = models.JSONField(default=dict, db_default={})
    status = models.CharField(max_length=12, default="active", db_default="active")
    told_at = models.DateTimeField(null=True)
    changed_xid = TransactionIdField()

    class Meta:
        app_label = "commerce"
        db_table = "commerce_variant"
        indexes = [
            models.Index(fields=["changed_xid"], name="commerce_variant_changed"),
            models.Index(fields=["gtin"], name="commerce_variant_gtin", condition=Q(gtin__isnull=False)),
            models.Index(fields=["sku"], name="commerce_variant_sku", condition=~Q(sku="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref"], name="commerce_variant_ref"),
            models.CheckConstraint(name="commerce_variant_has_ref", condition=~Q(ref="")),
            models.CheckConstraint(name="commerce_variant_gtin_digits", condition=Q(gtin__regex="^[0-9]{14}$")),
            models.CheckConstraint(name="commerce_variant_status", condition=Q(status__in=STATUSES)),
        ]


class Part(models.Model):
    """So many of one variant are in every one of a bundle."""

    id = models.BigAutoField(primary_key=True)
    bundle = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", db_index=False)
    part = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    quantity = models.DecimalField(max_digits=18, decimal_places=3)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_part"
        constraints = [
            models.UniqueConstraint(fields=["bundle", "part"], name="commerce_part_once"),
            models.CheckConstraint(name="commerce_part_of_another", condition=~Q(bundle=F("part"))),
            models.CheckConstraint(name="commerce_part_quantity", condition=Q(quantity__gt=0)),
        ]


class Price(models.Model):
    """What one source said of one price, never changed: of several with the same start, the one told last counts.

    Without a variant it is the product's, without store and channel everybody's. From `valid_from` up to but not
    including `valid_until`, or on. `is_withdrawn`: there never was such a price.
    """

    id = models.BigAutoField(primary_key=True)
    product = models.ForeignKey("commerce.Product", on_delete=models.PROTECT, related_name="+", db_index=False)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    store = models.ForeignKey("company.Store", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    channel = models.ForeignKey(
        "company.Channel", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    currency = models.CharField(max_length=3)
    list_minor = models.BigIntegerField()
    sale_minor = models.BigIntegerField(null=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    is_withdrawn = models.BooleanField(default=False, db_default=False)
    source = models.CharField(max_length=64)
    told_at = models.DateTimeField()
    origin = models.CharField(max_length=10)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        app_label = "commerce"
        db_table = "commerce_price"
        indexes = [models.Index(fields=["changed_xid"], name="commerce_price_changed")]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "currency", "valid_from", "variant", "store", "channel", "told_at"],
                name="commerce_price_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="commerce_price_one_place", condition=Q(store=None) | Q(channel=None)),
            models.CheckConstraint(name="commerce_price_currency", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="commerce_price_amounts",
                condition=Q(list_minor__gte=0) & (Q(sale_minor=None) | Q(sale_minor__gte=0)),
            ),
            models.CheckConstraint(
                name="commerce_price_window", condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from"))
            ),
            models.CheckConstraint(name="commerce_price_origin", condition=Q(origin__in=("live", "history"))),
        ]


class Stock(models.Model):
    """How much of a variant is in one store: `on_hand` as its source told it less what was taken since; `held` of it is
    kept for somebody here, `reserved` by its source. More can be held than is there only where `may_oversell`, or where
    less is there than was.
    """

    id = models.BigAutoField(primary_key=True)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+", db_index=False)
    store = models.ForeignKey("company.Store", on_delete=models.PROTECT, related_name="+", db_index=False)
    on_hand = models.DecimalField(max_digits=18, decimal_places=3)
    held = models.DecimalField(max_digits=18, decimal_places=3, default=0, db_default=0)
    told = models.DecimalField(max_digits=18, decimal_places=3)
    told_at = models.DateTimeField()
    version = models.BigIntegerField(null=True)
    may_oversell = models.BooleanField(default=False, db_default=False)
    source = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()
    reserved = models.DecimalField(max_digits=18, decimal_places=3, default=0, db_default=0)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_stock"
        indexes = [
            models.Index(fields=["changed_xid"], name="commerce_stock_changed"),
            models.Index(fields=["store", "variant"], name="commerce_stock_store"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["variant", "store"], name="commerce_stock_once"),
            models.CheckConstraint(name="commerce_stock_held", condition=Q(held__gte=0)),
            models.CheckConstraint(name="commerce_stock_reserved", condition=Q(reserved__gte=0)),
        ]


class StockMovement(models.Model):
    """How a level changed and why, never changed itself: its source told another (`told`), or a hold was captured."""

    id = models.BigAutoField(primary_key=True)
    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="+", db_index=False)
    why = models.CharField(max_length=10)
    change = models.DecimalField(max_digits=18, decimal_places=3)
    on_hand = models.DecimalField(max_digits=18, decimal_places=3)
    at = models.DateTimeField()
    source = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "commerce"
        db_table = "commerce_stock_movement"
        indexes = [models.Index(fields=["stock", "-id"], name="commerce_stock_movement_of")]
        constraints = [models.CheckConstraint(name="commerce_stock_movement_why", condition=Q(why__in=MOVES))]


class Hold(models.Model):
    """Goods kept for somebody until `expires_at`: a basket's, or what will be picked up. All of its lines or none."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True)
    fingerprint = models.BinaryField(max_length=16)
    purpose = models.CharField(max_length=10)
    state = models.CharField(max_length=10, default="held", db_default="held")
    held_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_hold"
        indexes = [models.Index(fields=["expires_at"], name="commerce_hold_due", condition=Q(state="held"))]
        constraints = [
            models.CheckConstraint(name="commerce_hold_state", condition=Q(state__in=HOLD_STATES)),
            models.CheckConstraint(name="commerce_hold_purpose", condition=Q(purpose__in=HOLD_PURPOSES)),
            models.CheckConstraint(name="commerce_hold_has_key", condition=~Q(key="")),
            models.CheckConstraint(
                name="commerce_hold_ended",
                condition=Q(state="held", ended_at=None) | (~Q(state="held") & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(name="commerce_hold_expires", condition=Q(expires_at__gt=F("held_at"))),
        ]


class HoldLine(models.Model):
    """So much of one stock is kept by a hold."""

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="+", db_index=False)
    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="+")
    quantity = models.DecimalField(max_digits=18, decimal_places=3)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_hold_line"
        constraints = [
            models.UniqueConstraint(fields=["hold", "stock"], name="commerce_hold_line_once"),
            models.CheckConstraint(name="commerce_hold_line_quantity", condition=Q(quantity__gt=0)),
        ]
