"""Private: other rooms ask `audiences` and `members`."""

from django.db import models
from django.db.models.functions import Now

from regulars.runtime.database.fields import RandomUuid


class Audience(models.Model):
    """A named condition, and how many it holds for. `filled_at`: everybody was last looked at as of then."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    name = models.CharField(max_length=80)
    meaning = models.CharField(max_length=300, blank=True)
    ready_made = models.CharField(max_length=40, null=True, unique=True, db_collation="C")
    definition = models.IntegerField()
    archived_at = models.DateTimeField(null=True)
    members = models.BigIntegerField(db_default=0)
    # Of the nodes that ask for the highest or lowest share: where it begins, as text, by the node's id.
    cuts = models.JSONField(db_default={})
    filled_at = models.DateTimeField(null=True)
    # Of the definition that everybody was last looked at with.
    filled_with = models.IntegerField(null=True)
    problem = models.CharField(max_length=300, db_default="")
    made_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audiences_audience"
        constraints = [
            models.UniqueConstraint(
                name="audiences_audience_name", fields=["name"], condition=models.Q(archived_at=None)
            ),
            models.CheckConstraint(name="audiences_audience_members", condition=models.Q(members__gte=0)),
        ]


class Definition(models.Model):
    """What an audience asked from `at` on. Never changed; a change is another, with the next number."""

    id = models.BigAutoField(primary_key=True)
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    condition = models.JSONField()
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    told = models.BinaryField()
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audiences_definition"
        constraints = [models.UniqueConstraint(name="audiences_definition_once", fields=["audience", "number"])]


class Member(models.Model):
    """Somebody is in an audience. `evidence`: what was found of each node when they came in; None of a whole look."""

    pk = models.CompositePrimaryKey("audience_id", "customer_id")
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.CASCADE, related_name="+", db_index=False)
    since_at = models.DateTimeField()
    evidence = models.JSONField(null=True)

    class Meta:
        db_table = "audiences_member"
        indexes = [models.Index(fields=["customer", "audience"], name="audiences_member_customer")]


class Change(models.Model):
    """Somebody came into an audience or left it, why then, and what was found of each node."""

    id = models.BigAutoField(primary_key=True)
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.CASCADE, related_name="+", db_index=False)
    entered = models.BooleanField()
    because = models.CharField(max_length=10)
    definition = models.IntegerField()
    evidence = models.JSONField(null=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audiences_change"
        indexes = [
            models.Index(fields=["audience", "-id"], name="audiences_change_audience"),
            models.Index(fields=["customer", "-id"], name="audiences_change_customer"),
        ]
        constraints = [
            models.CheckConstraint(
                name="audiences_change_because",
                condition=models.Q(because__in=("facts", "time", "joined", "refreshed", "proof")),
            )
        ]


class Due(models.Model):
    """Somebody is to be looked at again at an instant, for a window ends then or a day begins."""

    pk = models.CompositePrimaryKey("audience_id", "customer_id")
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="+", db_index=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.CASCADE, related_name="+", db_index=False)
    due_at = models.DateTimeField()

    class Meta:
        db_table = "audiences_due"
        indexes = [
            models.Index(fields=["due_at"], name="audiences_due_at"),
            models.Index(fields=["customer"], name="audiences_due_customer"),
        ]


class Touched(models.Model):
    """Something became known of somebody: a whole look that had begun before looks at them again at its end."""

    id = models.BigAutoField(primary_key=True)
    customer = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audiences_touched"
        indexes = [models.Index(fields=["at"], name="audiences_touched_at")]


class Proof(models.Model):
    """Everybody was looked at in both ways, and so many were found to be in or out wrongly; these were put right."""

    id = models.BigAutoField(primary_key=True)
    audience = models.ForeignKey(Audience, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    compared = models.BigIntegerField()
    missing = models.BigIntegerField()
    wrongly_in = models.BigIntegerField()

    class Meta:
        db_table = "audiences_proof"
        indexes = [models.Index(fields=["audience", "-id"], name="audiences_proof_audience")]


class Figures(models.Model):
    """What the shop's figures come to for those who are in an audience, since somebody wanted to know. A result."""

    audience = models.OneToOneField(Audience, on_delete=models.CASCADE, primary_key=True, related_name="+")
    wanted_at = models.DateTimeField()
    members = models.BigIntegerField(db_default=0)
    as_of = models.DateField(null=True)
    currency = models.CharField(max_length=3, null=True)
    computed_at = models.DateTimeField(null=True)
    value = models.JSONField(null=True)

    class Meta:
        db_table = "audiences_figures"
