"""Private: other rooms ask `points`. Which columns are caches, and of what, the README lists."""

from functools import reduce
from operator import and_

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.kit.points import MOST_DECIMALS
from regulars.levers.loyalty._benefits.rows import BenefitGift, BenefitUse
from regulars.levers.loyalty._earning.regrant_rows import Regrant, RegrantOrder
from regulars.levers.loyalty._earning.rows import (
    Activation,
    Approval,
    BirthdayRun,
    Counter,
    Earning,
    MissedEvent,
    Pledge,
    Programme,
    Version,
    Warned,
    Withdrawal,
)
from regulars.levers.loyalty._earning.trial_rows import TrialRun
from regulars.levers.loyalty._ledger.before import Earlier
from regulars.levers.loyalty._ledger.books import BOOKS, KINDS, MOST, SOURCES, TRANSIT
from regulars.levers.loyalty._ledger.order_spend_rows import OrderSpend
from regulars.levers.loyalty._ledger.requests import Request
from regulars.levers.loyalty._memberships.rows import (
    Membership,
    MembershipConsent,
    MembershipPayment,
    MembershipStep,
)
from regulars.levers.loyalty._missions.rows import MissionJoin, MissionRun, MissionWalk
from regulars.levers.loyalty._rewards.rows import Redemption, Reward, RewardCode
from regulars.levers.loyalty._tiers.picture_rows import Picture
from regulars.levers.loyalty._tiers.rows import Freeze, Move, Standing, TierWalk
from regulars.runtime.database.fields import RandomUuid

__all__ = (
    "Account",
    "Act",
    "Activation",
    "Approval",
    "BenefitGift",
    "BenefitUse",
    "BirthdayRun",
    "Counter",
    "Currency",
    "Earlier",
    "Earning",
    "Entry",
    "Freeze",
    "Hold",
    "HoldLot",
    "Lot",
    "Membership",
    "MembershipConsent",
    "MembershipPayment",
    "MembershipStep",
    "MissedEvent",
    "MissionJoin",
    "MissionRun",
    "MissionWalk",
    "Move",
    "OrderSpend",
    "Picture",
    "Pledge",
    "Posting",
    "Programme",
    "Redemption",
    "Regrant",
    "RegrantOrder",
    "Request",
    "Reward",
    "RewardCode",
    "Standing",
    "TierWalk",
    "TrialRun",
    "Version",
    "Warned",
    "Withdrawal",
)

#: Why a person freezes an account: a code, never a story.
FROZEN_FOR = ("blocked", "under_age", "estate", "dispute")
SPEND_ORDERS = ("expiry", "oldest")
HOLD_STATES = ("open", "captured", "released", "expired")


def _amounts(table: str, *columns: str) -> models.CheckConstraint:
    within = [Q(**{f"{column}__gte": 0, f"{column}__lte": MOST}) for column in columns]
    return models.CheckConstraint(name=f"{table}_amounts", condition=reduce(and_, within))


class Currency(models.Model):
    """A kind of points. `zone` is where its days begin and end, the shop's where it is empty. What a reversal leaves
    owed beyond `debt_limit` (null: none) is written off at once."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=40, unique=True, db_collation="C")
    scale = models.SmallIntegerField(db_default=0, default=0)
    titles = models.JSONField(db_default={}, default=dict)
    zone = models.CharField(max_length=60, db_default="", default="")
    spend_order = models.CharField(max_length=10, db_default="expiry", default="expiry")
    debt_limit = models.BigIntegerField(null=True)

    class Meta:
        db_table = "loyalty_currency"
        constraints = [
            models.CheckConstraint(name="loyalty_currency_code", condition=Q(code__regex="^[a-z][a-z0-9_]*$")),
            models.CheckConstraint(name="loyalty_currency_scale", condition=Q(scale__gte=0, scale__lte=MOST_DECIMALS)),
            models.CheckConstraint(name="loyalty_currency_spend_order", condition=Q(spend_order__in=SPEND_ORDERS)),
            models.CheckConstraint(name="loyalty_currency_debt_limit", condition=Q(debt_limit__gte=0)),
        ]


class Account(models.Model):
    """What a customer's record has of one kind of points. It stays the record's; joining moves lots between accounts.

    `sequence` is that of its last entry. Frozen, it takes no verb until somebody has looked at it. Where a person froze
    it `frozen_for` says why, and nothing of it ends from `rests_since` on.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+", db_index=False)
    sequence = models.BigIntegerField(db_default=0, default=0)
    pending = models.BigIntegerField(db_default=0, default=0)
    available = models.BigIntegerField(db_default=0, default=0)
    held = models.BigIntegerField(db_default=0, default=0)
    debt = models.BigIntegerField(db_default=0, default=0)
    frozen_at = models.DateTimeField(null=True)
    frozen_why = models.CharField(max_length=200, db_default="", default="")
    frozen_for = models.CharField(max_length=12, db_default="", default="")
    rests_since = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_account"
        constraints = [
            models.UniqueConstraint(name="loyalty_account_of", fields=["customer", "currency"]),
            _amounts("loyalty_account", "sequence", "pending", "available", "held", "debt"),
            models.CheckConstraint(
                name="loyalty_account_rests",
                condition=Q(frozen_for="", rests_since__isnull=True)
                | Q(frozen_for__in=FROZEN_FOR, frozen_at__isnull=False, rests_since__isnull=False),
            ),
        ]


