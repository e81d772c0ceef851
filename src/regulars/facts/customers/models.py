"""Private: other rooms ask `customers` and `profiles`."""

from django.db import models
from django.db.models.functions import Now

from regulars.facts.customers.purposes import ANY, Channel, Place, Purpose
from regulars.runtime.database.fields import RandomUuid, TransactionIdField

#: Kinds whose values are personal data and stand here as keyed hashes only.
CONTACTS = ("email", "phone")
KINDS = ("external", "device", *CONTACTS)
TRAIT_KINDS = ("text", "number", "yes_no", "date", "choice", "list")
HOUSEHOLD_ROLES = ("head", "partner", "child", "parent", "other")


class Customer(models.Model):
    """A record: somebody as one source calls them. Nothing here tells who.

    `person` is null where the record stands for itself, else the record that stands for the person it was joined to,
    since `joined_at`.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    origin = models.CharField(max_length=10)
    country = models.CharField(max_length=2, null=True)
    language = models.CharField(max_length=10, null=True)
    #: What orders told of the country, kept aside once somebody said something else; empty where they told nothing.
    noted_country = models.CharField(max_length=2, null=True)
    first_seen_at = models.DateTimeField(null=True)
    person = models.ForeignKey("self", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    joined_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_customer"
        indexes = [
            models.Index(
                fields=["person", "id"], name="customers_customer_person", condition=models.Q(person__isnull=False)
            ),
            models.Index(fields=["changed_xid"], name="customers_customer_changed"),
            models.Index(fields=["country", "id"], name="customers_customer_country"),
            models.Index(fields=["language", "id"], name="customers_customer_language"),
        ]
        constraints = [
            models.CheckConstraint(
                name="customers_customer_origin", condition=models.Q(origin__in=("live", "history"))
            ),
            models.CheckConstraint(name="customers_customer_country", condition=models.Q(country__regex="^[A-Z]{2}$")),
            models.CheckConstraint(
                name="customers_customer_joined",
                condition=models.Q(person=None, joined_at=None)
                # The oldest record stands for all.
                | models.Q(person__lt=models.F("id"), joined_at__isnull=False),
            ),
        ]


class Identifier(models.Model):
    """One name a system or a person gave the customer. It belongs to one customer.

    `value` is readable and pseudonymous; what could be a contact stands as `digest`, a keyed hash.
    """

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    # Compared byte by byte: references are codes, and a language's sorting rules cost an import a third of its speed.
    namespace = models.CharField(max_length=64, db_collation="C")
    kind = models.CharField(max_length=10, db_collation="C")
    value = models.CharField(max_length=200, null=True, db_collation="C")
    digest = models.BinaryField(max_length=32, null=True)
    since_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_identifier"
        constraints = [
            models.UniqueConstraint(
                name="customers_identifier_value",
                fields=["namespace", "kind", "value"],
                condition=models.Q(value__isnull=False),
            ),
            models.UniqueConstraint(
                name="customers_identifier_digest",
                fields=["namespace", "kind", "digest"],
                condition=models.Q(digest__isnull=False),
            ),
            models.CheckConstraint(name="customers_identifier_kind", condition=models.Q(kind__in=KINDS)),
            models.CheckConstraint(
                name="customers_identifier_one_form",
                condition=models.Q(value__isnull=True, digest__isnull=False)
                | models.Q(~models.Q(kind__in=CONTACTS), value__isnull=False, digest__isnull=True),
            ),
            models.CheckConstraint(
                name="customers_identifier_no_address", condition=models.Q(value=None) | ~models.Q(value__contains="@")
            ),
        ]


class Profile(models.Model):
    """What tells who the customer is: every column but the hashes and `traits` is sealed with the person's own key."""

    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="+", primary_key=True)
    given_name = models.BinaryField(null=True)
    family_name = models.BinaryField(null=True)
    display_name = models.BinaryField(null=True)
    email = models.BinaryField(null=True)
    phone = models.BinaryField(null=True)
    birthday = models.BinaryField(null=True)
    address = models.BinaryField(null=True)
    note = models.BinaryField(null=True)
    lunar_birthday = models.BinaryField(null=True)
    #: Custom traits that are personal, one sealed document.
    sealed_traits = models.BinaryField(null=True)
    #: What is nobody's secret, readable for conditions: the shop's own traits, preferred store and channel, interests.
    traits = models.JSONField(default=dict, db_default={})
    email_digest = models.BinaryField(max_length=32, null=True)
    phone_digest = models.BinaryField(max_length=32, null=True)
    described_at = models.DateTimeField()
    # Everything in it follows from statements; else it is from before sources were told apart.
    is_folded = models.BooleanField(db_default=False)
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_profile"
        indexes = [
            models.Index(fields=["changed_xid"], name="customers_profile_changed"),
            models.Index(
                fields=["email_digest"], name="customers_profile_email", condition=models.Q(email_digest__isnull=False)
            ),
            models.Index(
                fields=["phone_digest"], name="customers_profile_phone", condition=models.Q(phone_digest__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="customers_profile_email_found",
                condition=models.Q(email__isnull=True, email_digest__isnull=True)
                | models.Q(email__isnull=False, email_digest__isnull=False),
            ),
            models.CheckConstraint(
                name="customers_profile_phone_found",
                condition=models.Q(phone__isnull=True, phone_digest__isnull=True)
                | models.Q(phone__isnull=False, phone_digest__isnull=False),
            ),
        ]


class Value(models.Model):
    """One thing of a profile that is nobody's secret, as the warehouse gets it: of a list a row for each item.

    It follows from `Profile.traits`, in the same transaction. `name` is the field, of the shop's own traits `trait.…`.
    """

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=60, db_collation="C")
    kind = models.CharField(max_length=8)
    value = models.CharField(max_length=500, db_collation="C")
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_value"
        indexes = [models.Index(fields=["changed_xid"], name="customers_value_changed")]
        constraints = [
            models.UniqueConstraint(name="customers_value_once", fields=["customer", "name", "value"]),
        ]


