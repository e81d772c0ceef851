"""Proofs: restores that were tried."""

from django.db import models


class Proof(models.Model):
    """One drill: the newest backup restored beside the shop, and what the doctor said of the copy."""

    began_at = models.DateTimeField()
    seconds = models.FloatField()
    base = models.CharField(max_length=40)
    reached_at = models.DateTimeField(null=True)
    segments = models.IntegerField()
    bytes = models.BigIntegerField()
    accounts = models.IntegerField()
    held = models.BooleanField()
    said = models.TextField()

    class Meta:
        db_table = "backup_proof"
        indexes = [models.Index(fields=["-began_at"], name="backup_proof_newest")]
