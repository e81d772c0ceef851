"""Private tables of missions: how far people are with each, and who joined those that one joins."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.levers.loyalty._walks.rows import WalkRow
from regulars.runtime.database.fields import TransactionIdField


class MissionRun(models.Model):
    """How far a record's person is in one round of a mission: a cache of what `missions.of` says anew, but for what was
    given: `entry` of the points, `redemption` of the reward, `owes` while that waits to be given.

    `times` counts how often it was done: again after goods came back it is given anew, under another key. `seen` has
    when conditions that ask what has no past held first. `until_on` is the first day after the round; null for none.
    """

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("loyalty.Version", on_delete=models.PROTECT, related_name="+", db_index=False)
    mission = models.CharField(max_length=40, db_collation="C")
    round = models.CharField(max_length=10, db_default="", default="", db_collation="C")
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    is_done = models.BooleanField(db_default=False, default=False)
    done_at = models.DateTimeField(null=True)
    done_on = models.DateField(null=True)
    until_on = models.DateField(null=True)
    share = models.SmallIntegerField(db_default=0, default=0)
    step = models.SmallIntegerField(db_default=0, default=0)
    counted = models.JSONField(db_default=[], default=list)
    seen = models.JSONField(db_default={}, default=dict)
    times = models.IntegerField(db_default=0, default=0)
    points = models.BigIntegerField(db_default=0, default=0)
    entry = models.BigIntegerField(null=True)
    badge = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    owes = models.CharField(max_length=40, db_default="", default="", db_collation="C")
    redemption = models.BigIntegerField(null=True)
    try_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "loyalty_mission_run"
        indexes = [
            models.Index(
                fields=["programme", "mission", "round", "step"],
                name="loyalty_mission_run_at",
            ),
            models.Index(
                fields=["id"],
                name="loyalty_mission_run_owes",
                condition=~Q(owes="") | Q(is_done=False, redemption__isnull=False),
            ),
            models.Index(fields=["until_on"], name="loyalty_mission_run_over", condition=Q(is_done=False)),
            models.Index(fields=["changed_xid"], name="loyalty_mission_run_changed"),
        ]
        constraints = [
            models.UniqueConstraint(name="loyalty_mission_run_of", fields=["record", "programme", "mission", "round"]),
            models.CheckConstraint(
                name="loyalty_mission_run_done",
                condition=Q(is_done=True, done_at__isnull=False, done_on__isnull=False, times__gt=0)
                | Q(is_done=False, done_at__isnull=True, done_on__isnull=True),
            ),
            models.CheckConstraint(
                name="loyalty_mission_run_share", condition=Q(share__gte=0, share__lte=100, step__gte=0, points__gte=0)
            ),
        ]


class MissionJoin(models.Model):
    """A record's person joined a mission, and left it where `left_at` says so."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    mission = models.CharField(max_length=40, db_collation="C")
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=100)

    class Meta:
        db_table = "loyalty_mission_join"
        indexes = [models.Index(fields=["record"], name="loyalty_mission_join_of")]
        constraints = [
            models.UniqueConstraint(
                name="loyalty_mission_join_once",
                fields=["record", "programme", "mission"],
                condition=Q(left_at__isnull=True),
            ),
            models.CheckConstraint(
                name="loyalty_mission_join_order",
                condition=Q(left_at__isnull=True) | Q(left_at__gte=models.F("joined_at")),
            ),
        ]


class MissionWalk(WalkRow):
    """How far everybody was looked at for a programme's missions. With `tells` whoever is found to have done one is
    told."""

    tells = models.BooleanField(db_default=False, default=False)

    class Meta:
        db_table = "loyalty_mission_walk"
        constraints = [models.UniqueConstraint(name="loyalty_mission_walk_of", fields=["programme"])]

    @classmethod
    def telling(cls, tells: bool) -> dict[str, bool]:
        return {"tells": tells}
