"""Private: other rooms ask `import_runs`, `api_keys`, `sources`, `write_keys`, `quarantine`, `traffic`, `plan`,
`alarms`, `connections`, `inbox`, `cursors` and `privacy_requests`."""

from django.db import models
from django.db.models.functions import Now

from regulars.facts.sources._connecting import Connection, Cursor, Delivery, PrivacyRequest
from regulars.runtime.database.fields import RandomUuid

__all__ = (
    "Alarm",
    "ApiKey",
    "Connection",
    "Cursor",
    "Delivery",
    "Deviation",
    "Expectation",
    "ImportRun",
    "Observed",
    "PrivacyRequest",
    "Quarantined",
    "Source",
    "Traffic",
    "UnknownKeys",
    "WriteKey",
)

STATES = ("running", "done", "failed", "interrupted")
SOURCE_KINDS = ("web", "app", "server", "till", "other")
#: What is done with a message the tracking plan does not expect.
PLANS = ("learning", "watching", "blocking")
QUARANTINE_STATES = ("waiting", "replayed", "discarded")
VERDICTS = ("accepted", "duplicate", "conflict", "rejected")
PRESENCES = ("required", "optional", "forbidden")
ALARMS = ("silence", "plan")


class ImportRun(models.Model):
    """One walk through one file."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    file_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    mapping = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=12, default="running")
    rows_expected = models.BigIntegerField(null=True)
    rows_read = models.BigIntegerField(default=0)
    rows_good = models.BigIntegerField(default=0)
    rejects = models.BigIntegerField(default=0)
    rejects_file = models.CharField(max_length=1024, blank=True, default="")
    totals = models.JSONField(default=dict)
    came = models.JSONField(default=dict, db_default={})
    problem = models.CharField(max_length=500, blank=True, default="")
    problem_code = models.CharField(max_length=64, blank=True, default="", db_default="")
    problem_facts = models.JSONField(default=dict, db_default={})
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_import_run"
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="sources_import_run_recent"),
            models.Index(fields=["source", "kind", "digest"], name="sources_import_run_file"),
        ]
        constraints = [
            models.CheckConstraint(name="sources_import_run_state", condition=models.Q(state__in=STATES)),
            models.CheckConstraint(
                name="sources_import_run_finished",
                condition=models.Q(state="running", finished_at=None)
                | models.Q(~models.Q(state="running"), finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sources_import_run_counts",
                condition=models.Q(rows_read__gte=0, rows_good__gte=0, rejects__gte=0),
            ),
            models.CheckConstraint(
                name="sources_import_run_digest", condition=models.Q(digest__regex="^[0-9a-f]{64}$")
            ),
        ]


class ApiKey(models.Model):
    """One program's key. Only its SHA-256 is kept."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60, unique=True)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    may = models.JSONField()
    #: Who answers for what it does: somebody of the staff, as the trail names them; empty where nobody was named.
    made_for = models.CharField(max_length=100, db_default="", default="")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_on = models.DateField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_api_key"
        constraints = [
            models.CheckConstraint(
                name="sources_api_key_expires", condition=models.Q(expires_at__gt=models.F("made_at"))
            ),
        ]


class Source(models.Model):
    """A website, an app, a till system or a server that sends events."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10)
    namespace = models.CharField(max_length=64)
    zone = models.CharField(max_length=60)
    is_order_feed = models.BooleanField(default=False)
    plan = models.CharField(max_length=10, default="learning")
    learns_until = models.DateTimeField()
    #: Another one with each change of the plan's expectations: readers keep what they read under it.
    plan_version = models.UUIDField(db_default=RandomUuid(), editable=False)
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_source"
        constraints = [
            models.CheckConstraint(name="sources_source_kind", condition=models.Q(kind__in=SOURCE_KINDS)),
            models.CheckConstraint(name="sources_source_plan", condition=models.Q(plan__in=PLANS)),
        ]


class WriteKey(models.Model):
    """What a source shows when it sends. It opens nothing but this. Only its SHA-256 is kept."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    kinds = models.JSONField()
    per_second = models.IntegerField()
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_write_key"
        constraints = [
            models.CheckConstraint(name="sources_write_key_rate", condition=models.Q(per_second__gte=1)),
        ]