class Filling(models.Model):
    """A table that is being filled with what was there before it: how far, and when it was done."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(db_default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "customers_filling"


class Statement(models.Model):
    """All that one source said of one record: a sealed document of its last word on each field, when, and by whom."""

    pk = models.CompositePrimaryKey("customer_id", "source")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=64, db_collation="C")
    sealed = models.BinaryField()

    class Meta:
        db_table = "customers_statement"


class Trait(models.Model):
    """A trait of the shop's own: what it is called, what it takes, and whether it tells who somebody is."""

    code = models.CharField(max_length=40, primary_key=True, db_collation="C")
    kind = models.CharField(max_length=8)
    names = models.JSONField()
    choices = models.JSONField(default=dict, db_default={})
    is_personal = models.BooleanField()
    retired_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_trait"
        constraints = [
            models.CheckConstraint(name="customers_trait_kind", condition=models.Q(kind__in=TRAIT_KINDS)),
        ]


class Tag(models.Model):
    """A mark that staff and files set on customers: what it is called."""

    code = models.CharField(max_length=40, primary_key=True, db_collation="C")
    names = models.JSONField()
    retired_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_tag"


class Tagging(models.Model):
    """A tag was set on a record, or taken off it. Never changed: the history of the customer's tags."""

    id = models.BigAutoField(primary_key=True)
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_on = models.BooleanField()
    source = models.CharField(max_length=64, db_collation="C")
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_tagging"
        indexes = [models.Index(fields=["customer", "-id"], name="customers_tagging_customer")]


class Tagged(models.Model):
    """The last word on a tag of a record. The column `number`, the warehouse's key, is the database's own."""

    pk = models.CompositePrimaryKey("customer_id", "tag_id")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_on = models.BooleanField()
    at = models.DateTimeField()
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_tagged"
        indexes = [
            models.Index(fields=["changed_xid"], name="customers_tagged_changed"),
            models.Index(fields=["tag", "customer"], name="customers_tagged_tag", condition=models.Q(is_on=True)),
        ]


