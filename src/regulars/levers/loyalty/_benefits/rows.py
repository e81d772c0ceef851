"""Private tables of benefits: what was given by hand or by a partner, and every use. What levels and plans give is
written down nowhere: it follows from where somebody stands."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid, TransactionIdField

#: Who gives what is given by hand.
GIVEN_BY = ("gift", "partner")
#: Why it was given, as codes: what happened in somebody's life is written down nowhere.
REASONS = ("goodwill", "service", "campaign", "birthday", "partner", "correction")
#: Why a use was given back.
WHY_BACK = ("order_cancelled", "goods_returned", "not_done", "correction")


class BenefitGift(models.Model):
    """A benefit that somebody was given: `most` uses of it, without end where that is null, from `since_on` up to but
    not including `until_on`. It keeps the terms of its version."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("loyalty.Version", on_delete=models.PROTECT, related_name="+", db_index=False)
    benefit = models.CharField(max_length=40, db_collation="C")
    given_by = models.CharField(max_length=8)
    partner = models.CharField(max_length=60, db_default="", default="", db_collation="C")
    reason = models.CharField(max_length=12)
    most = models.IntegerField(null=True)
    since_on = models.DateField()
    until_on = models.DateField(null=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    withdrawn_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_benefit_gift"
        indexes = [models.Index(fields=["record", "id"], name="loyalty_benefit_gift_of")]
        constraints = [
            models.CheckConstraint(
                name="loyalty_benefit_gift_by", condition=Q(given_by__in=GIVEN_BY, reason__in=REASONS)
            ),
            models.CheckConstraint(
                name="loyalty_benefit_gift_partner",
                condition=(Q(given_by="partner") & ~Q(partner="")) | Q(given_by="gift", partner=""),
            ),
            models.CheckConstraint(name="loyalty_benefit_gift_most", condition=Q(most__isnull=True) | Q(most__gt=0)),
            models.CheckConstraint(
                name="loyalty_benefit_gift_days", condition=Q(until_on__isnull=True) | Q(until_on__gt=F("since_on"))
            ),
        ]


class BenefitUse(models.Model):
    """Somebody used a benefit. `source` says whose quota it took: "tier", "plan:<id>", "gift:<number>".

    Of a quota it took the `slot`, one of `most`, in the days that begin with `counts_from`; of one that rolls it has
    no slot, and without a quota none either. `order` and `saved_minor` as whoever told of it said.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    benefit = models.CharField(max_length=40, db_collation="C")
    source = models.CharField(max_length=60, db_collation="C")
    membership = models.ForeignKey(
        "loyalty.Membership", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    because = models.CharField(max_length=90, db_default="", default="", db_collation="C")
    on = models.DateField()
    counts_from = models.DateField(null=True)
    slot = models.IntegerField(null=True)
    most = models.IntegerField(null=True)
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    about = models.CharField(max_length=80, db_default="", default="", db_collation="C")
    saved_minor = models.BigIntegerField(db_default=0, default=0)
    saved_currency = models.CharField(max_length=3, db_default="", default="")
    back = models.CharField(max_length=9)
    used_at = models.DateTimeField()
    by = models.CharField(max_length=100)
    given_back_at = models.DateTimeField(null=True)
    why_back = models.CharField(max_length=16, db_default="", default="")
    changed_xid = TransactionIdField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_benefit_use"
        indexes = [
            models.Index(fields=["record", "-id"], name="loyalty_benefit_use_of"),
            models.Index(
                fields=["order"],
                name="loyalty_benefit_use_order",
                condition=Q(order__isnull=False, given_back_at__isnull=True),
            ),
            models.Index(
                fields=["membership"], name="loyalty_benefit_use_membership", condition=Q(membership__isnull=False)
            ),
            models.Index(fields=["used_at"], name="loyalty_benefit_use_at"),
            models.Index(fields=["changed_xid"], name="loyalty_benefit_use_changed"),
        ]
        constraints = [
            # A quota is never overdrawn: of each of its slots there is one use.
            models.UniqueConstraint(
                name="loyalty_benefit_use_slot",
                fields=["record", "programme", "benefit", "source", "counts_from", "slot"],
                condition=Q(slot__isnull=False, given_back_at__isnull=True),
            ),
            models.CheckConstraint(
                name="loyalty_benefit_use_within",
                condition=Q(slot__isnull=True)
                | Q(slot__gte=1, slot__lte=F("most"), most__isnull=False, counts_from__isnull=False),
            ),
            models.CheckConstraint(
                name="loyalty_benefit_use_saved",
                condition=Q(saved_minor=0) | (Q(saved_minor__gt=0) & ~Q(saved_currency="")),
            ),
            models.CheckConstraint(
                name="loyalty_benefit_use_back",
                condition=Q(given_back_at__isnull=True, why_back="")
                | Q(given_back_at__isnull=False, why_back__in=WHY_BACK),
            ),
        ]
