"""Private: other rooms ask `drawings`."""

from django.db import models
from django.db.models.functions import Now


class Drawing(models.Model):
    """A chart as it was drawn, under the digest of all it was drawn from. Can be deleted and drawn again."""

    digest = models.BinaryField(max_length=32, primary_key=True)
    svg = models.TextField()
    drawn_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "reporting_drawing"
        indexes = [models.Index(fields=["drawn_at"], name="reporting_drawing_drawn")]