class Household(models.Model):
    """People who live together. It joins nobody: each stays who they are."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    formed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_household"


class Householder(models.Model):
    """Somebody in a household, from when until when, and as what."""

    id = models.BigAutoField(primary_key=True)
    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10)
    since_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=100)
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_householder"
        indexes = [models.Index(fields=["changed_xid"], name="customers_householder_changed")]
        constraints = [
            models.UniqueConstraint(
                name="customers_householder_once", fields=["customer"], condition=models.Q(until_at=None)
            ),
            models.CheckConstraint(name="customers_householder_role", condition=models.Q(role__in=HOUSEHOLD_ROLES)),
            models.CheckConstraint(
                name="customers_householder_times",
                condition=models.Q(until_at=None) | models.Q(until_at__gte=models.F("since_at")),
            ),
        ]


class NamePrefix(models.Model):
    """A keyed hash of how one of the customer's names begins."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    digest = models.BinaryField(max_length=8)

    class Meta:
        db_table = "customers_name_prefix"
        constraints = [
            models.UniqueConstraint(name="customers_name_prefix_once", fields=["digest", "customer"]),
        ]


class AlsoKnown(models.Model):
    """A keyed hash of what a record of a person told by itself: a contact, or how a name begins (`name`)."""

    id = models.BigAutoField(primary_key=True)
    record = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5)
    digest = models.BinaryField(max_length=32)

    class Meta:
        db_table = "customers_also_known"
        constraints = [
            models.UniqueConstraint(name="customers_also_known_once", fields=["digest", "kind", "record"]),
        ]


class Description(models.Model):
    """One act of describing somebody, under the key that makes its repeat harmless. Names of fields, never values.

    `told` is a keyed hash of what was told one by one: another word under the key is no repeat.
    """

    key = models.CharField(max_length=120, primary_key=True, db_collation="C")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    told = models.BinaryField(max_length=32, null=True)
    changed = models.JSONField()
    shared = models.JSONField()
    described_at = models.DateTimeField()

    class Meta:
        db_table = "customers_description"


class Act(models.Model):
    """One act under the key that makes its repeat harmless: a keyed hash of what was told, and what was answered.

    `of` is the kind of acts that share their keys. `told` is null of what was told before acts were compared.
    """

    pk = models.CompositePrimaryKey("of", "key")
    of = models.CharField(max_length=12, db_collation="C")
    key = models.CharField(max_length=160, db_collation="C")
    told = models.BinaryField(max_length=32, null=True)
    answer = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_act"


class ConsentText(models.Model):
    """One version of the words somebody agreed to, in one language. Append-only: what was shown can be shown again."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=64, db_collation="C")
    version = models.PositiveIntegerField()
    language = models.CharField(max_length=10, db_collation="C")
    words = models.TextField()
    digest = models.BinaryField(max_length=32)
    published_at = models.DateTimeField()
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_consent_text"
        constraints = [
            models.UniqueConstraint(name="customers_consent_text_once", fields=["code", "version", "language"]),
            models.CheckConstraint(name="customers_consent_text_version", condition=models.Q(version__gte=1)),
            models.CheckConstraint(
                name="customers_consent_text_words", condition=~models.Q(words="") & ~models.Q(code="")
            ),
        ]


class Consent(models.Model):
    """One yes or no of somebody, with what shows it. Append-only; it stays with the record it came with."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=20, db_collation="C")
    channel = models.CharField(max_length=10, db_collation="C")
    brand = models.ForeignKey("company.Brand", on_delete=models.PROTECT, related_name="+", null=True)
    is_granted = models.BooleanField()
    is_by_guardian = models.BooleanField(default=False)
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+", null=True)
    place = models.CharField(max_length=20, db_collation="C")
    proof = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=40, blank=True, db_collation="C")
    source = models.CharField(max_length=64, db_collation="C")
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    at = models.DateTimeField()
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=64)
    origin = models.CharField(max_length=10)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_consent"
        indexes = [
            models.Index(fields=["customer", "id"], name="customers_consent_of"),
            models.Index(fields=["changed_xid"], name="customers_consent_changed"),
        ]
        constraints = [
            models.CheckConstraint(
                name="customers_consent_purpose", condition=models.Q(purpose__in=[ANY, *(one.value for one in Purpose)])
            ),
            models.CheckConstraint(
                name="customers_consent_channel", condition=models.Q(channel__in=[ANY, *(one.value for one in Channel)])
            ),
            models.CheckConstraint(
                name="customers_consent_place", condition=models.Q(place__in=[one.value for one in Place])
            ),
            models.CheckConstraint(name="customers_consent_origin", condition=models.Q(origin__in=("live", "history"))),
            models.CheckConstraint(name="customers_consent_no_address", condition=~models.Q(proof__contains="@")),
            models.CheckConstraint(
                name="customers_consent_guardian_proven",
                condition=models.Q(is_by_guardian=False) | models.Q(is_granted=False) | ~models.Q(proof=""),
            ),
        ]


