"""Private: pairs of orders that may be one sale told twice, and how far was looked for them."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from regulars.facts.commerce.likeness import LIKE
from regulars.runtime.database.fields import RandomUuid

STATES = ("open", "same", "two")


class Double(models.Model):
    """`order` and `twin`, which was told later, may be one sale. `state`: nobody said yet, they are the `same`,
    or `two`.

    Of the same `twin` is of kind `double`, and counts nowhere.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    order = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+")
    twin = models.ForeignKey("commerce.Order", on_delete=models.PROTECT, related_name="+")
    alike = models.CharField(max_length=12)
    state = models.CharField(max_length=4, default="open", db_default="open")
    found_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=120, default="", db_default="")
    why = models.CharField(max_length=12, default="", db_default="")

    class Meta:
        app_label = "commerce"
        db_table = "commerce_double"
        indexes = [models.Index(fields=["-id"], name="commerce_double_open", condition=Q(state="open"))]
        constraints = [
            models.UniqueConstraint(fields=["order", "twin"], name="commerce_double_once"),
            models.UniqueConstraint(fields=["twin"], name="commerce_double_of_one", condition=Q(state="same")),
            models.CheckConstraint(name="commerce_double_later", condition=Q(twin__gt=F("order"))),
            models.CheckConstraint(name="commerce_double_alike", condition=Q(alike__in=LIKE)),
            models.CheckConstraint(
                name="commerce_double_state",
                condition=Q(state="open", decided_at=None) | Q(state__in=("same", "two"), decided_at__isnull=False),
            ),
        ]


class DoubleLook(models.Model):
    """How far was looked. `seen` is the transaction up to which live orders were, null before the first look.

    Through all orders somebody asks to be looked: `after` is the last customer whose are.
    """

    id = models.SmallIntegerField(primary_key=True)
    seen = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    after = models.BigIntegerField(default=0, db_default=0)
    found = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        app_label = "commerce"
        db_table = "commerce_double_look"
        constraints = [models.CheckConstraint(name="commerce_double_look_is_one", condition=Q(id=1))]
