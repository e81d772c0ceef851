"""Private: what stands beside orders and returns: how they were paid, how they changed, and where they are."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.facts.commerce.order_reports import FULFILMENTS, TENDER_KINDS, TENDER_STATES
from regulars.facts.commerce.shipment_reports import EVENT_CODES, SHIPMENT_STATES
from regulars.runtime.database.fields import RandomUuid, TransactionIdField

#: What a change of an order may be, as its history tells it.
CHANGES = (
    *("placed", "drafted", "edited", "part_paid", "paid", "unpaid", "refunded", "completed", "cancelled", "reopened"),
    *("returned", "tested", "shipped", "ready", "delivered", "collected", "deleted"),
    *("told_twice", "counts_again"),
)


class Tender(models.Model):
    """One means by which an order is paid. One its source does not tell of any more stays, `dropped`, with nothing."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+", db_index=False)
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=10)
    amount_minor = models.BigIntegerField()
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_tender"
        constraints = [
            models.UniqueConstraint(fields=["order", "ref"], name="commerce_tender_once"),
            models.CheckConstraint(name="commerce_tender_has_ref", condition=~Q(ref="")),
            models.CheckConstraint(name="commerce_tender_kind", condition=Q(kind__in=TENDER_KINDS)),
            models.CheckConstraint(name="commerce_tender_state", condition=Q(state__in=(*TENDER_STATES, "dropped"))),
            models.CheckConstraint(
                name="commerce_tender_amount",
                condition=Q(state="dropped", amount_minor=0) | (~Q(state="dropped") & Q(amount_minor__gte=0)),
            ),
        ]


class OrderChange(models.Model):
    """One change of an order as it was told, never changed itself. `at` is its source's time. `is_whole_refund`: it is
    of all that went back, as the order says, and not of one refund."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=12)
    at = models.DateTimeField()
    before_minor = models.BigIntegerField(null=True)
    after_minor = models.BigIntegerField(null=True)
    source = models.CharField(max_length=120)
    delivery = models.CharField(max_length=200, default="", db_default="")
    is_whole_refund = models.BooleanField(default=False, db_default=False)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "commerce"
        db_table = "commerce_order_change"
        indexes = [models.Index(fields=["order", "id"], name="commerce_order_change_of")]
        constraints = [models.CheckConstraint(name="commerce_order_change_what", condition=Q(what__in=CHANGES))]


class Shipment(models.Model):
    """Goods of an order on their way, or kept ready for who fetches them; by its source's reference.

    `told_state`, `told_arrived_at` and `told_expected_at` are what its source says; `state`, `arrived_at` and
    `expected_at` what that and the carrier's events come to. `order` is null while
    the order that `order_ref` names is not on record.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+", null=True)
    order_ref = models.CharField(max_length=200)
    mode = models.CharField(max_length=10)
    told_state = models.CharField(max_length=12)
    state = models.CharField(max_length=12)
    store = models.ForeignKey("company.Store", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    carrier = models.CharField(max_length=100, default="", db_default="")
    tracking = models.CharField(max_length=200, default="", db_default="")
    shipped_at = models.DateTimeField(null=True)
    promised_from = models.DateTimeField(null=True)
    promised_until = models.DateTimeField(null=True)
    expected_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    told_arrived_at = models.DateTimeField(null=True)
    told_expected_at = models.DateTimeField(null=True)
    origin = models.CharField(max_length=10)
    source_updated_at = models.DateTimeField(null=True)
    version = models.BigIntegerField(null=True)
    fingerprint = models.BinaryField(max_length=16)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        app_label = "commerce"
        db_table = "commerce_shipment"
        indexes = [
            models.Index(fields=["changed_xid"], name="commerce_shipment_changed"),
            models.Index(
                fields=["namespace", "order_ref"], name="commerce_shipment_waiting", condition=Q(order__isnull=True)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref"], name="commerce_shipment_ref"),
            models.CheckConstraint(name="commerce_shipment_has_refs", condition=~Q(ref="") & ~Q(order_ref="")),
            models.CheckConstraint(name="commerce_shipment_mode", condition=Q(mode__in=FULFILMENTS)),
            models.CheckConstraint(
                name="commerce_shipment_state",
                condition=Q(state__in=SHIPMENT_STATES, told_state__in=SHIPMENT_STATES),
            ),
        ]


class ShipmentLine(models.Model):
    """How much of a line of the order is in a shipment. What its source took out of it stays, with nothing."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="+", db_index=False)
    of_line = models.IntegerField()
    quantity = models.DecimalField(max_digits=18, decimal_places=3)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_shipment_line"
        constraints = [
            models.UniqueConstraint(fields=["shipment", "of_line"], name="commerce_shipment_line_once"),
            models.CheckConstraint(name="commerce_shipment_line_quantity", condition=Q(quantity__gte=0)),
        ]


class CarrierEvent(models.Model):
    """What the carrier said of a shipment at one moment, never changed."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    code = models.CharField(max_length=20)
    expected_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "commerce"
        db_table = "commerce_carrier_event"
        constraints = [
            models.UniqueConstraint(
                fields=["shipment", "at", "code", "expected_at"],
                name="commerce_carrier_event_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="commerce_carrier_event_code", condition=Q(code__in=EVENT_CODES)),
        ]
