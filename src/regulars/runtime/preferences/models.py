"""Values that differ from their defaults."""

from django.db import models


class Value(models.Model):
    """One preference somebody has set. What nobody has set has no row and keeps its default."""

    name = models.CharField(max_length=80, primary_key=True)
    value = models.JSONField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "preferences_value"
