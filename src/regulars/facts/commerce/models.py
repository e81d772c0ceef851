"""Private: other rooms ask `orders`, `goods_returns` and `products`."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from regulars.facts.commerce._double_rows import Double, DoubleLook
from regulars.facts.commerce._papers import CarrierEvent, OrderChange, Shipment, ShipmentLine, Tender
from regulars.facts.commerce._wares import (
    STATUSES,
    Attribute,
    Category,
    Hold,
    HoldLine,
    Part,
    Price,
    Stock,
    StockMovement,
    Variant,
)
from regulars.facts.commerce.order_reports import FULFILMENTS, ORDER_STATES
from regulars.runtime.database.fields import RandomUuid, TransactionIdField

__all__ = (
    "Attribute",
    "CarrierEvent",
    "Category",
    "Double",
    "DoubleLook",
    "GoodsReturn",
    "Hold",
    "HoldLine",
    "Line",
    "Order",
    "OrderChange",
    "Part",
    "Price",
    "Product",
    "ReturnLine",
    "ReturnMatch",
    "Shipment",
    "ShipmentLine",
    "Stock",
    "StockMovement",
    "Tender",
    "Variant",
)

KINDS = ("purchase", "giveaway", "adjustment", "draft", "test", "double")
ORIGINS = ("live", "history")


class Product(models.Model):
    """One thing sold, by the reference its source gives it."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    title = models.CharField(max_length=300, default="", db_default="")
    category = models.CharField(max_length=200, default="", db_default="")
    brand = models.CharField(max_length=120, default="", db_default="")
    status = models.CharField(max_length=12, default="active", db_default="active")
    titles = models.JSONField(default=dict, db_default={})
    attributes = models.JSONField(default=dict, db_default={})
    told_at = models.DateTimeField(null=True)
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "commerce_product"
        indexes = [
            models.Index(fields=["changed_xid"], name="commerce_product_changed"),
            models.Index(fields=["brand", "-id"], name="commerce_product_brand", condition=~Q(brand="")),
            models.Index(
                fields=["category"],
                name="commerce_product_category",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(category=""),
            ),
            models.Index(fields=["status", "-id"], name="commerce_product_status", condition=~Q(status="active")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref"], name="commerce_product_ref"),
            models.CheckConstraint(name="commerce_product_has_ref", condition=~Q(ref="")),
            models.CheckConstraint(name="commerce_product_status", condition=Q(status__in=STATUSES)),
        ]


class Order(models.Model):
    """One order of any channel. Without a customer it is a guest's. Of kind `double` it tells of a sale that another
    order is on record for: somebody decided so, and it stays so whatever its source says later.

    `customer` is the person; `came_with` the record it was told for, null where that is the person's own. `state` is
    empty, and `paid_minor` and `refunded_minor` are null, where its source does not tell. `called_off_at` is when it
    was cancelled here; `cancelled_at` whichever was first, that or what its source told;
    `deleted_at` when its source had it no more. `differs_minor` is how much
    its total is more than its parts come to. Of its refunds follow, and are kept with each change of them:
    `set_off_minor`, what came back of it in exchange for goods that are on it too, and `over_refunded_minor`, how much
    more money went back than was paid. `lines_differ_minor`: so much its lines are apart from quantity times price;
    `tenders_differ_minor`: so much more was captured than was paid, or than there was to pay.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    came_with = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    channel = models.ForeignKey("company.Channel", on_delete=models.PROTECT, related_name="+", db_index=False)
    store = models.ForeignKey("company.Store", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    placed_at = models.DateTimeField()
    placed_on = models.DateField()
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=12)
    goods_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    shipping_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    cancelled_at = models.DateTimeField(null=True)
    origin = models.CharField(max_length=10)
    source_updated_at = models.DateTimeField(null=True)
    fingerprint = models.BinaryField(max_length=16)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()
    number = models.CharField(max_length=64, default="", db_default="")
    state = models.CharField(max_length=10, default="", db_default="")
    called_off_at = models.DateTimeField(null=True)
    paid_minor = models.BigIntegerField(null=True)
    refunded_minor = models.BigIntegerField(null=True)
    fees_minor = models.BigIntegerField(default=0, db_default=0)
    prices_include_tax = models.BooleanField(default=False, db_default=False)
    differs_minor = models.BigIntegerField(default=0, db_default=0)
    shop_currency = models.CharField(max_length=3, null=True)
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    exchange_of = models.CharField(max_length=200, default="", db_default="")
    till = models.CharField(max_length=100, default="", db_default="")
    taken_by = models.CharField(max_length=100, default="", db_default="")
    fulfilment = models.CharField(max_length=10, default="", db_default="")
    version = models.BigIntegerField(null=True)
    set_off_minor = models.BigIntegerField(default=0, db_default=0)
    over_refunded_minor = models.BigIntegerField(default=0, db_default=0)
    lines_differ_minor = models.BigIntegerField(default=0, db_default=0)
    tenders_differ_minor = models.BigIntegerField(default=0, db_default=0)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "commerce_order"
        indexes = [
            models.Index(fields=["customer", "-placed_at", "-id"], name="commerce_order_customer"),
            models.Index(fields=["-placed_at", "-id"], name="commerce_order_placed"),
            models.Index(
                fields=["store", "-placed_at", "-id"],
                name="commerce_order_of_store",
                condition=Q(store__isnull=False),
            ),
            models.Index(
                fields=["-placed_at", "-id"],
                name="commerce_order_uncounted",
                condition=Q(kind__in=("draft", "test")),
            ),
            models.Index(fields=["changed_xid"], name="commerce_order_changed"),
            models.Index(
                fields=["namespace", "exchange_of"], name="commerce_order_exchange", condition=~Q(exchange_of="")
            ),
            models.Index(
                fields=["-placed_at", "-id"],
                name="commerce_order_uneven",
                condition=~Q(differs_minor=0)
                | ~Q(over_refunded_minor=0)
                | ~Q(lines_differ_minor=0)
                | ~Q(tenders_differ_minor=0),
            ),
            models.Index(fields=["number"], name="commerce_order_number", condition=~Q(number="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref"], name="commerce_order_ref"),
            models.CheckConstraint(name="commerce_order_has_ref", condition=~Q(ref="")),
            models.CheckConstraint(
                name="commerce_order_came_with",
                condition=Q(came_with=None) | (Q(customer__isnull=False) & ~Q(came_with=F("customer"))),
            ),
            models.CheckConstraint(name="commerce_order_kind", condition=Q(kind__in=KINDS)),
            models.CheckConstraint(name="commerce_order_origin", condition=Q(origin__in=ORIGINS)),
            models.CheckConstraint(name="commerce_order_currency", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="commerce_order_amounts",
                condition=Q(kind="adjustment")
                | Q(goods_minor__gte=0, discount_minor__gte=0, shipping_minor__gte=0, tax_minor__gte=0),
            ),
            models.CheckConstraint(name="commerce_order_total", condition=Q(kind="adjustment") | Q(total_minor__gte=0)),
            models.CheckConstraint(name="commerce_order_state", condition=Q(state__in=("", *ORDER_STATES))),
            models.CheckConstraint(name="commerce_order_fulfilment", condition=Q(fulfilment__in=("", *FULFILMENTS))),
            models.CheckConstraint(
                name="commerce_order_money",
                condition=(Q(paid_minor=None) | Q(paid_minor__gte=0))
                & (Q(refunded_minor=None) | Q(refunded_minor__gte=0))
                & Q(fees_minor__gte=0),
            ),
            models.CheckConstraint(
                name="commerce_order_rate",
                condition=Q(rate=None, shop_currency=None)
                | Q(rate__gt=0, rate__isnull=False, shop_currency__regex="^[A-Z]{3}$"),
            ),
            models.CheckConstraint(
                name="commerce_order_called_off",
                condition=Q(called_off_at=None) | Q(cancelled_at__isnull=False, cancelled_at__lte=F("called_off_at")),
            ),
        ]


class Line(models.Model):
    """One line of an order. A line its source took back stays, with nothing on it: numbers are never reused."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+", db_index=False)
    quantity = models.DecimalField(max_digits=18, decimal_places=3)
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    amount_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    returned_quantity = models.DecimalField(max_digits=18, decimal_places=3, db_default=0)
    variant_ref = models.CharField(max_length=200, default="", db_default="")
    sku = models.CharField(max_length=100, default="", db_default="")
    tax_minor = models.BigIntegerField(null=True)
    is_gift_card = models.BooleanField(default=False, db_default=False)
    personalisation = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        db_table = "commerce_line"
        constraints = [
            models.CheckConstraint(
                name="commerce_line_personalisation",
                condition=Q(personalisation="") | Q(personalisation__regex="^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$"),
            ),
            models.UniqueConstraint(fields=["order", "number"], name="commerce_line_number"),
            models.CheckConstraint(
                name="commerce_line_returned",
                condition=Q(returned_quantity__gte=0, returned_quantity__lte=Greatest(F("quantity"), 0)),
            ),
        ]


