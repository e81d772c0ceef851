"""Private: other rooms ask `readings` and `members`."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from regulars.runtime.database.fields import TransactionIdField

#: Stands for "never bought" where lists are sorted by the last purchase.
LONG_AGO = "0001-01-01"


class Reading(models.Model):
    """Every stored measure of one customer. Written by `refresh` alone; can be deleted and computed again."""

    customer = models.OneToOneField(
        "customers.Customer", on_delete=models.CASCADE, primary_key=True, related_name="+", db_column="customer_id"
    )
    orders = models.IntegerField()
    purchase_days = models.IntegerField()
    first_on = models.DateField(null=True)
    last_on = models.DateField(null=True)
    gross_minor = models.BigIntegerField()
    returned_minor = models.BigIntegerField()
    spend_minor = models.BigIntegerField()
    foreign_orders = models.IntegerField()
    average_order_minor = models.BigIntegerField(null=True)
    typical_gap_days = models.FloatField(null=True)
    is_regular = models.BooleanField()
    is_lapsing = models.BooleanField()
    at_stake_minor = models.BigIntegerField()
    r = models.SmallIntegerField(null=True)
    f = models.SmallIntegerField(null=True)
    m = models.SmallIntegerField(null=True)
    segment = models.CharField(max_length=20, null=True)
    median_gap_days = models.FloatField(null=True)
    gap_spread_days = models.FloatField(null=True)
    orders_30d = models.IntegerField(db_default=0)
    orders_90d = models.IntegerField(db_default=0)
    orders_365d = models.IntegerField(db_default=0)
    spend_30d_minor = models.BigIntegerField(db_default=0)
    spend_90d_minor = models.BigIntegerField(db_default=0)
    spend_365d_minor = models.BigIntegerField(db_default=0)
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "measures_reading"
        indexes = [
            # None on `changed_xid`: every update would write to all of these, where most touch none of their columns.
            models.Index(F("spend_minor").desc(), F("customer").desc(), name="measures_reading_spend"),
            models.Index(F("orders").desc(), F("customer").desc(), name="measures_reading_orders"),
            models.Index(
                Coalesce("last_on", Value(LONG_AGO, models.DateField())).desc(),
                F("customer").desc(),
                name="measures_reading_last",
            ),
            models.Index(
                F("at_stake_minor").desc(),
                F("customer").desc(),
                name="measures_reading_at_stake",
                condition=Q(is_lapsing=True),
            ),
            models.Index(F("segment"), F("spend_minor").desc(), F("customer").desc(), name="measures_reading_segment"),
            models.Index(F("r"), F("f"), F("spend_minor").desc(), F("customer").desc(), name="measures_reading_square"),
        ]
        constraints = [
            models.CheckConstraint(
                name="measures_reading_bought",
                condition=Q(orders=0, first_on=None, last_on=None, segment=None)
                | Q(orders__gt=0, first_on__isnull=False, last_on__gte=F("first_on")),
            ),
            models.CheckConstraint(
                name="measures_reading_scores",
                # A shop too small to group has customers who bought and have no scores.
                condition=Q(r=None, f=None, m=None, segment=None)
                | Q(r__range=(1, 5), f__range=(1, 5), m__range=(1, 5), segment__isnull=False),
            ),
            models.CheckConstraint(
                name="measures_reading_lapsing",
                condition=Q(is_lapsing=False, at_stake_minor=0) | Q(is_lapsing=True, is_regular=True),
            ),
        ]


class ShopReading(models.Model):
    """One measure of the whole shop."""

    name = models.CharField(max_length=60, primary_key=True)
    as_of = models.DateField()
    currency = models.CharField(max_length=3)
    computed_at = models.DateTimeField()
    value = models.JSONField()

    class Meta:
        db_table = "measures_shop_reading"


class AcquisitionCost(models.Model):
    """What the shop told it spent in a month to win customers through a channel; told, and not computed again."""

    month_on = models.DateField()
    #: A channel's code; empty for what was spent for none alone.
    channel = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    cost_minor = models.BigIntegerField()

    class Meta:
        db_table = "measures_acquisition_cost"
        constraints = [
            models.UniqueConstraint(fields=["currency", "month_on", "channel"], name="measures_cost_once"),
            models.CheckConstraint(name="measures_cost_of_a_month", condition=Q(month_on__day=1) & Q(cost_minor__gt=0)),
        ]


class FigureReading(models.Model):
    """One figure over the last 365 days and month by month, of everybody and of each group."""

    name = models.CharField(max_length=60, primary_key=True)
    as_of = models.DateField()
    currency = models.CharField(max_length=3)
    computed_at = models.DateTimeField()
    value = models.JSONField()

    class Meta:
        db_table = "measures_figure_reading"


class Run(models.Model):
    """One refresh and what the whole shop came to in it, kept to compare by."""

    computed_at = models.DateTimeField()
    as_of = models.DateField()
    currency = models.CharField(max_length=3)
    engine = models.CharField(max_length=120)
    customers = models.BigIntegerField()
    changed = models.BigIntegerField()
    figures = models.JSONField()
    totals = models.JSONField()
    #: A hash of all that it rests on; empty of runs before that was kept.
    basis = models.CharField(max_length=64, db_default="")

    class Meta:
        db_table = "measures_run"
