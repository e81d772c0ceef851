"""Private: batches that decide orders of the past by another version, and what each changed."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

REGRANT_STATES = ("looking", "ready", "running", "done", "undoing", "undone", "dropped")
REGRANT_ORDER_STATES = ("waiting", "done", "left", "undone")


class Regrant(models.Model):
    """The orders of some days, to be decided by `version`. `given` and `taken` are the parts that were foreseen when it
    was looked at; what came of it its orders say. Of one programme one at most is under way."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("loyalty.Version", on_delete=models.PROTECT, related_name="+", db_index=False)
    since_on = models.DateField()
    until_on = models.DateField()
    takes_back = models.BooleanField(db_default=False, default=False)
    state = models.CharField(max_length=10, db_default="looking", default="looking")
    given = models.BigIntegerField(db_default=0, default=0)
    taken = models.BigIntegerField(db_default=0, default=0)
    fewer = models.IntegerField(db_default=0, default=0)
    asked_by = models.CharField(max_length=100)
    asked_behind = models.CharField(max_length=100, db_default="", default="")
    asked_at = models.DateTimeField()
    approved_by = models.CharField(max_length=100, db_default="", default="")
    approved_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=100, db_default="", default="")
    undone_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_regrant"
        indexes = [models.Index(fields=["programme", "-id"], name="loyalty_regrant_of")]
        constraints = [
            models.CheckConstraint(name="loyalty_regrant_state", condition=Q(state__in=REGRANT_STATES)),
            models.CheckConstraint(name="loyalty_regrant_days", condition=Q(since_on__lt=models.F("until_on"))),
            models.CheckConstraint(
                name="loyalty_regrant_approved",
                condition=Q(state__in=("looking", "ready", "dropped")) | ~Q(approved_by=""),
            ),
            models.UniqueConstraint(
                fields=["programme"],
                name="loyalty_regrant_one",
                condition=Q(state__in=("looking", "ready", "running", "undoing")),
            ),
        ]


class RegrantOrder(models.Model):
    """One order's decision in a batch. `change`: by how many parts, as foreseen and, once it is done, as posted.
    `former` is the decision it had before, kept to be brought back."""

    id = models.BigAutoField(primary_key=True)
    regrant = models.ForeignKey(Regrant, on_delete=models.PROTECT, related_name="+", db_index=False)
    earning = models.ForeignKey(
        "loyalty.Earning", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=10, db_default="waiting", default="waiting")
    change = models.BigIntegerField()
    former = models.JSONField(null=True)

    class Meta:
        db_table = "loyalty_regrant_order"
        indexes = [models.Index(fields=["regrant", "state", "id"], name="loyalty_regrant_order_next")]
        constraints = [
            models.UniqueConstraint(name="loyalty_regrant_order_once", fields=["earning", "regrant"]),
            models.CheckConstraint(name="loyalty_regrant_order_state", condition=Q(state__in=REGRANT_ORDER_STATES)),
            models.CheckConstraint(
                name="loyalty_regrant_order_former",
                condition=Q(state__in=("waiting", "left")) | Q(former__isnull=False),
            ),
        ]