class Quarantined(models.Model):
    """A message that was not taken: why, and what it said, sealed with its month's key."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    code = models.CharField(max_length=40)
    field = models.CharField(max_length=60, blank=True)
    why = models.CharField(max_length=300)
    message_id = models.CharField(max_length=200, blank=True, db_collation="C")
    kind = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200, blank=True)
    sealed_for = models.BigIntegerField()
    sealed = models.BinaryField()
    arrived_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="waiting")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sources_quarantined"
        indexes = [
            models.Index(fields=["source", "state", "-id"], name="sources_quarantined_source"),
            models.Index(fields=["state", "-id"], name="sources_quarantined_state"),
            models.Index(fields=["message_id"], name="sources_quarantined_message"),
        ]
        constraints = [
            models.CheckConstraint(name="sources_quarantined_state", condition=models.Q(state__in=QUARANTINE_STATES)),
            models.CheckConstraint(
                name="sources_quarantined_settled",
                condition=models.Q(state="waiting", settled_at=None)
                | models.Q(~models.Q(state="waiting"), settled_at__isnull=False),
            ),
        ]


class Traffic(models.Model):
    """How many messages of a source ended how in one hour (UTC)."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    verdict = models.CharField(max_length=12)
    count = models.BigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "sources_traffic"
        constraints = [
            models.UniqueConstraint(name="sources_traffic_once", fields=["source", "hour", "verdict"]),
            models.CheckConstraint(name="sources_traffic_verdict", condition=models.Q(verdict__in=VERDICTS)),
            models.CheckConstraint(name="sources_traffic_count", condition=models.Q(count__gte=0)),
        ]


class UnknownKeys(models.Model):
    """How many messages came in one hour (UTC) with a write key nobody made: they belong to no source."""

    hour = models.DateTimeField(primary_key=True)
    count = models.BigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "sources_unknown_keys"
        constraints = [
            models.CheckConstraint(name="sources_unknown_keys_count", condition=models.Q(count__gte=0)),
        ]


class Observed(models.Model):
    """How often a property of an event came with values of one kind; with the kind "", how often it was whole."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    call = models.CharField(max_length=10)
    name = models.CharField(max_length=200, db_collation="C")
    path = models.CharField(max_length=200, db_collation="C")
    kind = models.CharField(max_length=12)
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    example = models.BigIntegerField()

    class Meta:
        db_table = "sources_observed"
        constraints = [
            models.UniqueConstraint(name="sources_observed_once", fields=["source", "call", "name", "path", "kind"]),
            models.CheckConstraint(name="sources_observed_count", condition=models.Q(count__gte=1)),
        ]


class Expectation(models.Model):
    """What the plan says of one event (path "") or one property of it."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    call = models.CharField(max_length=10)
    name = models.CharField(max_length=200, db_collation="C")
    path = models.CharField(max_length=200, db_collation="C")
    presence = models.CharField(max_length=10)
    kinds = models.JSONField(default=list)
    is_by_hand = models.BooleanField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "sources_expectation"
        constraints = [
            models.UniqueConstraint(name="sources_expectation_once", fields=["source", "call", "name", "path"]),
            models.CheckConstraint(name="sources_expectation_presence", condition=models.Q(presence__in=PRESENCES)),
        ]


class Deviation(models.Model):
    """How often on one day (in the source's zone) an event was not as planned in one way, with an example."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    code = models.CharField(max_length=24)
    call = models.CharField(max_length=10)
    name = models.CharField(max_length=200, db_collation="C")
    path = models.CharField(max_length=200, db_collation="C")
    said = models.CharField(max_length=200)
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    example = models.BigIntegerField()

    class Meta:
        db_table = "sources_deviation"
        constraints = [
            models.UniqueConstraint(
                name="sources_deviation_once", fields=["source", "day", "code", "call", "name", "path", "said"]
            ),
            models.CheckConstraint(name="sources_deviation_count", condition=models.Q(count__gte=1)),
        ]


class Alarm(models.Model):
    """That a source fell silent, or sends other than planned: since when, and what tells it."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10)
    since_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)
    noted_at = models.DateTimeField(null=True)
    was_meant = models.BooleanField(default=False)

    class Meta:
        db_table = "sources_alarm"
        indexes = [models.Index(fields=["source", "-id"], name="sources_alarm_source")]
        constraints = [
            models.UniqueConstraint(
                name="sources_alarm_open", fields=["source", "kind"], condition=models.Q(ended_at=None)
            ),
            models.CheckConstraint(name="sources_alarm_kind", condition=models.Q(kind__in=ALARMS)),
            models.CheckConstraint(
                name="sources_alarm_ended",
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("since_at")),
            ),
        ]
