"""The trail's one table."""

from django.db import models
from django.db.models.functions import Now


class Line(models.Model):
    """One act. Append-only: neither the app's role nor the owner can change or remove a line."""

    id = models.BigAutoField(primary_key=True)
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=80)
    verb = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    why = models.CharField(max_length=200, default="", blank=True)
    request_id = models.CharField(max_length=64, default="", blank=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "trail_line"
        indexes = [
            models.Index(fields=["subject", "-id"], name="trail_line_by_subject"),
            models.Index(fields=["by_kind", "by_id", "-id"], name="trail_line_by_actor"),
        ]
