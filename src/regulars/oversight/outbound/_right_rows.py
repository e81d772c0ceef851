"""Private tables of what shops are to be told of people's rights; `models` shows them to Django."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now, Upper

#: waiting: to be written · written: the shop has the wanted version · refused: the shop will not, until it is wanted
#: otherwise or somebody asks again · unsupported: its API cannot · dropped: there is nobody to write it for any more.
RIGHT_STATES = ("waiting", "written", "refused", "unsupported", "dropped")


class Writing(models.Model):
    """That a connection's shop is written to, and what."""

    connection = models.OneToOneField(
        "sources.Connection", on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    codes = models.BooleanField()
    attributes = models.BooleanField()
    #: Why the whole shop cannot be written to just now; "" when it can.
    problem = models.CharField(max_length=60, blank=True, default="")
    problem_why = models.CharField(max_length=300, blank=True, default="")
    failing_since = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    rest_until = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbound_writing"


class WantedCode(models.Model):
    """A discount code as every shop shall have it. `key` is ours and stays; `version` grows with every change."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=120, unique=True)
    code = models.CharField(max_length=60)
    terms = models.JSONField()
    is_active = models.BooleanField(default=True)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", null=True)
    version = models.BigIntegerField(default=1)
    wanted_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbound_wanted_code"
        constraints = [
            # Two rights behind one code would be one right; most shops take small letters for capitals.
            models.UniqueConstraint(Upper("code"), name="outbound_wanted_code_once", condition=Q(is_active=True)),
            models.CheckConstraint(name="outbound_wanted_code_version", condition=Q(version__gte=1)),
        ]


class WantedAttributes(models.Model):
    """What every shop shall say of a customer, by name: a tier, a balance. An empty text takes it away there."""

    customer = models.OneToOneField("customers.Customer", on_delete=models.PROTECT, related_name="+", primary_key=True)
    told = models.JSONField()
    version = models.BigIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "outbound_wanted_attributes"
        constraints = [models.CheckConstraint(name="outbound_wanted_attributes_version", condition=Q(version__gte=1))]


class Right(models.Model):
    """One code in one shop, or one shop's customer and what it says of them. `ref` is what the shop calls them."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey("sources.Connection", on_delete=models.PROTECT, related_name="+", db_index=False)
    code = models.ForeignKey(WantedCode, on_delete=models.PROTECT, related_name="+", null=True)
    attributes = models.ForeignKey(WantedAttributes, on_delete=models.PROTECT, related_name="+", null=True)
    ref = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=12, default="waiting")
    version = models.BigIntegerField(default=0)
    #: What the shop calls the code it made.
    remote = models.CharField(max_length=200, blank=True, default="")
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=60, blank=True, default="")
    error_why = models.CharField(max_length=300, blank=True, default="")
    written_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    #: How often the shop was found to say otherwise than it was told.
    drifts = models.IntegerField(default=0)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbound_right"
        indexes = [
            models.Index(fields=["connection", "due_at"], name="outbound_right_due", condition=Q(state="waiting")),
            models.Index(fields=["connection", "checked_at"], name="outbound_right_seen", condition=Q(state="written")),
            models.Index(fields=["connection", "state", "-id"], name="outbound_right_state"),
        ]
        constraints = [
            models.UniqueConstraint(name="outbound_right_code", fields=["connection", "code"], condition=~Q(code=None)),
            models.UniqueConstraint(name="outbound_right_ref", fields=["connection", "ref"], condition=~Q(ref="")),
            models.CheckConstraint(name="outbound_right_states", condition=Q(state__in=RIGHT_STATES)),
            models.CheckConstraint(
                name="outbound_right_of_one",
                condition=Q(code__isnull=False, ref="", attributes=None) | (Q(code=None) & ~Q(ref="")),
            ),
            models.CheckConstraint(
                name="outbound_right_claimed",
                condition=Q(claim=None, claimed_until=None) | Q(claim__isnull=False, claimed_until__isnull=False),
            ),
            models.CheckConstraint(name="outbound_right_attempts", condition=Q(attempts__gte=0, drifts__gte=0)),
        ]
