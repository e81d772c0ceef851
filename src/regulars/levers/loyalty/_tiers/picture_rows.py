"""Private: the pictures of levels, as they were given. Small, so they live with what they are of."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

PICTURE_KINDS = ("png", "jpeg", "webp")
#: Bytes of one.
LARGEST = 200_000


class Picture(models.Model):
    """A picture under the name by which a programme's file calls it. `digest` is its address: another picture, another
    one."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True, db_collation="C")
    kind = models.CharField(max_length=4)
    digest = models.CharField(max_length=32, db_collation="C")
    body = models.BinaryField()
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_picture"
        indexes = [models.Index(fields=["digest"], name="loyalty_picture_at")]
        constraints = [models.CheckConstraint(name="loyalty_picture_kind", condition=Q(kind__in=PICTURE_KINDS))]
