"""Accounts of points, the acts and entries that write them, and the lots, holds and postings they are made of."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import AppendOnly

#: What of a row may change; the rest is as fixed as the entries, by right.
CACHES = {
    "account": "sequence, pending, available, held, debt, frozen_at, frozen_why",
    "lot": "account_id, matures_at, expires_on, expires_at, pending, available, held, spent, lapsed, taken_back, settled,"
    " short, owed",
    "hold": "captured, released, state",
    "hold_lot": "captured, released",
}


def let_only_caches_change(apps: object, schema_editor: object) -> None:
    app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    for table, columns in CACHES.items():
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON loyalty_{table} FROM {app}")
        schema_editor.execute(f"GRANT UPDATE ({columns}) ON loyalty_{table} TO {app}")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0019_what_changed_for_the_warehouse"),
    ]

    operations = [
        migrations.CreateModel(
            name="Act",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(db_collation="C", max_length=200, unique=True)),
                ("told", models.BinaryField(max_length=16)),
                ("verb", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=100)),
                ("origin", models.CharField(max_length=10)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "loyalty_act",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("key", ""), _negated=True), name="loyalty_act_has_key"),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="loyalty_act_origin"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Currency",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(db_collation="C", max_length=40, unique=True)),
                ("scale", models.SmallIntegerField(db_default=0, default=0)),
                ("titles", models.JSONField(db_default={}, default=dict)),
                ("zone", models.CharField(db_default="", default="", max_length=60)),
                ("spend_order", models.CharField(db_default="expiry", default="expiry", max_length=10)),
                ("debt_limit", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "loyalty_currency",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[a-z][a-z0-9_]*$")), name="loyalty_currency_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scale__gte", 0), ("scale__lte", 6)), name="loyalty_currency_scale"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("spend_order__in", ("expiry", "oldest"))),
                        name="loyalty_currency_spend_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("debt_limit__gte", 0)), name="loyalty_currency_debt_limit"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("sequence", models.BigIntegerField(db_default=0, default=0)),
                ("pending", models.BigIntegerField(db_default=0, default=0)),
                ("available", models.BigIntegerField(db_default=0, default=0)),
                ("held", models.BigIntegerField(db_default=0, default=0)),
                ("debt", models.BigIntegerField(db_default=0, default=0)),
                ("frozen_at", models.DateTimeField(null=True)),
                ("frozen_why", models.CharField(db_default="", default="", max_length=200)),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
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
                    "currency",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.currency",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_account",
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("sequence", models.BigIntegerField()),
                ("kind", models.CharField(max_length=10)),
                ("effective_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("reason", models.CharField(max_length=40)),
                ("arguments", models.JSONField(db_default={}, default=dict)),
                ("rule", models.CharField(db_collation="C", db_default="", default="", max_length=80)),
                ("rule_version", models.IntegerField(null=True)),
                ("pending_after", models.BigIntegerField()),
                ("available_after", models.BigIntegerField()),
                ("held_after", models.BigIntegerField()),
                ("debt_after", models.BigIntegerField()),
                ("origin", models.CharField(max_length=10)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.account",
                    ),
                ),
                (
                    "act",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.act"),
                ),
                (
                    "reverses",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.entry",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_entry",
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("captured", models.BigIntegerField(db_default=0, default=0)),
                ("released", models.BigIntegerField(db_default=0, default=0)),
                ("owner", models.CharField(db_default="", default="", max_length=120)),
                ("held_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("state", models.CharField(db_default="open", default="open", max_length=10)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.account",
                    ),
                ),
                (
                    "act",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.act"),
                ),
            ],
            options={
                "db_table": "loyalty_hold",
            },
        ),
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject", models.CharField(db_collation="C", db_default="", default="", max_length=120)),
                ("rule", models.CharField(db_collation="C", db_default="", default="", max_length=80)),
                ("rule_version", models.IntegerField(null=True)),
                ("original", models.BigIntegerField()),
                ("funding", models.CharField(max_length=10)),
                ("partner", models.CharField(db_default="", default="", max_length=64)),
                ("allocated_price_minor", models.BigIntegerField(null=True)),
                ("price_currency", models.CharField(db_default="", default="", max_length=3)),
                ("standalone_price", models.DecimalField(decimal_places=8, max_digits=18, null=True)),
                ("estimate_version", models.IntegerField(null=True)),
                ("expiry_policy", models.CharField(db_default="", default="", max_length=80)),
                ("earned_at", models.DateTimeField()),
                ("matures_at", models.DateTimeField(null=True)),
                ("expires_on", models.DateField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("pending", models.BigIntegerField(db_default=0, default=0)),
                ("available", models.BigIntegerField(db_default=0, default=0)),
                ("held", models.BigIntegerField(db_default=0, default=0)),
                ("spent", models.BigIntegerField(db_default=0, default=0)),
                ("lapsed", models.BigIntegerField(db_default=0, default=0)),
                ("taken_back", models.BigIntegerField(db_default=0, default=0)),
                ("settled", models.BigIntegerField(db_default=0, default=0)),
                ("short", models.BigIntegerField(db_default=0, default=0)),
                ("owed", models.BigIntegerField(db_default=0, default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.account",
                    ),
                ),
                (
                    "origin_entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.entry",
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_lot",
            },
        ),
        migrations.CreateModel(
            name="HoldLot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hold_id", "lot_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("captured", models.BigIntegerField(db_default=0, default=0)),
                ("released", models.BigIntegerField(db_default=0, default=0)),
                (
                    "hold",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.hold"
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.lot"),
                ),
            ],
            options={
                "db_table": "loyalty_hold_lot",
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("from_book", models.CharField(max_length=10)),
                ("to_book", models.CharField(max_length=10)),
                ("amount", models.BigIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.entry",
                    ),
                ),
                (
                    "for_lot",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.lot",
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.lot"),
                ),
            ],
            options={
                "db_table": "loyalty_posting",
            },
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(fields=("customer", "currency"), name="loyalty_account_of"),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sequence__gte", 0),
                    ("sequence__lte", 9000000000000000),
                    ("pending__gte", 0),
                    ("pending__lte", 9000000000000000),
                    ("available__gte", 0),
                    ("available__lte", 9000000000000000),
                    ("held__gte", 0),
                    ("held__lte", 9000000000000000),
                    ("debt__gte", 0),
                    ("debt__lte", 9000000000000000),
                ),
                name="loyalty_account_amounts",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("reverses__isnull", False)), fields=["reverses"], name="loyalty_entry_reverses"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(fields=("account", "sequence"), name="loyalty_entry_in_order"),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        (
                            "award",
                            "activate",
                            "hold",
                            "capture",
                            "release",
                            "redeem",
                            "reverse",
                            "expire",
                            "extend",
                            "reinstate",
                            "adjust",
                            "merge_out",
                            "merge_in",
                            "settle",
                            "write_off",
                        ),
                    )
                ),
                name="loyalty_entry_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ("live", "history"))), name="loyalty_entry_origin"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="loyalty_entry_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reverses", models.F("id")), _negated=True), ("reverses__isnull", True), _connector="OR"
                ),
                name="loyalty_entry_reverses_itself_never",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pending_after__gte", 0),
                    ("pending_after__lte", 9000000000000000),
                    ("available_after__gte", 0),
                    ("available_after__lte", 9000000000000000),
                    ("held_after__gte", 0),
                    ("held_after__lte", 9000000000000000),
                    ("debt_after__gte", 0),
                    ("debt_after__lte", 9000000000000000),
                ),
                name="loyalty_entry_amounts",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(condition=models.Q(("state", "open")), fields=["expires_at"], name="loyalty_hold_due"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("amount__lte", 9000000000000000)), name="loyalty_hold_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("open", "captured", "released", "expired"))),
                name="loyalty_hold_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state", "open"),
                        (
                            "amount__gt",
                            django.db.models.expressions.CombinedExpression(
                                models.F("captured"), "+", models.F("released")
                            ),
                        ),
                    ),
                    models.Q(
                        models.Q(("state", "open"), _negated=True),
                        (
                            "amount",
                            django.db.models.expressions.CombinedExpression(
                                models.F("captured"), "+", models.F("released")
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="loyalty_hold_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("captured__gte", 0),
                    ("captured__lte", 9000000000000000),
                    ("released__gte", 0),
                    ("released__lte", 9000000000000000),
                ),
                name="loyalty_hold_amounts",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(fields=["account", "record"], name="loyalty_lot_of"),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("pending__gt", 0), ("available__gt", 0), _connector="OR"),
                fields=["account", "expires_at", "id"],
                name="loyalty_lot_open",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("pending__gt", 0), ("available__gt", 0), _connector="OR"),
                fields=["expires_at"],
                name="loyalty_lot_lapses",
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("pending__gt", 0)), fields=["matures_at"], name="loyalty_lot_matures"
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(condition=models.Q(("owed__gt", 0)), fields=["account"], name="loyalty_lot_owed"),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("subject", ""), _negated=True), fields=["subject"], name="loyalty_lot_subject"
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(("original__gt", 0), ("original__lte", 9000000000000000)),
                name="loyalty_lot_original",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(("funding__in", ("issuance", "goodwill", "partner", "migration"))),
                name="loyalty_lot_funding",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "original",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("pending"), "+", models.F("available")
                                            ),
                                            "+",
                                            models.F("held"),
                                        ),
                                        "+",
                                        models.F("spent"),
                                    ),
                                    "+",
                                    models.F("lapsed"),
                                ),
                                "+",
                                models.F("taken_back"),
                            ),
                            "+",
                            models.F("settled"),
                        ),
                    )
                ),
                name="loyalty_lot_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "original__gte",
                        django.db.models.expressions.CombinedExpression(models.F("taken_back"), "+", models.F("short")),
                    )
                ),
                name="loyalty_lot_reversed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(("owed__lte", models.F("short"))), name="loyalty_lot_owes_what_is_short"
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("expires_at__isnull", True), ("expires_on__isnull", True)),
                    models.Q(("expires_at__isnull", False), ("expires_on__isnull", False)),
                    _connector="OR",
                ),
                name="loyalty_lot_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pending__gte", 0),
                    ("pending__lte", 9000000000000000),
                    ("available__gte", 0),
                    ("available__lte", 9000000000000000),
                    ("held__gte", 0),
                    ("held__lte", 9000000000000000),
                    ("spent__gte", 0),
                    ("spent__lte", 9000000000000000),
                    ("lapsed__gte", 0),
                    ("lapsed__lte", 9000000000000000),
                    ("taken_back__gte", 0),
                    ("taken_back__lte", 9000000000000000),
                    ("settled__gte", 0),
                    ("settled__lte", 9000000000000000),
                    ("short__gte", 0),
                    ("short__lte", 9000000000000000),
                    ("owed__gte", 0),
                    ("owed__lte", 9000000000000000),
                ),
                name="loyalty_lot_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="holdlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("amount__lte", 9000000000000000)), name="loyalty_hold_lot_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="holdlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("captured"), "+", models.F("released")
                        ),
                    )
                ),
                name="loyalty_hold_lot_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="holdlot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("captured__gte", 0),
                    ("captured__lte", 9000000000000000),
                    ("released__gte", 0),
                    ("released__lte", 9000000000000000),
                ),
                name="loyalty_hold_lot_amounts",
            ),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                condition=models.Q(("for_lot__isnull", False)), fields=["for_lot"], name="loyalty_posting_for_lot"
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("amount__lte", 9000000000000000)), name="loyalty_posting_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "from_book__in",
                        (
                            "pending",
                            "available",
                            "held",
                            "debt",
                            "issuance",
                            "goodwill",
                            "partner",
                            "migration",
                            "redeemed",
                            "donation",
                            "breakage",
                            "transit",
                        ),
                    ),
                    (
                        "to_book__in",
                        (
                            "pending",
                            "available",
                            "held",
                            "debt",
                            "issuance",
                            "goodwill",
                            "partner",
                            "migration",
                            "redeemed",
                            "donation",
                            "breakage",
                            "transit",
                        ),
                    ),
                    models.Q(("from_book", models.F("to_book")), _negated=True),
                ),
                name="loyalty_posting_books",
            ),
        ),
        AppendOnly("loyalty_act"),
        AppendOnly("loyalty_entry"),
        AppendOnly("loyalty_posting"),
        migrations.RunPython(let_only_caches_change, migrations.RunPython.noop),
        migrations.RunSQL(
            """INSERT INTO loyalty_currency (code, titles) VALUES ('points', '{"en": "points", "zh-hans": "积分"}')""",
            migrations.RunSQL.noop,
        ),
    ]
