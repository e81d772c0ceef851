"""Private tables of paid memberships: how each stands, what happened, and the money that was told of."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.levers.loyalty.rules.membership_steps import KINDS, STATES, WHY_ENDED
from regulars.runtime.database.fields import RandomUuid, TransactionIdField

PAYMENT_STATES = ("paid", "failed", "refunded")


class Membership(models.Model):
    """A record's membership of a plan, as `membership_steps.Membership` has it; `version` is what they agreed to.

    `books` has the `Part`s of `membership_books`, of which `paid_minor`, `credit_minor`, `ahead_minor` and
    `quote_minor` are sums. Without `uses_from` it is `since`. `due_on`: the day on which something happens by itself.
    `told` is a hash of what was asked under `key`.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("loyalty.Version", on_delete=models.PROTECT, related_name="+", db_index=False)
    plan = models.CharField(max_length=40, db_collation="C")
    state = models.CharField(max_length=8)
    joined_on = models.DateField()
    anchor = models.DateField()
    nth = models.IntegerField()
    since = models.DateField()
    until = models.DateField()
    uses_from = models.DateField(null=True)
    is_paid = models.BooleanField()
    paid_minor = models.BigIntegerField(db_default=0, default=0)
    due_minor = models.BigIntegerField(db_default=0, default=0)
    credit_minor = models.BigIntegerField(db_default=0, default=0)
    books = models.JSONField(default=list, db_default=[])
    ahead = models.IntegerField(db_default=0, default=0)
    ahead_minor = models.BigIntegerField(db_default=0, default=0)
    grace_until = models.DateField(null=True)
    tries = models.IntegerField(db_default=0, default=0)
    is_reminded = models.BooleanField(db_default=False, default=False)
    ends = models.BooleanField(db_default=False, default=False)
    wants_version = models.ForeignKey(
        "loyalty.Version", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    wants = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    quote_minor = models.BigIntegerField(db_default=0, default=0)
    quote_credit = models.BigIntegerField(db_default=0, default=0)
    quote_until = models.DateField(null=True)
    rested = models.IntegerField(db_default=0, default=0)
    paused_on = models.DateField(null=True)
    resumes_on = models.DateField(null=True)
    ended_on = models.DateField(null=True)
    why_ended = models.CharField(max_length=10, db_default="", default="")
    due_on = models.DateField(null=True)
    changed_xid = TransactionIdField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_membership"
        indexes = [
            models.Index(fields=["record", "-id"], name="loyalty_membership_of"),
            models.Index(fields=["due_on", "id"], name="loyalty_membership_due", condition=Q(due_on__isnull=False)),
            models.Index(fields=["programme", "state", "id"], name="loyalty_membership_state"),
            models.Index(fields=["changed_xid"], name="loyalty_membership_changed"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="loyalty_membership_once", fields=["record", "programme"], condition=~Q(state="ended")
            ),
            models.CheckConstraint(name="loyalty_membership_is", condition=Q(state__in=STATES)),
            models.CheckConstraint(
                name="loyalty_membership_money",
                condition=Q(paid_minor__gte=0, due_minor__gte=0, credit_minor__gte=0, ahead_minor__gte=0, ahead__gte=0)
                & Q(quote_minor__gte=0, quote_credit__gte=0),
            ),
            models.CheckConstraint(name="loyalty_membership_days", condition=Q(until__gt=F("since"))),
            models.CheckConstraint(
                name="loyalty_membership_over",
                condition=Q(state="ended", ended_on__isnull=False, due_on__isnull=True, why_ended__in=WHY_ENDED)
                | (~Q(state="ended") & Q(ended_on__isnull=True, why_ended="")),
            ),
            models.CheckConstraint(
                name="loyalty_membership_rests",
                condition=Q(state="paused", paused_on__isnull=False, resumes_on__isnull=False) | ~Q(state="paused"),
            ),
        ]


class MembershipConsent(models.Model):
    """What somebody agreed to when they joined, or chose another plan: the text of `terms` in a `language`, its
    `digest`, and the place they saw it in. Never changed."""

    id = models.BigAutoField(primary_key=True)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("loyalty.Version", on_delete=models.PROTECT, related_name="+", db_index=False)
    plan = models.CharField(max_length=40, db_collation="C")
    terms = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, db_collation="C")
    language = models.CharField(max_length=2)
    where = models.CharField(max_length=80, db_collation="C")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_membership_consent"
        indexes = [models.Index(fields=["membership", "id"], name="loyalty_membership_consent_of")]


class MembershipStep(models.Model):
    """What happened to a membership on a day. Never changed."""

    id = models.BigAutoField(primary_key=True)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16)
    on = models.DateField()
    minor = models.BigIntegerField(db_default=0, default=0)
    nth = models.IntegerField(db_default=0, default=0)
    why = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_membership_step"
        indexes = [models.Index(fields=["membership", "id"], name="loyalty_membership_step_of")]
        constraints = [
            models.CheckConstraint(name="loyalty_membership_step_is", condition=Q(kind__in=KINDS, minor__gte=0))
        ]


class MembershipPayment(models.Model):
    """Money that somebody told of, under the provider's number `payment`: each state of it counts once. What went back
    under a number of its own is `of` a payment. Never changed."""

    id = models.BigAutoField(primary_key=True)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="+", db_index=False)
    payment = models.CharField(max_length=80, db_collation="C")
    state = models.CharField(max_length=8)
    of = models.CharField(max_length=80, db_default="", default="", db_collation="C")
    minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_membership_payment"
        indexes = [models.Index(fields=["membership", "id"], name="loyalty_membership_payment_of")]
        constraints = [
            models.UniqueConstraint(name="loyalty_membership_payment_once", fields=["payment", "state"]),
            models.CheckConstraint(
                name="loyalty_membership_payment_is", condition=Q(state__in=PAYMENT_STATES, minor__gte=0)
            ),
        ]
