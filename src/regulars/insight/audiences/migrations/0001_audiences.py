"""Audiences, what they ask, who is in them, and how everybody came and went."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import AppendOnly


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0017_descriptions_compared"),
    ]

    operations = [
        migrations.CreateModel(
            name="Audience",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("meaning", models.CharField(blank=True, max_length=300)),
                ("ready_made", models.CharField(db_collation="C", max_length=40, null=True, unique=True)),
                ("definition", models.IntegerField()),
                ("archived_at", models.DateTimeField(null=True)),
                ("members", models.BigIntegerField(db_default=0)),
                ("cuts", models.JSONField(db_default={})),
                ("filled_at", models.DateTimeField(null=True)),
                ("filled_with", models.IntegerField(null=True)),
                ("problem", models.CharField(db_default="", max_length=300)),
                ("made_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "audiences_audience",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("archived_at", None)), fields=("name",), name="audiences_audience_name"
                    ),
                    models.CheckConstraint(condition=models.Q(("members__gte", 0)), name="audiences_audience_members"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Touched",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("customer", models.BigIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "audiences_touched",
                "indexes": [models.Index(fields=["at"], name="audiences_touched_at")],
            },
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("entered", models.BooleanField()),
                ("because", models.CharField(max_length=10)),
                ("definition", models.IntegerField()),
                ("evidence", models.JSONField(null=True)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "audience",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.audience",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "audiences_change",
                "indexes": [
                    models.Index(fields=["audience", "-id"], name="audiences_change_audience"),
                    models.Index(fields=["customer", "-id"], name="audiences_change_customer"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("because__in", ("facts", "time", "joined", "refreshed", "proof"))),
                        name="audiences_change_because",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Definition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("condition", models.JSONField()),
                ("key", models.CharField(db_collation="C", max_length=160, unique=True)),
                ("told", models.BinaryField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=100)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "audience",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.audience",
                    ),
                ),
            ],
            options={
                "db_table": "audiences_definition",
                "constraints": [
                    models.UniqueConstraint(fields=("audience", "number"), name="audiences_definition_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Due",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "audience_id", "customer_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("due_at", models.DateTimeField()),
                (
                    "audience",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="audiences.audience",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "audiences_due",
                "indexes": [
                    models.Index(fields=["due_at"], name="audiences_due_at"),
                    models.Index(fields=["customer"], name="audiences_due_customer"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "audience_id", "customer_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("since_at", models.DateTimeField()),
                ("evidence", models.JSONField(null=True)),
                (
                    "audience",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.audience",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "audiences_member",
                "indexes": [models.Index(fields=["customer", "audience"], name="audiences_member_customer")],
            },
        ),
        migrations.CreateModel(
            name="Proof",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("compared", models.BigIntegerField()),
                ("missing", models.BigIntegerField()),
                ("wrongly_in", models.BigIntegerField()),
                (
                    "audience",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audiences.audience",
                    ),
                ),
            ],
            options={
                "db_table": "audiences_proof",
                "indexes": [models.Index(fields=["audience", "-id"], name="audiences_proof_audience")],
            },
        ),
        AppendOnly("audiences_definition"),
    ]
