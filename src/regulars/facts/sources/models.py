"""Private: other rooms ask `import_runs`."""

from django.db import models
from django.db.models.functions import Now

STATES = ("running", "done", "failed", "interrupted")


class ImportRun(models.Model):
    """One walk through one file."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    file_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    mapping = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=12, default="running")
    rows_expected = models.BigIntegerField(null=True)
    rows_read = models.BigIntegerField(default=0)
    rows_good = models.BigIntegerField(default=0)
    rejects = models.BigIntegerField(default=0)
    rejects_file = models.CharField(max_length=1024, blank=True, default="")
    totals = models.JSONField(default=dict)
    problem = models.CharField(max_length=500, blank=True, default="")
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_import_run"
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="sources_import_run_recent"),
            models.Index(fields=["source", "kind", "digest"], name="sources_import_run_file"),
        ]
        constraints = [
            models.CheckConstraint(name="sources_import_run_state", condition=models.Q(state__in=STATES)),
            models.CheckConstraint(
                name="sources_import_run_finished",
                condition=models.Q(state="running", finished_at=None)
                | models.Q(~models.Q(state="running"), finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sources_import_run_counts",
                condition=models.Q(rows_read__gte=0, rows_good__gte=0, rejects__gte=0),
            ),
            models.CheckConstraint(
                name="sources_import_run_digest", condition=models.Q(digest__regex="^[0-9a-f]{64}$")
            ),
        ]
