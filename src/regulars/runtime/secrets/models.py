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


class ForgottenPerson(models.Model):
    """A person's key was deleted at `at`: their number alone, so that a backup that is brought back forgets them, too.
    `again_at`: when a restore did that."""

    person = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    again_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "secrets_forgotten"