class GoodsReturn(models.Model):
    """One document by which goods came back and money went out; for an order, or for none that it names.

    `customer` and `came_with` as an order's; `goes_with_order`: they are the order's, whoever that is. `order` is null
    where it names none, and while the one that `order_ref` names is not on record. `amount_minor` is all that it takes
    off the sale; in it `shipping_minor`, `tax_minor` where the lines' amounts have none in them, and `money_minor` for
    no goods of the order. `paid_back_minor` is the money that went out, null where that is all of it. `store` is where
    it came back to. `is_void`: it came to nothing after all.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    came_with = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", null=True)
    returned_at = models.DateTimeField()
    returned_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    matched_minor = models.BigIntegerField(db_default=0)
    origin = models.CharField(max_length=10)
    source_updated_at = models.DateTimeField(null=True)
    fingerprint = models.BinaryField(max_length=16)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()
    order_ref = models.CharField(max_length=200, default="", db_default="")
    goes_with_order = models.BooleanField(default=False, db_default=False)
    shipping_minor = models.BigIntegerField(default=0, db_default=0)
    tax_minor = models.BigIntegerField(default=0, db_default=0)
    money_minor = models.BigIntegerField(default=0, db_default=0)
    differs_minor = models.BigIntegerField(default=0, db_default=0)
    paid_back_minor = models.BigIntegerField(null=True)
    is_void = models.BooleanField(default=False, db_default=False)
    store = models.ForeignKey("company.Store", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    reason = models.CharField(max_length=60, default="", db_default="")
    version = models.BigIntegerField(null=True)

    class Meta:
        db_table = "commerce_return"
        indexes = [
            models.Index(fields=["customer", "-returned_at", "-id"], name="commerce_return_customer"),
            models.Index(fields=["changed_xid"], name="commerce_return_changed"),
            models.Index(
                fields=["namespace", "order_ref"],
                name="commerce_return_waiting",
                condition=Q(order__isnull=True) & ~Q(order_ref=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref"], name="commerce_return_ref"),
            models.CheckConstraint(name="commerce_return_has_ref", condition=~Q(ref="")),
            models.CheckConstraint(
                name="commerce_return_came_with",
                condition=Q(came_with=None) | (Q(customer__isnull=False) & ~Q(came_with=F("customer"))),
            ),
            models.CheckConstraint(name="commerce_return_origin", condition=Q(origin__in=ORIGINS)),
            models.CheckConstraint(name="commerce_return_currency", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="commerce_return_amounts",
                condition=Q(amount_minor__gte=0, matched_minor__gte=0, matched_minor__lte=F("amount_minor")),
            ),
            models.CheckConstraint(
                name="commerce_return_parts",
                condition=Q(shipping_minor__gte=0, tax_minor__gte=0, money_minor__gte=0)
                & (Q(paid_back_minor=None) | Q(paid_back_minor__gte=0))
                & Q(amount_minor__gte=F("shipping_minor") + F("tax_minor") + F("money_minor")),
            ),
        ]


class ReturnLine(models.Model):
    """One product that came back. What `matched_quantity` leaves over was bought before our records begin.

    `of_line` is the number of the order's line it takes back, where the return names one.
    """

    id = models.BigAutoField(primary_key=True)
    goods_return = models.ForeignKey(GoodsReturn, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    of_line = models.IntegerField(null=True)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+", db_index=False)
    quantity = models.DecimalField(max_digits=18, decimal_places=3)
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    amount_minor = models.BigIntegerField()
    matched_quantity = models.DecimalField(max_digits=18, decimal_places=3, db_default=0)
    restock = models.BooleanField(null=True)

    class Meta:
        db_table = "commerce_return_line"
        constraints = [
            models.UniqueConstraint(fields=["goods_return", "number"], name="commerce_return_line_number"),
            models.CheckConstraint(
                name="commerce_return_line_matched",
                condition=Q(matched_quantity__gte=0, matched_quantity__lte=F("quantity"), amount_minor__gte=0),
            ),
        ]


class ReturnMatch(models.Model):
    """How much of a return line came from which purchase line."""

    id = models.BigAutoField(primary_key=True)
    return_line = models.ForeignKey(ReturnLine, on_delete=models.PROTECT, related_name="+", db_index=False)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="+")
    quantity = models.DecimalField(max_digits=18, decimal_places=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "commerce_return_match"
        constraints = [
            models.UniqueConstraint(fields=["return_line", "line"], name="commerce_return_match_once"),
            models.CheckConstraint(
                name="commerce_return_match_amounts", condition=Q(quantity__gt=0, amount_minor__gte=0)
            ),
        ]
