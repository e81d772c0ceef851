"""Private tables of earning: programmes with their versions, what was decided for whom, caps, and money pledged."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

#: Where pledged money is: with the shop, promised to a cause, paid to it.
PLEDGE_BOOKS = ("shop", "promised", "paid")


class Programme(models.Model):
    """A programme by its code."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=40, unique=True, db_collation="C")

    class Meta:
        db_table = "loyalty_programme"
        constraints = [
            models.CheckConstraint(name="loyalty_programme_code", condition=Q(code__regex="^[a-z][a-z0-9_]*$"))
        ]


class Version(models.Model):
    """What a programme's file said once. Never changed: a change is another version."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    text = models.TextField()
    digest = models.BinaryField(max_length=16)
    drafted_by = models.CharField(max_length=100)
    drafted_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_version"
        constraints = [models.UniqueConstraint(name="loyalty_version_number", fields=["programme", "number"])]


class Approval(models.Model):
    """Somebody approved a version; `cost` is how many parts a dry run over a year had given when they did."""

    version = models.OneToOneField(Version, on_delete=models.PROTECT, primary_key=True, related_name="+")
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    cost = models.BigIntegerField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_approval"


class Activation(models.Model):
    """From `from_at` on a version is what a programme says, until the next activation's `from_at`; null ends it.
    One with a withdrawal counts for nothing."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    from_at = models.DateTimeField()
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    why = models.CharField(max_length=200, db_default="", default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_activation"
        indexes = [models.Index(fields=["programme", "from_at", "id"], name="loyalty_activation_at")]


class Withdrawal(models.Model):
    """An activation that was to come and never will."""

    activation = models.OneToOneField(Activation, on_delete=models.PROTECT, primary_key=True, related_name="withdrawal")
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_withdrawal"


class Earning(models.Model):
    """What a programme decided for one subject, such as an order, and with what it did.

    Kept from the first decision on: `version` and `context`. Caches of the last: `lines` (rule to line to its parts),
    `why` (rule to reason), `missed` (rule to why not), `allowed` (rule under a cap to what it may have, and of how
    much), `stamp` (of the facts it saw) and `revision`, how often it was decided. What was posted the subject's lots
    say.
    """

    id = models.BigAutoField(primary_key=True)
    subject = models.CharField(max_length=160, db_collation="C")
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        Version, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    record = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    effective_at = models.DateTimeField()
    context = models.JSONField(db_default={}, default=dict)
    allowed = models.JSONField(db_default={}, default=dict)
    lines = models.JSONField(db_default={}, default=dict)
    why = models.JSONField(db_default={}, default=dict)
    missed = models.JSONField(db_default={}, default=dict)
    stamp = models.BinaryField(max_length=16, db_default=b"", default=b"")
    revision = models.IntegerField(db_default=0, default=0)
    decided_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_earning"
        indexes = [models.Index(fields=["record"], name="loyalty_earning_record")]
        constraints = [
            models.UniqueConstraint(name="loyalty_earning_subject", fields=["subject", "programme"]),
            models.CheckConstraint(name="loyalty_earning_has_subject", condition=~Q(subject="")),
        ]


class MissedEvent(models.Model):
    """A rule for an event gave nothing for one that a customer did, and why not; of those about the same on a day, the
    first. Only added, and forgotten after a time."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+", db_index=False)
    record = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.CharField(max_length=40)
    event = models.CharField(max_length=60)
    about = models.CharField(max_length=160, db_default="", default="")
    on = models.DateField()
    effective_at = models.DateTimeField()
    reason = models.CharField(max_length=40)
    arguments = models.JSONField(db_default={}, default=dict)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_missed_event"
        indexes = [models.Index(fields=["effective_at"], name="loyalty_missed_event_at")]
        constraints = [
            models.UniqueConstraint(
                name="loyalty_missed_event_once", fields=["record", "version", "rule", "on", "about"]
            ),
        ]


class Counter(models.Model):
    """How much of a cap is used. `member` is 0 where it is everyone's together; `most` is the cap as it was last read,
    never less than what is used."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.CharField(max_length=40, db_default="", default="")
    member = models.BigIntegerField(db_default=0, default=0)
    period = models.CharField(max_length=10)
    starts_on = models.DateField()
    used = models.BigIntegerField(db_default=0, default=0)
    most = models.BigIntegerField()

    class Meta:
        db_table = "loyalty_counter"
        constraints = [
            models.UniqueConstraint(
                name="loyalty_counter_of", fields=["programme", "rule", "member", "period", "starts_on"]
            ),
            models.CheckConstraint(name="loyalty_counter_within", condition=Q(used__gte=0, used__lte=F("most"))),
        ]


class Pledge(models.Model):
    """Money that moved between the shop's own, what is promised to a cause, and what was paid to it. Only added."""

    id = models.BigAutoField(primary_key=True)
    cause = models.CharField(max_length=60, db_collation="C")
    currency = models.CharField(max_length=3)
    from_book = models.CharField(max_length=10)
    to_book = models.CharField(max_length=10)
    minor = models.BigIntegerField()
    earning = models.ForeignKey(Earning, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    rule = models.CharField(max_length=40, db_default="", default="")
    key = models.CharField(max_length=200, unique=True, db_collation="C")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "loyalty_pledge"
        indexes = [
            models.Index(fields=["cause", "currency"], name="loyalty_pledge_of"),
            models.Index(fields=["earning"], name="loyalty_pledge_earning", condition=Q(earning__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(name="loyalty_pledge_minor", condition=Q(minor__gt=0)),
            models.CheckConstraint(
                name="loyalty_pledge_books",
                condition=Q(from_book__in=PLEDGE_BOOKS, to_book__in=PLEDGE_BOOKS) & ~Q(from_book=F("to_book")),
            ),
        ]


class Warned(models.Model):
    """Somebody was told that points lapse soon: which day's, and so many days before at most. Only added."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey("loyalty.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    expires_on = models.DateField()
    days = models.SmallIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "loyalty_warned"
        constraints = [
            models.UniqueConstraint(name="loyalty_warned_once", fields=["account", "expires_on", "days"]),
        ]


class BirthdayRun(models.Model):
    """How far a programme's birthdays of a day were looked for: up to the customer `after`, last at `looked_at`."""

    id = models.BigAutoField(primary_key=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    after = models.BigIntegerField(db_default=0, default=0)
    looked_at = models.DateTimeField()
    is_done = models.BooleanField(db_default=False, default=False)

    class Meta:
        db_table = "loyalty_birthday_run"
        constraints = [models.UniqueConstraint(name="loyalty_birthday_run_of", fields=["programme", "day"])]
