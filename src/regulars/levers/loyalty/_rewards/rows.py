"""Private tables of rewards: the catalogue, pools of codes, and what became of each that somebody took."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.levers.loyalty._ledger.books import MOST
from regulars.runtime.database.fields import RandomUuid

KINDS = ("goods", "coupon", "service", "experience", "charity", "partner")
#: How it reaches whoever took it: sent to them, as a code of the pool, or done on the spot.
HANDED = ("sent", "code", "done")
REWARD_STATES = ("draft", "open", "closed")
STATES = ("reserved", "issued", "shipped", "used", "cancelled")
PER = ("ever", "year", "month", "week", "day")


class Reward(models.Model):
    """What points buy. `price` in the smallest parts of the currency; `level_prices` are those of levels, as
    "programme.tiers.level" to parts. `stock_left` is null where there is no end of it, and a cache of `stock` less what
    was taken and not cancelled. `from_level`: only for that level and those above."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    code = models.CharField(max_length=40, unique=True, db_collation="C")
    kind = models.CharField(max_length=12)
    handed = models.CharField(max_length=6)
    currency = models.ForeignKey("loyalty.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    titles = models.JSONField()
    about = models.JSONField(db_default={}, default=dict)
    price = models.BigIntegerField()
    level_prices = models.JSONField(db_default={}, default=dict)
    from_level = models.CharField(max_length=130, db_default="", default="", db_collation="C")
    cash_minor = models.BigIntegerField(db_default=0, default=0)
    cash_currency = models.CharField(max_length=3, db_default="", default="")
    stock = models.BigIntegerField(null=True)
    stock_left = models.BigIntegerField(null=True)
    low_at = models.BigIntegerField(db_default=0, default=0)
    most = models.IntegerField(null=True)
    per = models.CharField(max_length=6, db_default="ever", default="ever")
    opens_at = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    cancel_days = models.IntegerField(db_default=0, default=0)
    partner = models.CharField(max_length=60, db_default="", default="")
    partner_minor = models.BigIntegerField(db_default=0, default=0)
    partner_currency = models.CharField(max_length=3, db_default="", default="")
    state = models.CharField(max_length=8, db_default="draft", default="draft")
    changed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_reward"
        constraints = [
            models.CheckConstraint(name="loyalty_reward_code", condition=Q(code__regex="^[a-z][a-z0-9_]*$")),
            models.CheckConstraint(name="loyalty_reward_kind", condition=Q(kind__in=KINDS, handed__in=HANDED)),
            models.CheckConstraint(name="loyalty_reward_state", condition=Q(state__in=REWARD_STATES)),
            models.CheckConstraint(
                name="loyalty_reward_amounts",
                condition=Q(price__gte=0, price__lte=MOST, cash_minor__gte=0, low_at__gte=0, cancel_days__gte=0)
                & Q(partner_minor__gte=0),
            ),
            models.CheckConstraint(
                name="loyalty_reward_cash",
                condition=Q(cash_minor=0) | ~Q(cash_currency=""),
            ),
            models.CheckConstraint(
                name="loyalty_reward_stock",
                condition=Q(stock__isnull=True, stock_left__isnull=True)
                | Q(stock__gte=0, stock_left__gte=0, stock_left__lte=F("stock")),
            ),
            models.CheckConstraint(
                name="loyalty_reward_most", condition=(Q(most__isnull=True) | Q(most__gt=0)) & Q(per__in=PER)
            ),
            models.CheckConstraint(
                name="loyalty_reward_window",
                condition=Q(opens_at__isnull=True) | Q(closes_at__isnull=True) | Q(closes_at__gt=F("opens_at")),
            ),
        ]


class Redemption(models.Model):
    """Somebody took a reward. `parts` of points and `cash_minor` are what it cost then; `hold` keeps the points until
    the money came, `entry` spent them. Until `pay_until` it waits for money; until `cancel_until` its owner may take it
    back. `from_stock`: whether it is one of the reward's stock, which goes back with it. `partner…`: whom so much is
    owed for it, as the reward said when it was taken. `told` is a hash of what was asked under `key`."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="+", db_index=False)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10)
    is_gift = models.BooleanField(db_default=False, default=False)
    parts = models.BigIntegerField()
    cash_minor = models.BigIntegerField(db_default=0, default=0)
    cash_currency = models.CharField(max_length=3, db_default="", default="")
    payment = models.CharField(max_length=80, db_default="", default="")
    from_stock = models.BooleanField(db_default=False, default=False)
    partner = models.CharField(max_length=60, db_default="", default="")
    partner_minor = models.BigIntegerField(db_default=0, default=0)
    partner_currency = models.CharField(max_length=3, db_default="", default="")
    hold = models.BigIntegerField(null=True)
    entry = models.BigIntegerField(null=True)
    tracking = models.CharField(max_length=80, db_default="", default="")
    why = models.CharField(max_length=40, db_default="", default="")
    taken_at = models.DateTimeField()
    pay_until = models.DateTimeField(null=True)
    cancel_until = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)
    shipped_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_redemption"
        indexes = [
            models.Index(fields=["record", "-id"], name="loyalty_redemption_of"),
            models.Index(fields=["reward", "state", "id"], name="loyalty_redemption_reward"),
            models.Index(fields=["pay_until"], name="loyalty_redemption_due", condition=Q(pay_until__isnull=False)),
            models.Index(
                fields=["state", "id"],
                name="loyalty_redemption_open",
                condition=Q(state__in=("reserved", "issued", "shipped")),
            ),
            models.Index(fields=["taken_at"], name="loyalty_redemption_owed", condition=Q(partner_minor__gt=0)),
        ]
        constraints = [
            models.CheckConstraint(name="loyalty_redemption_state", condition=Q(state__in=STATES)),
            models.CheckConstraint(name="loyalty_redemption_amounts", condition=Q(parts__gte=0, cash_minor__gte=0)),
            models.CheckConstraint(
                name="loyalty_redemption_partner",
                condition=Q(partner_minor=0) | (Q(partner_minor__gt=0) & ~Q(partner="") & ~Q(partner_currency="")),
            ),
            models.CheckConstraint(
                name="loyalty_redemption_waits", condition=Q(pay_until__isnull=True) | Q(state="reserved")
            ),
            models.CheckConstraint(
                name="loyalty_redemption_cancelled", condition=Q(state="cancelled") ^ Q(cancelled_at__isnull=True)
            ),
        ]


class RewardCode(models.Model):
    """A code of a reward's pool, sealed for the house; `digest` tells one from another. Given out once, for ever."""

    id = models.BigAutoField(primary_key=True)
    reward = models.ForeignKey(Reward, on_delete=models.PROTECT, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32)
    sealed = models.BinaryField()
    redemption = models.OneToOneField(Redemption, on_delete=models.PROTECT, null=True, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        db_table = "loyalty_reward_code"
        indexes = [
            models.Index(fields=["reward", "id"], name="loyalty_reward_code_left", condition=Q(redemption__isnull=True))
        ]
        constraints = [models.UniqueConstraint(name="loyalty_reward_code_once", fields=["reward", "digest"])]
