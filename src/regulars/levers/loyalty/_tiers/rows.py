"""Private tables of tiers: where people stand, every move from level to level, and whose status is frozen."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.levers.loyalty._walks.rows import WalkRow
from regulars.runtime.database.fields import TransactionIdField

#: Why a level was reached or lost.
BECAUSE = ("reached", "fell", "rules", "returned", "corrected")
#: Why status is frozen, as codes: what happened in somebody's life is written down nowhere.
FREEZES = ("life_event", "service", "dispute")


class Standing(models.Model):
    """Where a person stands in a set of tiers: a cache of what was decided last, which `tiers.of` says anew.

    `level` is empty for none. `due_on`: the day on which it is other than this if nothing else happens. `basis` says
    by which versions of the programme. `evidence`: what was counted, and in which days. `revision` counts decisions.
    """

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    tiers = models.CharField(max_length=40, db_collation="C")
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    level = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    rank = models.SmallIntegerField(db_default=0, default=0)
    since_on = models.DateField(null=True)
    falls_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    basis = models.CharField(max_length=32, db_default="", default="", db_collation="C")
    evidence = models.JSONField(db_default={}, default=dict)
    revision = models.IntegerField(db_default=0, default=0)
    decided_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "loyalty_standing"
        indexes = [
            models.Index(
                fields=["programme", "tiers", "level", "id"], name="loyalty_standing_on", condition=~Q(level="")
            ),
            models.Index(fields=["due_on"], name="loyalty_standing_due", condition=Q(due_on__isnull=False)),
            models.Index(fields=["changed_xid"], name="loyalty_standing_changed"),
        ]
        constraints = [
            models.UniqueConstraint(name="loyalty_standing_of", fields=["customer", "programme", "tiers"]),
            models.CheckConstraint(
                name="loyalty_standing_since",
                condition=Q(level="", since_on__isnull=True, rank=0)
                | (~Q(level="") & Q(since_on__isnull=False, rank__gt=0)),
            ),
        ]


class Move(models.Model):
    """Somebody came from one level to another. Never changed; `on` is the day from which it counts."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(
        "loyalty.Version", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    tiers = models.CharField(max_length=40, db_collation="C")
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    after = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    because = models.CharField(max_length=10)
    on = models.DateField()
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    origin = models.CharField(max_length=10)
    evidence = models.JSONField(db_default={}, default=dict)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_tier_move"
        indexes = [
            models.Index(fields=["customer", "id"], name="loyalty_tier_move_of"),
            models.Index(fields=["programme", "tiers", "on"], name="loyalty_tier_move_on"),
        ]
        constraints = [
            models.CheckConstraint(name="loyalty_tier_move_because", condition=Q(because__in=BECAUSE)),
            models.CheckConstraint(name="loyalty_tier_move_somewhere", condition=~Q(before=models.F("after"))),
            models.CheckConstraint(name="loyalty_tier_move_origin", condition=Q(origin__in=("live", "history"))),
        ]


class Freeze(models.Model):
    """A record's status does not fall from `since_on` until the day `until_on`, without end where that is null."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    tiers = models.CharField(max_length=40, db_collation="C")
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    since_on = models.DateField()
    until_on = models.DateField(null=True)
    reason = models.CharField(max_length=20)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)

    class Meta:
        db_table = "loyalty_tier_freeze"
        indexes = [models.Index(fields=["record"], name="loyalty_tier_freeze_of")]
        constraints = [
            models.CheckConstraint(name="loyalty_tier_freeze_reason", condition=Q(reason__in=FREEZES)),
            models.CheckConstraint(
                name="loyalty_tier_freeze_days",
                condition=Q(until_on__isnull=True) | Q(until_on__gte=models.F("since_on")),
            ),
        ]


class TierWalk(WalkRow):
    """How far everybody was looked at for a set of tiers. `is_first` by these versions: then nobody is greeted."""

    is_first = models.BooleanField(db_default=False, default=False)

    class Meta:
        db_table = "loyalty_tier_walk"
        constraints = [models.UniqueConstraint(name="loyalty_tier_walk_of", fields=["programme"])]

    @classmethod
    def telling(cls, tells: bool) -> dict[str, bool]:
        return {"is_first": not tells}
