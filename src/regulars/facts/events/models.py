"""Private: other rooms ask `intake`, `stream` and `events`. The table of events is partitioned: see the migrations."""

from django.db import models
from django.db.models.functions import Now

from regulars.runtime.database.fields import TransactionIdField


class Batch(models.Model):
    """What was committed together. Events are numbered `id << 14` upwards, so the stream is read by batches."""

    id = models.BigIntegerField(primary_key=True)
    events = models.IntegerField()
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    counts = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "events_batch"


class Seen(models.Model):
    """That a message was taken: outlives the event's retention, so that a repeat is known for ever."""

    key = models.UUIDField(primary_key=True)
    content = models.BigIntegerField()
    event = models.BigIntegerField()

    class Meta:
        db_table = "events_seen"


class Hidden(models.Model):
    """What an event told of a person, sealed: with the customer's own key once it is known whose it is, until then
    with the month's."""

    event = models.BigIntegerField(primary_key=True)
    visitor = models.UUIDField()
    sealed_for = models.BigIntegerField()
    sealed = models.BinaryField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "events_hidden"
        indexes = [
            models.Index(fields=["visitor", "event"], name="events_hidden_visitor"),
            models.Index(fields=["sealed_for"], name="events_hidden_of_nobody", condition=models.Q(sealed_for__lt=0)),
        ]


class Visitor(models.Model):
    """A user or a device as one namespace's sources call it, what it has done, and which customer it is."""

    id = models.UUIDField(primary_key=True)
    namespace = models.CharField(max_length=64, db_collation="C")
    kind = models.CharField(max_length=8)
    ref = models.CharField(max_length=200, null=True, db_collation="C")
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", null=True)
    linked_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    events = models.BigIntegerField()
    counts = models.JSONField()
    products = models.JSONField()
    traits = models.JSONField(db_default={})
    last_source = models.BigIntegerField()
    # Of a device: more people use it than the rules of identity allow, so what was done on it is nobody's.
    is_shared = models.BooleanField(db_default=False)
    # Without an index: it changes with every event, and an index would make each of these a new place in all others.
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "events_visitor"
        constraints = [
            models.CheckConstraint(name="events_visitor_kind", condition=models.Q(kind__in=("user", "device"))),
            models.CheckConstraint(name="events_visitor_events", condition=models.Q(events__gte=0)),
            models.CheckConstraint(
                name="events_visitor_seen", condition=models.Q(last_seen_at__gte=models.F("first_seen_at"))
            ),
        ]


class Reader(models.Model):
    """How far one reader of the stream has come."""

    name = models.CharField(max_length=60, primary_key=True)
    position = models.BigIntegerField()

    class Meta:
        db_table = "events_reader"


class Evidence(models.Model):
    """That two visitors are one person, as an event told: a device and a user together, or one named as another.

    The first counts. One that contradicts what was known before is kept beside it and changes nothing.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8)
    visitor = models.UUIDField()
    other = models.UUIDField()
    event = models.BigIntegerField()
    contradicts = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        db_table = "events_evidence"
        constraints = [
            models.UniqueConstraint(name="events_evidence_once", fields=["visitor", "other", "kind"]),
            models.CheckConstraint(name="events_evidence_kind", condition=models.Q(kind__in=("together", "alias"))),
            models.CheckConstraint(name="events_evidence_two", condition=~models.Q(visitor=models.F("other"))),
        ]


class Parked(models.Model):
    """An event that a reader could not take; or took but for a part of it, which is a note."""

    id = models.BigAutoField(primary_key=True)
    reader = models.CharField(max_length=60)
    event = models.BigIntegerField()
    is_note = models.BooleanField()
    problem = models.CharField(max_length=300)
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "events_parked"
        constraints = [
            models.UniqueConstraint(name="events_parked_once", fields=["reader", "event", "is_note"]),
        ]


class Kept(models.Model):
    """For how many months events of a kind, or of one name of that kind, are kept."""

    id = models.BigAutoField(primary_key=True)
    kind = models.SmallIntegerField()
    name = models.CharField(max_length=200, blank=True, db_collation="C")
    months = models.IntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "events_kept"
        constraints = [
            models.UniqueConstraint(name="events_kept_once", fields=["kind", "name"]),
            models.CheckConstraint(name="events_kept_kind", condition=models.Q(kind__range=(1, 6))),
            models.CheckConstraint(name="events_kept_months", condition=models.Q(months__range=(1, 240))),
        ]


class Swept(models.Model):
    """Up to which event a month was looked through by which rules, so that it is not looked through each night."""

    month = models.DateField(primary_key=True)
    rules = models.CharField(max_length=64)
    upto = models.BigIntegerField()

    class Meta:
        db_table = "events_swept"


class OrderEvent(models.Model):
    """One event by which the order feed told of an order, and what became of it. `told` keeps its digits as text."""

    event = models.BigIntegerField(primary_key=True)
    source = models.BigIntegerField()
    namespace = models.CharField(max_length=64, db_collation="C")
    name = models.CharField(max_length=40)
    ref = models.CharField(max_length=200, blank=True, db_collation="C")
    user_ref = models.CharField(max_length=200, null=True, db_collation="C")
    is_user_hidden = models.BooleanField()
    occurred_at = models.DateTimeField()
    origin = models.CharField(max_length=8)
    told = models.TextField()
    state = models.CharField(max_length=12)
    code = models.CharField(max_length=40, default="", db_default="")
    why = models.CharField(max_length=300, default="", db_default="")
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "events_order_event"
        indexes = [
            models.Index(fields=["namespace", "ref"], name="events_order_event_ref"),
            models.Index(fields=["state", "-event"], name="events_order_event_open"),
        ]
        constraints = [
            models.CheckConstraint(
                name="events_order_event_state",
                condition=models.Q(state__in=("applied", "waiting", "failed", "set_aside")),
            ),
            models.CheckConstraint(
                name="events_order_event_user", condition=models.Q(user_ref=None) | ~models.Q(user_ref__contains="@")
            ),
        ]
