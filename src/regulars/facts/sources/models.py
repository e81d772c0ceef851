"""Private: other rooms ask `import_runs` and `api_keys`."""

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


class ApiKey(models.Model):
    """One program's key. Only its SHA-256 is kept."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60, unique=True)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    may = models.JSONField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_on = models.DateField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sources_api_key"
        constraints = [
            models.CheckConstraint(
                name="sources_api_key_expires", condition=models.Q(expires_at__gt=models.F("made_at"))
            ),
        ]
