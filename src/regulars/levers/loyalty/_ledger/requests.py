"""Private table of adjustments by hand that wait for a second person."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid

REQUEST_STATES = ("waiting", "approved", "turned_down", "withdrawn")


class Request(models.Model):
    """Who wants to give or, with an amount below zero, take what, and what became of it. `told` is a hash of what was
    asked under `key`; once decided it never changes."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    told = models.BinaryField(max_length=16)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("loyalty.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    #: Why. Before it stands what is to be done, where that is not to give or to take: `forgive:`, `reinstate:<lot>:`.
    reason = models.CharField(max_length=40)
    expires_on = models.DateField(null=True)
    #: To whom the points are to be passed on; null: they are given or taken.
    heir = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", null=True)
    asked_by = models.CharField(max_length=100)
    #: The person behind it, where a program asked: its second eye is another's.
    asked_behind = models.CharField(max_length=100, db_default="", default="")
    asked_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=12, db_default="waiting", default="waiting")
    decided_by = models.CharField(max_length=100, db_default="", default="")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "loyalty_request"
        indexes = [models.Index(fields=["id"], name="loyalty_request_waiting", condition=Q(state="waiting"))]
        constraints = [
            models.CheckConstraint(name="loyalty_request_amount", condition=~Q(amount=0)),
            models.CheckConstraint(name="loyalty_request_state", condition=Q(state__in=REQUEST_STATES)),
            models.CheckConstraint(
                name="loyalty_request_decided",
                condition=Q(state="waiting", decided_by="", decided_at__isnull=True)
                | (~Q(state="waiting") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
            ),
            # Whoever asked may take it back; to approve it or turn it down is another's.
            models.CheckConstraint(
                name="loyalty_request_four_eyes",
                condition=~Q(state__in=("approved", "turned_down"))
                | (~Q(decided_by=models.F("asked_by")) & ~Q(decided_by=models.F("asked_behind"))),
            ),
        ]
