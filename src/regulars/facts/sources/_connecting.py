"""Private tables of connections to shop systems; `models` shows them to Django."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid

CONNECTION_KINDS = ("shopify", "woocommerce", "youzan", "medusa", "generic", "stripe", "folder")
#: on: told and asked · paused: what is told is kept and waits, nothing is asked · retired: for good.
CONNECTION_STATES = ("on", "paused", "retired")
#: repeated: it was understood and told nothing new · set_aside: somebody decided that nothing is to be done.
DELIVERY_STATES = ("waiting", "done", "repeated", "not_understood", "set_aside")
WALKS = ("", "backfill", "poll")
REQUESTS = ("data_request", "redact", "shop_redact", "deleted")


class Connection(models.Model):
    """One shop system somewhere else, with what we show it and what it shows us."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=12)
    namespace = models.CharField(max_length=64)
    zone = models.CharField(max_length=60)
    settings = models.JSONField(default=dict)
    #: JSON objects of texts, sealed for the house: what it takes to sign and to ask; what of it was replaced and is
    #: still good for signing until `before_until`; what a shop lent us for a while, such as a token.
    credentials = models.BinaryField()
    credentials_before = models.BinaryField(null=True)
    before_until = models.DateTimeField(null=True)
    kept = models.BinaryField(null=True)
    state = models.CharField(max_length=10, default="on")
    state_why = models.CharField(max_length=30, blank=True, default="")
    heard_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    refused_why = models.CharField(max_length=30, blank=True, default="")
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_connection"
        constraints = [
            models.CheckConstraint(name="sources_connection_kind", condition=Q(kind__in=CONNECTION_KINDS)),
            models.CheckConstraint(name="sources_connection_state", condition=Q(state__in=CONNECTION_STATES)),
            models.CheckConstraint(
                name="sources_connection_before",
                condition=Q(credentials_before=None, before_until=None)
                | Q(credentials_before__isnull=False, before_until__isnull=False),
            ),
            # Two connections that told under the same names would overwrite each other's orders.
            models.UniqueConstraint(
                name="sources_connection_namespace", fields=["namespace"], condition=~Q(state="retired")
            ),
        ]


class Delivery(models.Model):
    """What a shop sent, as it came: its body sealed with its month's key, until it is old."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=64)
    topic = models.CharField(max_length=120, blank=True, default="")
    headers = models.JSONField(default=dict)
    sealed_for = models.IntegerField()
    sealed = models.BinaryField(null=True)
    size = models.IntegerField()
    told_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField()
    repeats = models.IntegerField(default=0)
    repeated_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=14, default="waiting")
    code = models.CharField(max_length=60, blank=True, default="")
    why = models.CharField(max_length=300, blank=True, default="")
    tries = models.IntegerField(default=0)
    came = models.JSONField(default=dict)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sources_delivery"
        constraints = [
            models.UniqueConstraint(name="sources_delivery_once", fields=["connection", "key"]),
            models.CheckConstraint(name="sources_delivery_state", condition=Q(state__in=DELIVERY_STATES)),
            models.CheckConstraint(
                name="sources_delivery_settled",
                condition=Q(state="waiting", settled_at=None) | (~Q(state="waiting") & Q(settled_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "id"], name="sources_delivery_waiting", condition=Q(state="waiting")),
            models.Index(fields=["connection", "state", "-id"], name="sources_delivery_state"),
            models.Index(fields=["connection", "-id"], name="sources_delivery_recent"),
            models.Index(fields=["arrived_at"], name="sources_delivery_arrived"),
        ]


class Cursor(models.Model):
    """How far one stream of one connection was read, and the walk under way through it."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", db_index=False)
    stream = models.CharField(max_length=30)
    walk = models.CharField(max_length=10, blank=True, default="")
    walk_since = models.DateTimeField(null=True)
    walk_until = models.DateTimeField(null=True)
    walk_cursor = models.TextField(blank=True, default="")
    walk_seen = models.BigIntegerField(default=0)
    walk_news = models.BigIntegerField(default=0)
    walk_began_at = models.DateTimeField(null=True)
    expected = models.BigIntegerField(null=True)
    #: All that the shop told up to here is here.
    seen_until = models.DateTimeField(null=True)
    backfilled_at = models.DateTimeField(null=True)
    backfilled = models.BigIntegerField(default=0)
    gaps_found = models.BigIntegerField(default=0)
    gaps_mended = models.BigIntegerField(default=0)
    gap_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    problem_why = models.CharField(max_length=300, blank=True, default="")
    failing_since = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    rest_until = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "sources_cursor"
        constraints = [
            models.UniqueConstraint(name="sources_cursor_once", fields=["connection", "stream"]),
            models.CheckConstraint(name="sources_cursor_walk", condition=Q(walk__in=WALKS)),
            models.CheckConstraint(
                name="sources_cursor_walking",
                condition=Q(walk="", walk_until=None) | (~Q(walk="") & Q(walk_until__isnull=False)),
            ),
            models.CheckConstraint(
                name="sources_cursor_counts",
                condition=Q(walk_seen__gte=0, walk_news__gte=0, gaps_found__gte=0, gaps_mended__gte=0),
            ),
        ]


class PrivacyRequest(models.Model):
    """What a shop asked of us about one of its people, or about all. `ref` is what the shop calls the person."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=14)
    ref = models.CharField(max_length=200, blank=True, default="")
    key = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    how = models.CharField(max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_privacy_request"
        constraints = [
            models.UniqueConstraint(name="sources_privacy_request_once", fields=["connection", "key"]),
            models.CheckConstraint(name="sources_privacy_request_kind", condition=Q(kind__in=REQUESTS)),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="sources_privacy_request_open", condition=Q(settled_at=None)),
        ]