class KeptNo(models.Model):
    """A no to messages at an address or number that counts for whoever comes with it. Append-only; a keyed hash."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, db_collation="C")
    digest = models.BinaryField(max_length=32)
    purpose = models.CharField(max_length=20, db_collation="C")
    channel = models.CharField(max_length=10, db_collation="C")
    brand = models.ForeignKey("company.Brand", on_delete=models.PROTECT, related_name="+", null=True)
    place = models.CharField(max_length=20, db_collation="C")
    source = models.CharField(max_length=64, db_collation="C")
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    at = models.DateTimeField()
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_kept_no"
        indexes = [models.Index(fields=["digest", "kind"], name="customers_kept_no_of")]
        constraints = [
            models.CheckConstraint(name="customers_kept_no_kind", condition=models.Q(kind__in=CONTACTS)),
            models.CheckConstraint(
                name="customers_kept_no_purpose", condition=models.Q(purpose__in=[ANY, *(one.value for one in Purpose)])
            ),
            models.CheckConstraint(
                name="customers_kept_no_channel", condition=models.Q(channel__in=[ANY, *(one.value for one in Channel)])
            ),
            models.CheckConstraint(
                name="customers_kept_no_place", condition=models.Q(place__in=[one.value for one in Place])
            ),
        ]


class Wish(models.Model):
    """How somebody wants to be talked to: one wish, from one time on. Append-only; it stays with its record."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80, db_collation="C")
    value = models.JSONField(null=True)
    place = models.CharField(max_length=20, db_collation="C")
    source = models.CharField(max_length=64, db_collation="C")
    key = models.CharField(max_length=160, db_collation="C")
    at = models.DateTimeField()
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=64)
    origin = models.CharField(max_length=10)
    recorded_at = models.DateTimeField(db_default=Now())
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_wish"
        indexes = [
            models.Index(fields=["customer", "id"], name="customers_wish_of"),
            models.Index(fields=["changed_xid"], name="customers_wish_changed"),
        ]
        constraints = [
            models.UniqueConstraint(name="customers_wish_once", fields=["key", "name"]),
            models.CheckConstraint(
                name="customers_wish_place", condition=models.Q(place__in=[one.value for one in Place])
            ),
            models.CheckConstraint(name="customers_wish_origin", condition=models.Q(origin__in=("live", "history"))),
        ]


class Topic(models.Model):
    """Something the shop writes about, which somebody may want or not."""

    code = models.CharField(max_length=40, primary_key=True, db_collation="C")
    names = models.JSONField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "customers_topic"


