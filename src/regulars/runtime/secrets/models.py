"""Private: other rooms ask `vault`."""

from django.db import models
from django.db.models.functions import Now


class PersonKey(models.Model):
    """One person's own key, wrapped by the master key, which is not in here. Deleting the row forgets the person."""

    person = models.BigIntegerField(primary_key=True)
    wrapped = models.BinaryField()
    master = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "secrets_person_key"
