"""Private: other rooms ask `endpoints`, `deliveries` and `exports`."""

from django.db import models
from django.db.models.functions import Now

from regulars.oversight.outbound._right_rows import Right, WantedAttributes, WantedCode, Writing
from regulars.oversight.outbound.cadence import ROUNDS
from regulars.runtime.database.fields import RandomUuid

__all__ = (
    "Delivery",
    "Endpoint",
    "Export",
    "ExportRun",
    "Lane",
    "Right",
    "WantedAttributes",
    "WantedCode",
    "Writing",
)

#: on: sent to · paused: what is told waits · off: it failed for days or said it is gone, nothing new waits · retired.
STATES = ("on", "paused", "off", "retired")
DELIVERY_STATES = ("waiting", "delivered", "given_up", "set_aside")
EXPORT_STATES = ("on", "paused", "retired")
EXPORT_KINDS = ("csv", "parquet")
RUN_STATES = ("waiting", "running", "done", "failed")


class Endpoint(models.Model):
    """Somebody else's address that wants to hear what happens."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    name = models.CharField(max_length=60, unique=True)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True, default="")
    kinds = models.JSONField(default=list)
    wants_history = models.BooleanField(default=False)
    #: Sealed for the house. The one before stays good for signing until `before_until`.
    secret = models.BinaryField()
    secret_before = models.BinaryField(null=True)
    before_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default="on")
    state_why = models.CharField(max_length=20, blank=True, default="")
    failing_since = models.DateTimeField(null=True)
    failures_in_a_row = models.IntegerField(default=0)
    rest_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_try_at = models.DateTimeField(null=True)
    last_took_ms = models.IntegerField(null=True)
    last_status = models.SmallIntegerField(null=True)
    last_error = models.CharField(max_length=30, blank=True, default="")
    #: A replay under way: notices in (replay_position, replay_until] are yet to be planned again.
    replay_position = models.BigIntegerField(null=True)
    replay_until = models.BigIntegerField(null=True)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbound_endpoint"
        constraints = [
            models.CheckConstraint(name="outbound_endpoint_state", condition=models.Q(state__in=STATES)),
            models.CheckConstraint(
                name="outbound_endpoint_replay",
                condition=models.Q(replay_position=None, replay_until=None)
                | models.Q(replay_position__isnull=False, replay_until__isnull=False),
            ),
            models.CheckConstraint(
                name="outbound_endpoint_before",
                condition=models.Q(secret_before=None, before_until=None)
                | models.Q(secret_before__isnull=False, before_until__isnull=False),
            ),
        ]


class Lane(models.Model):
    """The queue of one subject at one endpoint while something waits in it. Who claims it may send its first."""

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=120)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)

    class Meta:
        db_table = "outbound_lane"
        constraints = [models.UniqueConstraint(name="outbound_lane_once", fields=["endpoint", "subject"])]
        indexes = [models.Index(fields=["endpoint", "due_at"], name="outbound_lane_due")]


class Delivery(models.Model):
    """One message for one endpoint: of a notice, or (without one) a trial."""

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="+", db_index=False)
    notice = models.BigIntegerField(null=True)
    message_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.IntegerField(default=0)
    #: When it was planned, or asked for again: tries are counted from here.
    wanted_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(null=True)
    error = models.CharField(max_length=30, blank=True, default="")
    #: The last tries, oldest first: [when, milliseconds, status or null, what went wrong or ""].
    tries = models.JSONField(default=list)

    class Meta:
        db_table = "outbound_delivery"
        constraints = [
            models.UniqueConstraint(name="outbound_delivery_once", fields=["endpoint", "notice"]),
            models.CheckConstraint(name="outbound_delivery_state", condition=models.Q(state__in=DELIVERY_STATES)),
            models.CheckConstraint(
                name="outbound_delivery_ended",
                condition=models.Q(state="waiting", ended_at=None)
                | models.Q(~models.Q(state="waiting"), ended_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "subject", "notice", "id"],
                name="outbound_delivery_queue",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=["endpoint", "-id"], name="outbound_delivery_recent"),
            # Of those that were delivered there are as many as there ever were messages.
            models.Index(
                fields=["endpoint", "state", "-id"],
                name="outbound_delivery_state",
                condition=~models.Q(state="delivered"),
            ),
            models.Index(fields=["endpoint", "message_id"], name="outbound_delivery_message"),
            models.Index(
                fields=["ended_at"], name="outbound_delivery_past", condition=models.Q(ended_at__isnull=False)
            ),
        ]


class Export(models.Model):
    """Published tables that are written to files, again and again."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    name = models.CharField(max_length=60, unique=True)
    tables = models.JSONField()
    kind = models.CharField(max_length=10)
    round = models.CharField(max_length=10)
    hour = models.SmallIntegerField()
    weekday = models.SmallIntegerField()
    day = models.SmallIntegerField()
    keep = models.SmallIntegerField()
    state = models.CharField(max_length=10, default="on")
    due_at = models.DateTimeField()
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbound_export"
        constraints = [
            models.CheckConstraint(name="outbound_export_state", condition=models.Q(state__in=EXPORT_STATES)),
            models.CheckConstraint(name="outbound_export_kind", condition=models.Q(kind__in=EXPORT_KINDS)),
            models.CheckConstraint(name="outbound_export_round", condition=models.Q(round__in=ROUNDS)),
            models.CheckConstraint(
                name="outbound_export_clock",
                condition=models.Q(hour__range=(0, 23), weekday__range=(1, 7), day__range=(1, 31), keep__gte=1),
            ),
        ]


class ExportRun(models.Model):
    """One writing of an export. `key` is the time it was due, or what asked for it by hand."""

    id = models.BigAutoField(primary_key=True)
    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=80)
    state = models.CharField(max_length=10, default="waiting")
    wanted_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    #: Beneath the folder of exports; "" until it is whole, and again when it was swept.
    folder = models.CharField(max_length=200, blank=True, default="")
    files = models.JSONField(default=list)
    problem = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "outbound_export_run"
        indexes = [models.Index(fields=["export", "-id"], name="outbound_export_run_recent")]
        constraints = [
            models.UniqueConstraint(name="outbound_export_run_once", fields=["export", "key"]),
            models.CheckConstraint(name="outbound_export_run_state", condition=models.Q(state__in=RUN_STATES)),
            models.CheckConstraint(
                name="outbound_export_run_finished",
                condition=models.Q(state__in=("done", "failed"), finished_at__isnull=False)
                | models.Q(state__in=("waiting", "running"), finished_at=None),
            ),
        ]