class Act(models.Model):
    """One act under the key that makes its repeat harmless, inserted before anything else is done. `told` is a hash of
    all that was told with it, but for the moment: a retry comes later than the first."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    verb = models.CharField(max_length=40)
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    origin = models.CharField(max_length=10)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_act"
        constraints = [
            models.CheckConstraint(name="loyalty_act_has_key", condition=~Q(key="")),
            models.CheckConstraint(name="loyalty_act_origin", condition=Q(origin__in=("live", "history"))),
        ]


class Entry(models.Model):
    """One line of an account's ledger, never changed: what happened, why, and what the account stood at after it.

    `effective_at` is when it took effect: of what the clock does by itself, that moment. The reason is a code with its
    arguments; its words are said at reading.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True, db_index=False
    )
    reason = models.CharField(max_length=40)
    arguments = models.JSONField(db_default={}, default=dict)
    rule = models.CharField(max_length=80, db_default="", default="", db_collation="C")
    rule_version = models.IntegerField(null=True)
    pending_after = models.BigIntegerField()
    available_after = models.BigIntegerField()
    held_after = models.BigIntegerField()
    debt_after = models.BigIntegerField()
    origin = models.CharField(max_length=10)

    class Meta:
        db_table = "loyalty_entry"
        indexes = [
            models.Index(fields=["reverses"], name="loyalty_entry_reverses", condition=Q(reverses__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(name="loyalty_entry_in_order", fields=["account", "sequence"]),
            models.CheckConstraint(name="loyalty_entry_kind", condition=Q(kind__in=KINDS)),
            models.CheckConstraint(name="loyalty_entry_origin", condition=Q(origin__in=("live", "history"))),
            models.CheckConstraint(name="loyalty_entry_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="loyalty_entry_reverses_itself_never", condition=~Q(reverses=F("id")) | Q(reverses__isnull=True)
            ),
            _amounts("loyalty_entry", "pending_after", "available_after", "held_after", "debt_after"),
        ]


class Lot(models.Model):
    """What one award gave, with its own expiry. Where its parts are adds up to what it was, always.

    `record` is the customer record it came with, which it goes back to when records are parted, and `earned_by`
    whose it was before it was inherited; `subject` what it was
    earned with ("order:…"), `earning` the decision that gave it, where a programme did. `expires_on` is the last day on
    which it can be spent, `expires_at` when that is over. Of what was reversed when it could not be taken back any
    more, `short` is all of it and `owed` what is not settled yet. `allocated_price_minor` is the part of the sale's
    price that stands for it, `standalone_price` what one point was worth by estimate `estimate_version`: the number of
    the version of its rule's programme that says so.
    """

    id = models.BigAutoField(primary_key=True)
    origin_entry = models.ForeignKey(
        Entry, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    record = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    earned_by = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    subject = models.CharField(max_length=120, db_default="", default="", db_collation="C")
    earning = models.ForeignKey(
        "loyalty.Earning", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    rule = models.CharField(max_length=80, db_default="", default="", db_collation="C")
    rule_version = models.IntegerField(null=True)
    original = models.BigIntegerField()
    funding = models.CharField(max_length=10)
    partner = models.CharField(max_length=64, db_default="", default="")
    allocated_price_minor = models.BigIntegerField(null=True)
    price_currency = models.CharField(max_length=3, db_default="", default="")
    standalone_price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    estimate_version = models.IntegerField(null=True)
    expiry_policy = models.CharField(max_length=80, db_default="", default="")
    earned_at = models.DateTimeField()
    matures_at = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)
    expires_at = models.DateTimeField(null=True)
    pending = models.BigIntegerField(db_default=0, default=0)
    available = models.BigIntegerField(db_default=0, default=0)
    held = models.BigIntegerField(db_default=0, default=0)
    spent = models.BigIntegerField(db_default=0, default=0)
    lapsed = models.BigIntegerField(db_default=0, default=0)
    taken_back = models.BigIntegerField(db_default=0, default=0)
    settled = models.BigIntegerField(db_default=0, default=0)
    short = models.BigIntegerField(db_default=0, default=0)
    owed = models.BigIntegerField(db_default=0, default=0)

    class Meta:
        db_table = "loyalty_lot"
        indexes = [
            models.Index(fields=["account", "record"], name="loyalty_lot_of"),
            models.Index(
                fields=["account", "expires_at", "id"],
                name="loyalty_lot_open",
                condition=Q(pending__gt=0) | Q(available__gt=0),
            ),
            models.Index(
                fields=["expires_at"], name="loyalty_lot_lapses", condition=Q(pending__gt=0) | Q(available__gt=0)
            ),
            models.Index(fields=["matures_at"], name="loyalty_lot_matures", condition=Q(pending__gt=0)),
            models.Index(fields=["account"], name="loyalty_lot_owed", condition=Q(owed__gt=0)),
            # Numbers that come in their order cost a quarter of texts that come in any.
            models.Index(fields=["earning"], name="loyalty_lot_earning", condition=Q(earning__isnull=False)),
            models.Index(
                fields=["subject"], name="loyalty_lot_subject", condition=Q(earning__isnull=True) & ~Q(subject="")
            ),
        ]
        constraints = [
            models.CheckConstraint(name="loyalty_lot_original", condition=Q(original__gt=0, original__lte=MOST)),
            models.CheckConstraint(name="loyalty_lot_funding", condition=Q(funding__in=SOURCES)),
            models.CheckConstraint(
                name="loyalty_lot_adds_up",
                condition=Q(
                    original=F("pending")
                    + F("available")
                    + F("held")
                    + F("spent")
                    + F("lapsed")
                    + F("taken_back")
                    + F("settled")
                ),
            ),
            models.CheckConstraint(
                name="loyalty_lot_reversed_once", condition=Q(original__gte=F("taken_back") + F("short"))
            ),
            models.CheckConstraint(name="loyalty_lot_owes_what_is_short", condition=Q(owed__lte=F("short"))),
            models.CheckConstraint(
                name="loyalty_lot_expires",
                condition=Q(expires_on__isnull=True, expires_at__isnull=True)
                | Q(expires_on__isnull=False, expires_at__isnull=False),
            ),
            _amounts(
                "loyalty_lot",
                "pending",
                "available",
                "held",
                "spent",
                "lapsed",
                "taken_back",
                "settled",
                "short",
                "owed",
            ),
        ]


class Posting(models.Model):
    """An amount that moved from one book to another, of a lot. Which lots a spend took is what its postings say.

    `for_lot` is the lot whose debt it settled, where it is another one's. On its way to another account and back, what
    moves is of all lots of a `record`, and no lot is named: ten thousand would be, twice, and each stays where it was.
    """

    pk = models.CompositePrimaryKey("entry_id", "number")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    number = models.IntegerField()
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True)
    record = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True, db_index=False
    )
    from_book = models.CharField(max_length=10)
    to_book = models.CharField(max_length=10)
    amount = models.BigIntegerField()
    for_lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True, db_index=False
    )

    class Meta:
        db_table = "loyalty_posting"
        indexes = [
            models.Index(fields=["for_lot"], name="loyalty_posting_for_lot", condition=Q(for_lot__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                name="loyalty_posting_of",
                condition=Q(lot__isnull=False, record__isnull=True)
                | (Q(lot__isnull=True, record__isnull=False) & (Q(from_book=TRANSIT) | Q(to_book=TRANSIT))),
            ),
            models.CheckConstraint(name="loyalty_posting_amount", condition=Q(amount__gt=0, amount__lte=MOST)),
            models.CheckConstraint(
                name="loyalty_posting_books",
                condition=Q(from_book__in=BOOKS, to_book__in=BOOKS) & ~Q(from_book=F("to_book")),
            ),
        ]


class Hold(models.Model):
    """Points set aside for who may still want them. Without `expires_at` its `owner` ends it, not the clock.
    `order_namespace` and `order_ref` name the order it is for, where that is told."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(db_default=0, default=0)
    released = models.BigIntegerField(db_default=0, default=0)
    owner = models.CharField(max_length=120, db_default="", default="")
    order_namespace = models.CharField(max_length=64, db_default="", default="")
    order_ref = models.CharField(max_length=200, db_default="", default="")
    held_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, db_default="open", default="open")

    class Meta:
        db_table = "loyalty_hold"
        indexes = [models.Index(fields=["expires_at"], name="loyalty_hold_due", condition=Q(state="open"))]
        constraints = [
            models.CheckConstraint(name="loyalty_hold_amount", condition=Q(amount__gt=0, amount__lte=MOST)),
            models.CheckConstraint(name="loyalty_hold_state", condition=Q(state__in=HOLD_STATES)),
            models.CheckConstraint(
                name="loyalty_hold_adds_up",
                condition=(Q(state="open") & Q(amount__gt=F("captured") + F("released")))
                | (~Q(state="open") & Q(amount=F("captured") + F("released"))),
            ),
            _amounts("loyalty_hold", "captured", "released"),
        ]


class HoldLot(models.Model):
    """What a hold keeps of one lot."""

    pk = models.CompositePrimaryKey("hold_id", "lot_id")
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(db_default=0, default=0)
    released = models.BigIntegerField(db_default=0, default=0)

    class Meta:
        db_table = "loyalty_hold_lot"
        constraints = [
            models.CheckConstraint(name="loyalty_hold_lot_amount", condition=Q(amount__gt=0, amount__lte=MOST)),
            models.CheckConstraint(
                name="loyalty_hold_lot_adds_up", condition=Q(amount__gte=F("captured") + F("released"))
            ),
            _amounts("loyalty_hold_lot", "captured", "released"),
        ]
