"""What we keep beside Procrastinate's own tables."""

from django.db import models
from django.db.models.functions import Now


class Done(models.Model):
    """A job whose effect is in the database. Written in the effect's own transaction."""

    job = models.BigIntegerField(primary_key=True)
    done_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "jobs_done"
        indexes = [models.Index(fields=["done_at"], name="jobs_done_by_time")]


class Trouble(models.Model):
    """The last thing that went wrong with a job, by kind and place."""

    job = models.BigIntegerField(primary_key=True)
    error = models.CharField(max_length=200)
    happened_at = models.DateTimeField()

    class Meta:
        db_table = "jobs_trouble"
        indexes = [models.Index(fields=["happened_at"], name="jobs_trouble_by_time")]
