"""Notices, who has read how far, and what waits."""

from django.db import models
from django.db.models.functions import Now


class Recorded(models.Model):
    """One notice. The database gives `id`, under the lock of the notice's subject: docs/algorithms/notices.md."""

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=80)
    version = models.SmallIntegerField()
    subject = models.CharField(max_length=120)
    body = models.JSONField()
    origin = models.CharField(max_length=10)
    request_id = models.CharField(max_length=64, default="", blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "notices_notice"
        indexes = [
            models.Index(fields=["kind", "id"], name="notices_notice_by_kind"),
            models.Index(fields=["subject", "-id"], name="notices_notice_by_subject"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(origin__in=["live", "history"]), name="notices_notice_origin"),
        ]


class Subscriber(models.Model):
    """How far one listener has come. Its row lock makes it one reader at a time."""

    name = models.CharField(max_length=80, primary_key=True)
    position = models.BigIntegerField()
    handled = models.BigIntegerField(default=0)
    # Processes that began to read and have not finished a batch since. After some it reads with care: _delivery.py.
    unfinished_starts = models.IntegerField(default=0)
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "notices_subscriber"


class Parked(models.Model):
    """A notice that one listener could not take yet (`waiting`), or gave up on (`dead`)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DEAD = "dead"

    id = models.BigAutoField(primary_key=True)
    subscriber = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    notice = models.ForeignKey(Recorded, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices)
    attempts = models.IntegerField(default=0)
    next_try_at = models.DateTimeField()
    error = models.CharField(max_length=200, default="", blank=True)
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "notices_parked"
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "notice"], name="notices_parked_once"),
        ]
        indexes = [
            models.Index(fields=["subscriber", "state", "subject", "notice"], name="notices_parked_in_order"),
        ]