class Link(models.Model):
    """A piece of evidence that a record and an identifier belong together; or, with `revokes`, that one does not count.

    Told once and never changed. `value` is readable where it is a pseudonym; a contact stands as its keyed hash alone.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    record = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, db_collation="C")
    namespace = models.CharField(max_length=64, blank=True, db_collation="C")
    digest = models.BinaryField(max_length=32)
    value = models.CharField(max_length=200, null=True, db_collation="C")
    evidence = models.CharField(max_length=20, db_collation="C")
    source = models.CharField(max_length=64)
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    why = models.CharField(max_length=20, blank=True)
    revokes = models.OneToOneField("self", on_delete=models.PROTECT, related_name="+", null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_link"
        indexes = [models.Index(fields=["kind", "namespace", "digest"], name="customers_link_identifier")]
        constraints = [
            models.CheckConstraint(
                name="customers_link_no_address", condition=models.Q(value=None) | ~models.Q(value__contains="@")
            ),
        ]


class Decision(models.Model):
    """What somebody decided of two records: that they are one person, that they are not, or neither any more.

    Told once and never changed; of a pair the latest counts. `one` is the older record.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=160, unique=True, db_collation="C")
    one = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8)
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    why = models.CharField(max_length=20)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_decision"
        indexes = [models.Index(fields=["one", "other"], name="customers_decision_pair")]
        constraints = [
            models.CheckConstraint(name="customers_decision_order", condition=models.Q(one__lt=models.F("other"))),
            models.CheckConstraint(
                name="customers_decision_verdict", condition=models.Q(verdict__in=("join", "apart", "open"))
            ),
        ]


class Regrouping(models.Model):
    """Records that came to another person, together, and what moved them. Never changed."""

    id = models.BigAutoField(primary_key=True)
    because = models.JSONField()
    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customers_regrouping"


class Moved(models.Model):
    """One record of a regrouping: so that a member's page finds what happened to it."""

    id = models.BigAutoField(primary_key=True)
    regrouping = models.ForeignKey(Regrouping, on_delete=models.PROTECT, related_name="+")
    record = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    after = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    changed_xid = TransactionIdField()

    class Meta:
        db_table = "customers_moved"
        indexes = [models.Index(fields=["changed_xid"], name="customers_moved_changed")]


class Review(models.Model):
    """A question that only somebody can answer: are these two one person?

    `kind` says why it is asked; `digest` is the identifier it is about, where there is one. `score` is how alike two
    records are that nothing but likeness suggests, from 0 to 1.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=RandomUuid(), editable=False)
    kind = models.CharField(max_length=20)
    one = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    identifier_kind = models.CharField(max_length=20, blank=True)
    digest = models.BinaryField(max_length=32, null=True)
    score = models.FloatField(null=True)
    signs = models.JSONField(db_default=[])
    state = models.CharField(max_length=10, db_default="open")
    #: When it was asked, or asked again: by the clock, whatever the time of the evidence.
    opened_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "customers_review"
        indexes = [
            models.Index(fields=["state", "-id"], name="customers_review_state"),
            models.Index(fields=["one"], name="customers_review_one"),
            models.Index(fields=["digest"], name="customers_review_digest", condition=models.Q(digest__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                name="customers_review_once",
                fields=["one", "other", "kind", "digest"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="customers_review_order", condition=models.Q(one__lt=models.F("other"))),
            models.CheckConstraint(
                name="customers_review_state", condition=models.Q(state__in=("open", "joined", "apart", "left", "gone"))
            ),
            models.CheckConstraint(
                name="customers_review_score", condition=models.Q(score=None) | models.Q(score__gte=0, score__lte=1)
            ),
        ]


class Look(models.Model):
    """One look for likely duplicates: asked for, how far it is, what it came to. A display and a memory, no fact."""

    id = models.BigAutoField(primary_key=True)
    asked_at = models.DateTimeField()
    by = models.CharField(max_length=200)
    began_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    people = models.BigIntegerField(db_default=0)
    opened = models.BigIntegerField(db_default=0)
    alike = models.BigIntegerField(db_default=0)
    asked = models.BigIntegerField(db_default=0)
    gone = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "customers_look"


class Rules(models.Model):
    """The rules of identity as they were from `at` on; the latest count. Never changed."""

    id = models.BigAutoField(primary_key=True)
    rules = models.JSONField()
    at = models.DateTimeField()
    by = models.CharField(max_length=200)

    class Meta:
        db_table = "customers_rules"
