"""Private: what became of points before they were kept here, as the other system tells it. No part of the ledger."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from regulars.levers.loyalty._ledger.books import MOST

EARLIER_KINDS = ("earned", "spent", "ended", "changed")


class Earlier(models.Model):
    """A row of the other system's list, of a record, under the hash of what it is called there. Never changed."""

    id = models.BigAutoField(primary_key=True)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("loyalty.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10)
    amount = models.BigIntegerField()
    happened_at = models.DateTimeField()
    source = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_earlier"
        indexes = [models.Index(fields=["record", "currency", "happened_at", "id"], name="loyalty_earlier_of")]
        constraints = [
            models.CheckConstraint(name="loyalty_earlier_kind", condition=Q(kind__in=EARLIER_KINDS)),
            models.CheckConstraint(
                name="loyalty_earlier_amount",
                condition=Q(amount__gte=-MOST, amount__lte=MOST)
                & (
                    Q(kind="earned", amount__gt=0)
                    | Q(kind__in=("spent", "ended"), amount__lt=0)
                    | (Q(kind="changed") & ~Q(amount=0))
                ),
            ),
        ]
