"""Private table of points that were spent for an order, and whether that order stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid

#: `waiting`: its order may still come; `stands`: so does its order. The three after it are somebody's to look at.
State = Literal["waiting", "stands", "missing", "off", "twice", "given_back", "left"]
STATES: tuple[State, ...] = ("waiting", "stands", "missing", "off", "twice", "given_back", "left")
WRONG = ("missing", "off", "twice")
#: What is looked at again and again.
OPEN = ("waiting", *WRONG)


class OrderSpend(models.Model):
    """What one act spent, at once or of a hold, for the order that its source calls `ref`."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    act = models.OneToOneField("loyalty.Act", on_delete=models.PROTECT, related_name="+")
    hold = models.ForeignKey("loyalty.Hold", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    namespace = models.CharField(max_length=64)
    ref = models.CharField(max_length=200)
    spent_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, db_default="waiting", default="waiting")
    looked_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=100, db_default="", default="")

    class Meta:
        db_table = "loyalty_order_spend"
        indexes = [
            models.Index(fields=["namespace", "ref"], name="loyalty_order_spend_of"),
            models.Index(fields=["looked_at", "id"], name="loyalty_order_spend_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["-id"], name="loyalty_order_spend_wrong", condition=Q(state__in=WRONG)),
            models.Index(fields=["spent_at"], name="loyalty_order_spend_stands", condition=Q(state="stands")),
        ]
        constraints = [
            models.CheckConstraint(name="loyalty_order_spend_state", condition=Q(state__in=STATES)),
            models.CheckConstraint(name="loyalty_order_spend_names", condition=~Q(namespace="") & ~Q(ref="")),
            models.CheckConstraint(
                name="loyalty_order_spend_decided",
                condition=(Q(state="left") & Q(decided_at__isnull=False)) | ~Q(state="left"),
            ),
        ]


@dataclass(frozen=True)
class OrderNamed:
    """An order as its source calls it, which may not be on record yet."""

    namespace: str
    ref: str


def keep(*, act: int, order: OrderNamed, at: datetime, hold: int | None = None) -> None:
    """Write down for which order an act spent. One statement."""
    OrderSpend.objects.create(act_id=act, hold_id=hold, namespace=order.namespace, ref=order.ref, spent_at=at)
