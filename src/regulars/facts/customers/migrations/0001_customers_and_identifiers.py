"""Customers, what is known of them, their wishes, and who is the same person."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import AppendOnly, StampsChanges

# The key by which the warehouse tells rows of tags apart. The row's own key has two parts.
NUMBER = "ALTER TABLE customers_tagged ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY"
# A job goes through what there is and ends at once in an empty house.
TO_FILL = "INSERT INTO customers_filling (name) VALUES ('also_known'), ('values')"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("company", "0001_shop_and_places"),
    ]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("origin", models.CharField(max_length=10)),
                ("country", models.CharField(max_length=2, null=True)),
                ("language", models.CharField(max_length=10, null=True)),
                ("noted_country", models.CharField(max_length=2, null=True)),
                ("first_seen_at", models.DateTimeField(null=True)),
                ("joined_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "customers_customer",
                "indexes": [
                    models.Index(
                        condition=models.Q(("person__isnull", False)),
                        fields=["person", "id"],
                        name="customers_customer_person",
                    ),
                    models.Index(fields=["changed_xid"], name="customers_customer_changed"),
                    models.Index(fields=["country", "id"], name="customers_customer_country"),
                    models.Index(fields=["language", "id"], name="customers_customer_language"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="customers_customer_origin"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="customers_customer_country"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("joined_at", None), ("person", None)),
                            models.Q(("joined_at__isnull", False), ("person__lt", models.F("id"))),
                            _connector="OR",
                        ),
                        name="customers_customer_joined",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Filling",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(db_default=0)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "customers_filling",
            },
        ),
        migrations.CreateModel(
            name="Household",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("formed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customers_household",
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                ("by", models.CharField(max_length=200)),
                ("began_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("people", models.BigIntegerField(db_default=0)),
                ("opened", models.BigIntegerField(db_default=0)),
                ("alike", models.BigIntegerField(db_default=0)),
                ("asked", models.BigIntegerField(db_default=0)),
                ("gone", models.BigIntegerField(db_default=0)),
            ],
            options={
                "db_table": "customers_look",
            },
        ),
        migrations.CreateModel(
            name="Regrouping",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("because", models.JSONField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=200)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customers_regrouping",
            },
        ),
        migrations.CreateModel(
            name="Rules",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("rules", models.JSONField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "customers_rules",
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("code", models.CharField(db_collation="C", max_length=40, primary_key=True, serialize=False)),
                ("names", models.JSONField()),
                ("retired_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customers_tag",
            },
        ),
        migrations.CreateModel(
            name="Topic",
            fields=[
                ("code", models.CharField(db_collation="C", max_length=40, primary_key=True, serialize=False)),
                ("names", models.JSONField()),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "customers_topic",
            },
        ),
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(db_collation="C", max_length=64)),
                ("version", models.PositiveIntegerField()),
                ("language", models.CharField(db_collation="C", max_length=10)),
                ("words", models.TextField()),
                ("digest", models.BinaryField(max_length=32)),
                ("published_at", models.DateTimeField()),
                ("by_kind", models.CharField(max_length=20)),
                ("by_id", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customers_consent_text",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version", "language"), name="customers_consent_text_once"),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="customers_consent_text_version"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("words", ""), _negated=True), models.Q(("code", ""), _negated=True)
                        ),
                        name="customers_consent_text_words",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("purpose", models.CharField(db_collation="C", max_length=20)),
                ("channel", models.CharField(db_collation="C", max_length=10)),
                ("is_granted", models.BooleanField()),
                ("is_by_guardian", models.BooleanField(default=False)),
                ("place", models.CharField(db_collation="C", max_length=20)),
                ("proof", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(blank=True, db_collation="C", max_length=40)),
                ("source", models.CharField(db_collation="C", max_length=64)),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("at", models.DateTimeField()),
                ("by_kind", models.CharField(max_length=20)),
                ("by_id", models.CharField(max_length=64)),
                ("origin", models.CharField(max_length=10)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "brand",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="company.brand"
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.consenttext",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_consent",
                "indexes": [models.Index(fields=["customer", "id"], name="customers_consent_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "purpose__in",
                                ["*", "service", "marketing", "surveys", "personalisation", "analytics", "sharing"],
                            )
                        ),
                        name="customers_consent_purpose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("channel__in", ["*", "email", "sms", "wechat", "push", "phone", "post", "in_app"])
                        ),
                        name="customers_consent_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "place__in",
                                [
                                    "web_form",
                                    "checkout",
                                    "store",
                                    "app",
                                    "preference_centre",
                                    "one_click",
                                    "reply",
                                    "call",
                                    "cookie_banner",
                                    "staff",
                                    "import",
                                    "other_system",
                                ],
                            )
                        ),
                        name="customers_consent_place",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="customers_consent_origin"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("proof__contains", "@"), _negated=True), name="customers_consent_no_address"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_by_guardian", False),
                            ("is_granted", False),
                            models.Q(("proof", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="customers_consent_guardian_proven",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlsoKnown",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=5)),
                ("digest", models.BinaryField(max_length=32)),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_also_known",
                "constraints": [
                    models.UniqueConstraint(fields=("digest", "kind", "record"), name="customers_also_known_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("verdict", models.CharField(max_length=8)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=200)),
                ("why", models.CharField(max_length=20)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "one",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_decision",
                "indexes": [models.Index(fields=["one", "other"], name="customers_decision_pair")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("one__lt", models.F("other"))), name="customers_decision_order"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ("join", "apart", "open"))),
                        name="customers_decision_verdict",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Description",
            fields=[
                ("key", models.CharField(db_collation="C", max_length=120, primary_key=True, serialize=False)),
                ("changed", models.JSONField()),
                ("shared", models.JSONField()),
                ("described_at", models.DateTimeField()),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_description",
            },
        ),
        migrations.CreateModel(
            name="Householder",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("role", models.CharField(max_length=10)),
                ("since_at", models.DateTimeField()),
                ("until_at", models.DateTimeField(null=True)),
                ("by", models.CharField(max_length=100)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "household",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.household"
                    ),
                ),
            ],
            options={
                "db_table": "customers_householder",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until_at", None)), fields=("customer",), name="customers_householder_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ("head", "partner", "child", "parent", "other"))),
                        name="customers_householder_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until_at", None), ("until_at__gte", models.F("since_at")), _connector="OR"
                        ),
                        name="customers_householder_times",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Identifier",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("namespace", models.CharField(db_collation="C", max_length=64)),
                ("kind", models.CharField(db_collation="C", max_length=10)),
                ("value", models.CharField(db_collation="C", max_length=200, null=True)),
                ("digest", models.BinaryField(max_length=32, null=True)),
                ("since_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_identifier",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("value__isnull", False)),
                        fields=("namespace", "kind", "value"),
                        name="customers_identifier_value",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("digest__isnull", False)),
                        fields=("namespace", "kind", "digest"),
                        name="customers_identifier_digest",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("external", "device", "email", "phone"))),
                        name="customers_identifier_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("digest__isnull", False), ("value__isnull", True)),
                            models.Q(
                                models.Q(("kind__in", ("email", "phone")), _negated=True),
                                ("digest__isnull", True),
                                ("value__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="customers_identifier_one_form",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("value", None), models.Q(("value__contains", "@"), _negated=True), _connector="OR"
                        ),
                        name="customers_identifier_no_address",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptNo",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(db_collation="C", max_length=10)),
                ("digest", models.BinaryField(max_length=32)),
                ("purpose", models.CharField(db_collation="C", max_length=20)),
                ("channel", models.CharField(db_collation="C", max_length=10)),
                ("place", models.CharField(db_collation="C", max_length=20)),
                ("source", models.CharField(db_collation="C", max_length=64)),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("at", models.DateTimeField()),
                ("by_kind", models.CharField(max_length=20)),
                ("by_id", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "brand",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="company.brand"
                    ),
                ),
            ],
            options={
                "db_table": "customers_kept_no",
                "indexes": [models.Index(fields=["digest", "kind"], name="customers_kept_no_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("email", "phone"))), name="customers_kept_no_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "purpose__in",
                                ["*", "service", "marketing", "surveys", "personalisation", "analytics", "sharing"],
                            )
                        ),
                        name="customers_kept_no_purpose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("channel__in", ["*", "email", "sms", "wechat", "push", "phone", "post", "in_app"])
                        ),
                        name="customers_kept_no_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "place__in",
                                [
                                    "web_form",
                                    "checkout",
                                    "store",
                                    "app",
                                    "preference_centre",
                                    "one_click",
                                    "reply",
                                    "call",
                                    "cookie_banner",
                                    "staff",
                                    "import",
                                    "other_system",
                                ],
                            )
                        ),
                        name="customers_kept_no_place",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("kind", models.CharField(db_collation="C", max_length=20)),
                ("namespace", models.CharField(blank=True, db_collation="C", max_length=64)),
                ("digest", models.BinaryField(max_length=32)),
                ("value", models.CharField(db_collation="C", max_length=200, null=True)),
                ("evidence", models.CharField(db_collation="C", max_length=20)),
                ("source", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=200)),
                ("why", models.CharField(blank=True, max_length=20)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "revokes",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.link"
                    ),
                ),
            ],
            options={
                "db_table": "customers_link",
                "indexes": [models.Index(fields=["kind", "namespace", "digest"], name="customers_link_identifier")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("value", None), models.Q(("value__contains", "@"), _negated=True), _connector="OR"
                        ),
                        name="customers_link_no_address",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NamePrefix",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("digest", models.BinaryField(max_length=8)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_name_prefix",
                "constraints": [
                    models.UniqueConstraint(fields=("digest", "customer"), name="customers_name_prefix_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Moved",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "after",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "before",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "regrouping",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.regrouping"
                    ),
                ),
            ],
            options={
                "db_table": "customers_moved",
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("identifier_kind", models.CharField(blank=True, max_length=20)),
                ("digest", models.BinaryField(max_length=32, null=True)),
                ("score", models.FloatField(null=True)),
                ("signs", models.JSONField(db_default=[])),
                ("state", models.CharField(db_default="open", max_length=10)),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "one",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_review",
                "indexes": [
                    models.Index(fields=["state", "-id"], name="customers_review_state"),
                    models.Index(fields=["one"], name="customers_review_one"),
                    models.Index(
                        condition=models.Q(("digest__isnull", False)), fields=["digest"], name="customers_review_digest"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("one", "other", "kind", "digest"), name="customers_review_once", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("one__lt", models.F("other"))), name="customers_review_order"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("open", "joined", "apart", "left", "gone"))),
                        name="customers_review_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("score", None), models.Q(("score__gte", 0), ("score__lte", 1)), _connector="OR"
                        ),
                        name="customers_review_score",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id", "source", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.CharField(db_collation="C", max_length=64)),
                ("sealed", models.BinaryField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "customers_statement",
            },
        ),
        migrations.CreateModel(
            name="Tagged",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id", "tag_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("is_on", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.tag",
                    ),
                ),
            ],
            options={
                "db_table": "customers_tagged",
                "indexes": [
                    models.Index(fields=["changed_xid"], name="customers_tagged_changed"),
                    models.Index(
                        condition=models.Q(("is_on", True)), fields=["tag", "customer"], name="customers_tagged_tag"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tagging",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_on", models.BooleanField()),
                ("source", models.CharField(db_collation="C", max_length=64)),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=100)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.tag",
                    ),
                ),
            ],
            options={
                "db_table": "customers_tagging",
                "indexes": [models.Index(fields=["customer", "-id"], name="customers_tagging_customer")],
            },
        ),
        migrations.CreateModel(
            name="Trait",
            fields=[
                ("code", models.CharField(db_collation="C", max_length=40, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=8)),
                ("names", models.JSONField()),
                ("choices", models.JSONField(db_default={}, default=dict)),
                ("is_personal", models.BooleanField()),
                ("retired_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customers_trait",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("text", "number", "yes_no", "date", "choice", "list"))),
                        name="customers_trait_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Value",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(db_collation="C", max_length=60)),
                ("kind", models.CharField(max_length=8)),
                ("value", models.CharField(db_collation="C", max_length=500)),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "customers_value",
                "indexes": [models.Index(fields=["changed_xid"], name="customers_value_changed")],
                "constraints": [
                    models.UniqueConstraint(fields=("customer", "name", "value"), name="customers_value_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Wish",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(db_collation="C", max_length=80)),
                ("value", models.JSONField(null=True)),
                ("place", models.CharField(db_collation="C", max_length=20)),
                ("source", models.CharField(db_collation="C", max_length=64)),
                ("key", models.CharField(db_collation="C", max_length=160)),
                ("at", models.DateTimeField()),
                ("by_kind", models.CharField(max_length=20)),
                ("by_id", models.CharField(max_length=64)),
                ("origin", models.CharField(max_length=10)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
            ],
            options={
                "db_table": "customers_wish",
                "indexes": [models.Index(fields=["customer", "id"], name="customers_wish_of")],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "name"), name="customers_wish_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "place__in",
                                [
                                    "web_form",
                                    "checkout",
                                    "store",
                                    "app",
                                    "preference_centre",
                                    "one_click",
                                    "reply",
                                    "call",
                                    "cookie_banner",
                                    "staff",
                                    "import",
                                    "other_system",
                                ],
                            )
                        ),
                        name="customers_wish_place",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="customers_wish_origin"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Profile",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("given_name", models.BinaryField(null=True)),
                ("family_name", models.BinaryField(null=True)),
                ("display_name", models.BinaryField(null=True)),
                ("email", models.BinaryField(null=True)),
                ("phone", models.BinaryField(null=True)),
                ("birthday", models.BinaryField(null=True)),
                ("address", models.BinaryField(null=True)),
                ("note", models.BinaryField(null=True)),
                ("lunar_birthday", models.BinaryField(null=True)),
                ("sealed_traits", models.BinaryField(null=True)),
                ("traits", models.JSONField(db_default={}, default=dict)),
                ("email_digest", models.BinaryField(max_length=32, null=True)),
                ("phone_digest", models.BinaryField(max_length=32, null=True)),
                ("described_at", models.DateTimeField()),
                ("is_folded", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "customers_profile",
                "indexes": [
                    models.Index(
                        condition=models.Q(("email_digest__isnull", False)),
                        fields=["email_digest"],
                        name="customers_profile_email",
                    ),
                    models.Index(
                        condition=models.Q(("phone_digest__isnull", False)),
                        fields=["phone_digest"],
                        name="customers_profile_phone",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("email__isnull", True), ("email_digest__isnull", True)),
                            models.Q(("email__isnull", False), ("email_digest__isnull", False)),
                            _connector="OR",
                        ),
                        name="customers_profile_email_found",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("phone__isnull", True), ("phone_digest__isnull", True)),
                            models.Q(("phone__isnull", False), ("phone_digest__isnull", False)),
                            _connector="OR",
                        ),
                        name="customers_profile_phone_found",
                    ),
                ],
            },
        ),
        StampsChanges("customers_customer"),
        migrations.RunSQL(
            "ALTER TABLE customers_identifier ADD CONSTRAINT customers_identifier_digest_length"
            " CHECK (octet_length(digest) = 32)",
            "ALTER TABLE customers_identifier DROP CONSTRAINT customers_identifier_digest_length",
        ),
        migrations.RunSQL(
            "ALTER TABLE customers_profile"
            " ADD CONSTRAINT customers_profile_digest_length"
            " CHECK (octet_length(email_digest) = 32 AND octet_length(phone_digest) = 32);"
            "ALTER TABLE customers_name_prefix"
            " ADD CONSTRAINT customers_name_prefix_digest_length CHECK (octet_length(digest) = 8)",
            "ALTER TABLE customers_profile DROP CONSTRAINT customers_profile_digest_length;"
            "ALTER TABLE customers_name_prefix DROP CONSTRAINT customers_name_prefix_digest_length",
        ),
        AppendOnly("customers_consent_text"),
        AppendOnly("customers_consent"),
        AppendOnly("customers_wish"),
        migrations.RunSQL(
            "ALTER TABLE customers_consent_text"
            " ADD CONSTRAINT customers_consent_text_digest CHECK (octet_length(digest) = 32);",
            "ALTER TABLE customers_consent_text DROP CONSTRAINT customers_consent_text_digest",
        ),
        # A person is one step away, never two: a check cannot look at another row.
        migrations.RunSQL(
            "CREATE FUNCTION customers_one_step() RETURNS trigger LANGUAGE plpgsql AS $$"
            "BEGIN"
            # As they are when the transaction ends: who stands for whom may change on the way.
            "  IF EXISTS (SELECT FROM customers_customer AS mine JOIN customers_customer AS other"
            "             ON other.id = mine.person_id OR other.person_id = mine.id"
            "             WHERE mine.id = NEW.id AND mine.person_id IS NOT NULL"
            "             AND (other.person_id IS NOT NULL)) THEN"
            "    RAISE EXCEPTION 'customer % is joined to a record that is joined itself', NEW.id"
            "      USING ERRCODE = 'check_violation';"
            "  END IF;"
            "  RETURN NULL;"
            "END $$;"
            "CREATE CONSTRAINT TRIGGER customers_one_step AFTER INSERT OR UPDATE OF person_id ON customers_customer"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.person_id IS NOT NULL)"
            " EXECUTE FUNCTION customers_one_step();"
            "ALTER TABLE customers_link ADD CONSTRAINT customers_link_digest_length CHECK (octet_length(digest) = 32)",
            "DROP TRIGGER customers_one_step ON customers_customer;"
            "DROP FUNCTION customers_one_step();"
            "ALTER TABLE customers_link DROP CONSTRAINT customers_link_digest_length",
        ),
        AppendOnly("customers_link"),
        AppendOnly("customers_decision"),
        AppendOnly("customers_regrouping"),
        AppendOnly("customers_moved"),
        AppendOnly("customers_rules"),
        AppendOnly("customers_tagging"),
        AppendOnly("customers_kept_no"),
        migrations.RunSQL(NUMBER, "ALTER TABLE customers_tagged DROP COLUMN number"),
        StampsChanges("customers_tagged"),
        migrations.RunSQL(TO_FILL, migrations.RunSQL.noop),
    ]
