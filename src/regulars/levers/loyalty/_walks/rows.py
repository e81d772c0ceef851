"""How far everybody was looked at: what the rows of walks have alike."""

from django.db import models


class WalkRow(models.Model):
    """By the rules of a programme that are called `basis`, up to the customer `after`. `again`: asked for while it was
    under way, so it begins anew where it ends."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey("loyalty.Programme", on_delete=models.PROTECT, related_name="+", db_index=False)
    basis = models.CharField(max_length=32, db_collation="C")
    after = models.BigIntegerField(db_default=0, default=0)
    again = models.BooleanField(db_default=False, default=False)
    done_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @classmethod
    def telling(cls, tells: bool) -> dict[str, bool]:
        """What a row has of which people are told, or are not. Each kind of walk says its own."""
        raise NotImplementedError
