"""Private: programmes that are tried on more orders than anybody waits for, and what came of it."""

from django.db import models
from django.db.models import Q

TRIAL_STATES = ("waiting", "running", "done", "stopped")


class TrialRun(models.Model):
    """A file tried on the orders of a time. How far it is, is rewritten while it runs; what came of it stays.

    `problem`: why it stopped, in words for whoever asked. Of one file and time one at most waits or runs.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.BinaryField(max_length=16)
    text = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=10, db_default="waiting", default="waiting")
    orders_expected = models.BigIntegerField()
    orders_read = models.BigIntegerField(db_default=0, default=0)
    result = models.JSONField(null=True)
    problem = models.TextField(db_default="", default="")
    asked_by = models.CharField(max_length=100)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "loyalty_trial"
        indexes = [models.Index(fields=["digest", "-id"], name="loyalty_trial_of")]
        constraints = [
            models.CheckConstraint(name="loyalty_trial_state", condition=Q(state__in=TRIAL_STATES)),
            models.CheckConstraint(
                name="loyalty_trial_done", condition=Q(state="done", result__isnull=False) | ~Q(state="done")
            ),
            models.UniqueConstraint(
                fields=["digest"], name="loyalty_trial_one", condition=Q(state__in=("waiting", "running"))
            ),
        ]
