"""The catalogue, its prices and stock; orders, what became of them, and returns."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import AppendOnly, StampsChanges


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("company", "0001_shop_and_places"),
        ("customers", "0001_customers_and_identifiers"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attribute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=64, unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("titles", models.JSONField(db_default={}, default=dict)),
                ("choices", models.JSONField(db_default=[], default=list)),
            ],
            options={
                "db_table": "commerce_attribute",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[a-z][a-z0-9_]*$")), name="commerce_attribute_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("text", "number", "yes_no", "day", "choice"))),
                        name="commerce_attribute_kind",
                    ),
                ],
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
                ("key", models.CharField(max_length=200, unique=True)),
                ("fingerprint", models.BinaryField(max_length=16)),
                ("purpose", models.CharField(max_length=10)),
                ("state", models.CharField(db_default="held", default="held", max_length=10)),
                ("held_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "commerce_hold",
                "indexes": [
                    models.Index(condition=models.Q(("state", "held")), fields=["expires_at"], name="commerce_hold_due")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("held", "captured", "released", "expired"))),
                        name="commerce_hold_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ("basket", "pickup"))), name="commerce_hold_purpose"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key", ""), _negated=True), name="commerce_hold_has_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "held")),
                            models.Q(models.Q(("state", "held"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="commerce_hold_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("held_at"))), name="commerce_hold_expires"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("namespace", models.CharField(max_length=64)),
                ("ref", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField()),
                ("placed_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("kind", models.CharField(max_length=12)),
                ("goods_minor", models.BigIntegerField()),
                ("discount_minor", models.BigIntegerField()),
                ("shipping_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("origin", models.CharField(max_length=10)),
                ("source_updated_at", models.DateTimeField(null=True)),
                ("fingerprint", models.BinaryField(max_length=16)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                ("number", models.CharField(db_default="", default="", max_length=64)),
                ("state", models.CharField(db_default="", default="", max_length=10)),
                ("called_off_at", models.DateTimeField(null=True)),
                ("paid_minor", models.BigIntegerField(null=True)),
                ("refunded_minor", models.BigIntegerField(null=True)),
                ("fees_minor", models.BigIntegerField(db_default=0, default=0)),
                ("prices_include_tax", models.BooleanField(db_default=False, default=False)),
                ("differs_minor", models.BigIntegerField(db_default=0, default=0)),
                ("shop_currency", models.CharField(max_length=3, null=True)),
                ("rate", models.DecimalField(decimal_places=12, max_digits=24, null=True)),
                ("exchange_of", models.CharField(db_default="", default="", max_length=200)),
                ("till", models.CharField(db_default="", default="", max_length=100)),
                ("taken_by", models.CharField(db_default="", default="", max_length=100)),
                ("fulfilment", models.CharField(db_default="", default="", max_length=10)),
                ("version", models.BigIntegerField(null=True)),
                (
                    "came_with",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.channel",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.store",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_order",
                "indexes": [
                    models.Index(fields=["customer", "-placed_at", "-id"], name="commerce_order_customer"),
                    models.Index(fields=["-placed_at", "-id"], name="commerce_order_placed"),
                    models.Index(
                        condition=models.Q(("store__isnull", False)),
                        fields=["store", "-placed_at", "-id"],
                        name="commerce_order_of_store",
                    ),
                    models.Index(
                        condition=models.Q(("kind__in", ("draft", "test"))),
                        fields=["-placed_at", "-id"],
                        name="commerce_order_uncounted",
                    ),
                    models.Index(fields=["changed_xid"], name="commerce_order_changed"),
                    models.Index(
                        condition=models.Q(("exchange_of", ""), _negated=True),
                        fields=["namespace", "exchange_of"],
                        name="commerce_order_exchange",
                    ),
                    models.Index(
                        condition=models.Q(("differs_minor", 0), _negated=True),
                        fields=["id"],
                        name="commerce_order_differs",
                    ),
                    models.Index(
                        condition=models.Q(("number", ""), _negated=True),
                        fields=["number"],
                        name="commerce_order_number",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("namespace", "ref"), name="commerce_order_ref"),
                    models.CheckConstraint(
                        condition=models.Q(("ref", ""), _negated=True), name="commerce_order_has_ref"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("came_with", None),
                            models.Q(
                                ("customer__isnull", False),
                                models.Q(("came_with", models.F("customer")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="commerce_order_came_with",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("purchase", "giveaway", "adjustment", "draft", "test"))),
                        name="commerce_order_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="commerce_order_origin"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="commerce_order_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "adjustment"),
                            models.Q(
                                ("discount_minor__gte", 0),
                                ("goods_minor__gte", 0),
                                ("shipping_minor__gte", 0),
                                ("tax_minor__gte", 0),
                            ),
                            _connector="OR",
                        ),
                        name="commerce_order_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind", "adjustment"), ("total_minor__gte", 0), _connector="OR"),
                        name="commerce_order_total",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("", "draft", "placed", "completed", "cancelled"))),
                        name="commerce_order_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fulfilment__in", ("", "ship", "collect", "same_city", "carry_out"))),
                        name="commerce_order_fulfilment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("paid_minor", None), ("paid_minor__gte", 0), _connector="OR"),
                            models.Q(("refunded_minor", None), ("refunded_minor__gte", 0), _connector="OR"),
                            ("fees_minor__gte", 0),
                        ),
                        name="commerce_order_money",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("rate", None), ("shop_currency", None)),
                            models.Q(("rate__gt", 0), ("rate__isnull", False), ("shop_currency__regex", "^[A-Z]{3}$")),
                            _connector="OR",
                        ),
                        name="commerce_order_rate",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("called_off_at", None),
                            models.Q(("cancelled_at__isnull", False), ("cancelled_at__lte", models.F("called_off_at"))),
                            _connector="OR",
                        ),
                        name="commerce_order_called_off",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GoodsReturn",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("namespace", models.CharField(max_length=64)),
                ("ref", models.CharField(max_length=200)),
                ("returned_at", models.DateTimeField()),
                ("returned_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("amount_minor", models.BigIntegerField()),
                ("matched_minor", models.BigIntegerField(db_default=0)),
                ("origin", models.CharField(max_length=10)),
                ("source_updated_at", models.DateTimeField(null=True)),
                ("fingerprint", models.BinaryField(max_length=16)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                ("order_ref", models.CharField(db_default="", default="", max_length=200)),
                ("goes_with_order", models.BooleanField(db_default=False, default=False)),
                ("shipping_minor", models.BigIntegerField(db_default=0, default=0)),
                ("tax_minor", models.BigIntegerField(db_default=0, default=0)),
                ("money_minor", models.BigIntegerField(db_default=0, default=0)),
                ("differs_minor", models.BigIntegerField(db_default=0, default=0)),
                ("is_void", models.BooleanField(db_default=False, default=False)),
                ("reason", models.CharField(db_default="", default="", max_length=60)),
                ("version", models.BigIntegerField(null=True)),
                (
                    "came_with",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.store",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.order"
                    ),
                ),
            ],
            options={
                "db_table": "commerce_return",
                "indexes": [
                    models.Index(fields=["customer", "-returned_at", "-id"], name="commerce_return_customer"),
                    models.Index(fields=["changed_xid"], name="commerce_return_changed"),
                    models.Index(
                        condition=models.Q(("order__isnull", True), models.Q(("order_ref", ""), _negated=True)),
                        fields=["namespace", "order_ref"],
                        name="commerce_return_waiting",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("namespace", "ref"), name="commerce_return_ref"),
                    models.CheckConstraint(
                        condition=models.Q(("ref", ""), _negated=True), name="commerce_return_has_ref"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("came_with", None),
                            models.Q(
                                ("customer__isnull", False),
                                models.Q(("came_with", models.F("customer")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="commerce_return_came_with",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="commerce_return_origin"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="commerce_return_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_minor__gte", 0),
                            ("matched_minor__gte", 0),
                            ("matched_minor__lte", models.F("amount_minor")),
                        ),
                        name="commerce_return_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("money_minor__gte", 0),
                            ("shipping_minor__gte", 0),
                            ("tax_minor__gte", 0),
                            (
                                "amount_minor__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("shipping_minor"), "+", models.F("tax_minor")
                                    ),
                                    "+",
                                    models.F("money_minor"),
                                ),
                            ),
                        ),
                        name="commerce_return_parts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("what", models.CharField(max_length=12)),
                ("at", models.DateTimeField()),
                ("before_minor", models.BigIntegerField(null=True)),
                ("after_minor", models.BigIntegerField(null=True)),
                ("source", models.CharField(max_length=120)),
                ("delivery", models.CharField(db_default="", default="", max_length=200)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.order",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_order_change",
                "indexes": [models.Index(fields=["order", "id"], name="commerce_order_change_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "what__in",
                                (
                                    "placed",
                                    "drafted",
                                    "edited",
                                    "part_paid",
                                    "paid",
                                    "unpaid",
                                    "refunded",
                                    "completed",
                                    "cancelled",
                                    "reopened",
                                    "tested",
                                    "shipped",
                                    "ready",
                                    "delivered",
                                    "collected",
                                ),
                            )
                        ),
                        name="commerce_order_change_what",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("namespace", models.CharField(max_length=64)),
                ("ref", models.CharField(max_length=200)),
                ("title", models.CharField(db_default="", default="", max_length=300)),
                ("category", models.CharField(db_default="", default="", max_length=200)),
                ("brand", models.CharField(db_default="", default="", max_length=120)),
                ("status", models.CharField(db_default="active", default="active", max_length=12)),
                ("titles", models.JSONField(db_default={}, default=dict)),
                ("attributes", models.JSONField(db_default={}, default=dict)),
                ("told_at", models.DateTimeField(null=True)),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
            ],
            options={
                "db_table": "commerce_product",
                "indexes": [models.Index(fields=["changed_xid"], name="commerce_product_changed")],
                "constraints": [
                    models.UniqueConstraint(fields=("namespace", "ref"), name="commerce_product_ref"),
                    models.CheckConstraint(
                        condition=models.Q(("ref", ""), _negated=True), name="commerce_product_has_ref"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("active", "draft", "discontinued"))),
                        name="commerce_product_status",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                ("unit_price", models.DecimalField(decimal_places=6, max_digits=18)),
                ("amount_minor", models.BigIntegerField()),
                ("discount_minor", models.BigIntegerField()),
                ("returned_quantity", models.DecimalField(db_default=0, decimal_places=3, max_digits=18)),
                ("variant_ref", models.CharField(db_default="", default="", max_length=200)),
                ("sku", models.CharField(db_default="", default="", max_length=100)),
                ("tax_minor", models.BigIntegerField(null=True)),
                ("is_gift_card", models.BooleanField(db_default=False, default=False)),
                ("personalisation", models.CharField(db_default="", default="", max_length=200)),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.order",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.product",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_line",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("personalisation", ""),
                            ("personalisation__regex", "^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$"),
                            _connector="OR",
                        ),
                        name="commerce_line_personalisation",
                    ),
                    models.UniqueConstraint(fields=("order", "number"), name="commerce_line_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("returned_quantity__gte", 0),
                            (
                                "returned_quantity__lte",
                                django.db.models.functions.comparison.Greatest(models.F("quantity"), 0),
                            ),
                        ),
                        name="commerce_line_returned",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("of_line", models.IntegerField(null=True)),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                ("unit_price", models.DecimalField(decimal_places=6, max_digits=18)),
                ("amount_minor", models.BigIntegerField()),
                ("matched_quantity", models.DecimalField(db_default=0, decimal_places=3, max_digits=18)),
                ("restock", models.BooleanField(null=True)),
                (
                    "goods_return",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.goodsreturn",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.product",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_return_line",
                "constraints": [
                    models.UniqueConstraint(fields=("goods_return", "number"), name="commerce_return_line_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_minor__gte", 0),
                            ("matched_quantity__gte", 0),
                            ("matched_quantity__lte", models.F("quantity")),
                        ),
                        name="commerce_return_line_matched",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnMatch",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                ("amount_minor", models.BigIntegerField()),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.line"
                    ),
                ),
                (
                    "return_line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.returnline",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_return_match",
                "constraints": [
                    models.UniqueConstraint(fields=("return_line", "line"), name="commerce_return_match_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 0), ("quantity__gt", 0)),
                        name="commerce_return_match_amounts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("namespace", models.CharField(max_length=64)),
                ("ref", models.CharField(max_length=200)),
                ("order_ref", models.CharField(max_length=200)),
                ("mode", models.CharField(max_length=10)),
                ("told_state", models.CharField(max_length=12)),
                ("state", models.CharField(max_length=12)),
                ("carrier", models.CharField(db_default="", default="", max_length=100)),
                ("tracking", models.CharField(db_default="", default="", max_length=200)),
                ("shipped_at", models.DateTimeField(null=True)),
                ("promised_from", models.DateTimeField(null=True)),
                ("promised_until", models.DateTimeField(null=True)),
                ("expected_at", models.DateTimeField(null=True)),
                ("ready_at", models.DateTimeField(null=True)),
                ("arrived_at", models.DateTimeField(null=True)),
                ("told_arrived_at", models.DateTimeField(null=True)),
                ("told_expected_at", models.DateTimeField(null=True)),
                ("origin", models.CharField(max_length=10)),
                ("source_updated_at", models.DateTimeField(null=True)),
                ("version", models.BigIntegerField(null=True)),
                ("fingerprint", models.BinaryField(max_length=16)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "order",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.order"
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.store",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_shipment",
                "indexes": [
                    models.Index(fields=["changed_xid"], name="commerce_shipment_changed"),
                    models.Index(
                        condition=models.Q(("order__isnull", True)),
                        fields=["namespace", "order_ref"],
                        name="commerce_shipment_waiting",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("namespace", "ref"), name="commerce_shipment_ref"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ref", ""), _negated=True), models.Q(("order_ref", ""), _negated=True)
                        ),
                        name="commerce_shipment_has_refs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ("ship", "collect", "same_city", "carry_out"))),
                        name="commerce_shipment_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                (
                                    "pending",
                                    "packed",
                                    "ready",
                                    "on_its_way",
                                    "out",
                                    "attempted",
                                    "delivered",
                                    "collected",
                                    "went_back",
                                    "cancelled",
                                ),
                            ),
                            (
                                "told_state__in",
                                (
                                    "pending",
                                    "packed",
                                    "ready",
                                    "on_its_way",
                                    "out",
                                    "attempted",
                                    "delivered",
                                    "collected",
                                    "went_back",
                                    "cancelled",
                                ),
                            ),
                        ),
                        name="commerce_shipment_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("code", models.CharField(max_length=20)),
                ("expected_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "shipment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.shipment",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_carrier_event",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("shipment", "at", "code", "expected_at"),
                        name="commerce_carrier_event_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "code__in",
                                (
                                    "label_made",
                                    "picked_up",
                                    "in_transit",
                                    "customs",
                                    "delayed",
                                    "estimated",
                                    "out_for_delivery",
                                    "ready_to_collect",
                                    "attempted",
                                    "delivered",
                                    "collected",
                                    "going_back",
                                    "damaged",
                                    "lost",
                                ),
                            )
                        ),
                        name="commerce_carrier_event_code",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShipmentLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("of_line", models.IntegerField()),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                (
                    "shipment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.shipment",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_shipment_line",
                "constraints": [
                    models.UniqueConstraint(fields=("shipment", "of_line"), name="commerce_shipment_line_once"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 0)), name="commerce_shipment_line_quantity"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tender",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ref", models.CharField(max_length=200)),
                ("kind", models.CharField(max_length=12)),
                ("state", models.CharField(max_length=10)),
                ("amount_minor", models.BigIntegerField()),
                ("at", models.DateTimeField(null=True)),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.order",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_tender",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "ref"), name="commerce_tender_once"),
                    models.CheckConstraint(
                        condition=models.Q(("ref", ""), _negated=True), name="commerce_tender_has_ref"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ("card", "cash", "wallet", "bank", "gift_card", "store_credit", "points", "other"),
                            )
                        ),
                        name="commerce_tender_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("pending", "captured", "failed", "voided", "dropped"))),
                        name="commerce_tender_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor", 0), ("state", "dropped")),
                            models.Q(models.Q(("state", "dropped"), _negated=True), ("amount_minor__gte", 0)),
                            _connector="OR",
                        ),
                        name="commerce_tender_amount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("namespace", models.CharField(max_length=64)),
                ("ref", models.CharField(max_length=200)),
                ("sku", models.CharField(db_default="", default="", max_length=100)),
                ("barcode", models.CharField(db_default="", default="", max_length=64)),
                ("gtin", models.CharField(max_length=14, null=True)),
                ("title", models.CharField(db_default="", default="", max_length=300)),
                ("options", models.JSONField(db_default={}, default=dict)),
                ("attributes", models.JSONField(db_default={}, default=dict)),
                ("status", models.CharField(db_default="active", default="active", max_length=12)),
                ("told_at", models.DateTimeField(null=True)),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.product"
                    ),
                ),
            ],
            options={
                "db_table": "commerce_variant",
                "indexes": [
                    models.Index(fields=["changed_xid"], name="commerce_variant_changed"),
                    models.Index(
                        condition=models.Q(("gtin__isnull", False)), fields=["gtin"], name="commerce_variant_gtin"
                    ),
                    models.Index(
                        condition=models.Q(("sku", ""), _negated=True), fields=["sku"], name="commerce_variant_sku"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("namespace", "ref"), name="commerce_variant_ref"),
                    models.CheckConstraint(
                        condition=models.Q(("ref", ""), _negated=True), name="commerce_variant_has_ref"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("gtin__regex", "^[0-9]{14}$")), name="commerce_variant_gtin_digits"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("active", "draft", "discontinued"))),
                        name="commerce_variant_status",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                ("list_minor", models.BigIntegerField()),
                ("sale_minor", models.BigIntegerField(null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("is_withdrawn", models.BooleanField(db_default=False, default=False)),
                ("source", models.CharField(max_length=64)),
                ("told_at", models.DateTimeField()),
                ("origin", models.CharField(max_length=10)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.channel",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.store",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.product",
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.variant",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_price",
                "indexes": [models.Index(fields=["changed_xid"], name="commerce_price_changed")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product", "currency", "valid_from", "variant", "store", "channel", "told_at"),
                        name="commerce_price_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("store", None), ("channel", None), _connector="OR"),
                        name="commerce_price_one_place",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="commerce_price_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("list_minor__gte", 0),
                            models.Q(("sale_minor", None), ("sale_minor__gte", 0), _connector="OR"),
                        ),
                        name="commerce_price_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None), ("valid_until__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="commerce_price_window",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ("live", "history"))), name="commerce_price_origin"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Part",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                (
                    "bundle",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.variant",
                    ),
                ),
                (
                    "part",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.variant"
                    ),
                ),
            ],
            options={
                "db_table": "commerce_part",
                "constraints": [
                    models.UniqueConstraint(fields=("bundle", "part"), name="commerce_part_once"),
                    models.CheckConstraint(
                        condition=models.Q(("bundle", models.F("part")), _negated=True), name="commerce_part_of_another"
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="commerce_part_quantity"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Category",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=200, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("titles", models.JSONField(db_default={}, default=dict)),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.category",
                        to_field="path",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_category",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("name", ""), _negated=True), models.Q(("path", ""), _negated=True)
                        ),
                        name="commerce_category_has_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Stock",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "variant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.variant",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="company.store",
                    ),
                ),
                ("on_hand", models.DecimalField(decimal_places=3, max_digits=18)),
                ("held", models.DecimalField(db_default=0, decimal_places=3, default=0, max_digits=18)),
                ("told", models.DecimalField(decimal_places=3, max_digits=18)),
                ("told_at", models.DateTimeField()),
                ("version", models.BigIntegerField(null=True)),
                ("may_oversell", models.BooleanField(db_default=False, default=False)),
                ("source", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
            ],
            options={
                "db_table": "commerce_stock",
                "indexes": [
                    models.Index(fields=["changed_xid"], name="commerce_stock_changed"),
                    models.Index(fields=["store", "variant"], name="commerce_stock_store"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("variant", "store"), name="commerce_stock_once"),
                    models.CheckConstraint(condition=models.Q(("held__gte", 0)), name="commerce_stock_held"),
                ],
            },
        ),
        migrations.CreateModel(
            name="HoldLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=18)),
                (
                    "hold",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.hold",
                    ),
                ),
                (
                    "stock",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="commerce.stock"
                    ),
                ),
            ],
            options={
                "db_table": "commerce_hold_line",
                "constraints": [
                    models.UniqueConstraint(fields=("hold", "stock"), name="commerce_hold_line_once"),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="commerce_hold_line_quantity"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("why", models.CharField(max_length=10)),
                ("change", models.DecimalField(decimal_places=3, max_digits=18)),
                ("on_hand", models.DecimalField(decimal_places=3, max_digits=18)),
                ("at", models.DateTimeField()),
                ("source", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "stock",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.stock",
                    ),
                ),
            ],
            options={
                "db_table": "commerce_stock_movement",
                "indexes": [models.Index(fields=["stock", "-id"], name="commerce_stock_movement_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("why__in", ("told", "captured"))), name="commerce_stock_movement_why"
                    )
                ],
            },
        ),
        StampsChanges("commerce_product"),
        StampsChanges("commerce_order"),
        StampsChanges("commerce_return"),
        AppendOnly("commerce_price"),
        StampsChanges("commerce_variant"),
        AppendOnly("commerce_stock_movement"),
        StampsChanges("commerce_stock"),
        # Nobody is promised what is not there. A level that its source tells lower than what is held stays possible.
        migrations.RunSQL(
            """
            CREATE FUNCTION commerce_stock_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.held > NEW.on_hand AND NOT NEW.may_oversell THEN
                    RAISE EXCEPTION 'stock % has % and % would be held', NEW.id, NEW.on_hand, NEW.held
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'commerce_stock_is_there';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER commerce_stock_is_there BEFORE UPDATE OF held ON commerce_stock FOR EACH ROW
                WHEN (NEW.held > OLD.held) EXECUTE FUNCTION commerce_stock_is_there();
            """,
            "DROP TRIGGER commerce_stock_is_there ON commerce_stock; DROP FUNCTION commerce_stock_is_there();",
        ),
        AppendOnly("commerce_order_change"),
        AppendOnly("commerce_carrier_event"),
        StampsChanges("commerce_shipment"),
    ]
