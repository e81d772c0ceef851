"""Where facts come from: files, keys, sources of events, connections to shops."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import regulars.runtime.database.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, unique=True)),
                ("prefix", models.CharField(max_length=16)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("may", models.JSONField()),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_on", models.DateField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sources_api_key",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("made_at"))), name="sources_api_key_expires"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("kind", models.CharField(max_length=12)),
                ("namespace", models.CharField(max_length=64)),
                ("zone", models.CharField(max_length=60)),
                ("settings", models.JSONField(default=dict)),
                ("credentials", models.BinaryField()),
                ("credentials_before", models.BinaryField(null=True)),
                ("before_until", models.DateTimeField(null=True)),
                ("kept", models.BinaryField(null=True)),
                ("state", models.CharField(default="on", max_length=10)),
                ("state_why", models.CharField(blank=True, default="", max_length=30)),
                ("heard_at", models.DateTimeField(null=True)),
                ("refused_at", models.DateTimeField(null=True)),
                ("refused_why", models.CharField(blank=True, default="", max_length=30)),
                ("made_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sources_connection",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ("shopify", "woocommerce", "youzan", "medusa", "generic", "folder"))
                        ),
                        name="sources_connection_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("on", "paused", "retired"))), name="sources_connection_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("before_until", None), ("credentials_before", None)),
                            models.Q(("before_until__isnull", False), ("credentials_before__isnull", False)),
                            _connector="OR",
                        ),
                        name="sources_connection_before",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "retired"), _negated=True),
                        fields=("namespace",),
                        name="sources_connection_namespace",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=20)),
                ("file_name", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("mapping", models.CharField(blank=True, default="", max_length=120)),
                ("state", models.CharField(default="running", max_length=12)),
                ("rows_expected", models.BigIntegerField(null=True)),
                ("rows_read", models.BigIntegerField(default=0)),
                ("rows_good", models.BigIntegerField(default=0)),
                ("rejects", models.BigIntegerField(default=0)),
                ("rejects_file", models.CharField(blank=True, default="", max_length=1024)),
                ("totals", models.JSONField(default=dict)),
                ("came", models.JSONField(db_default={}, default=dict)),
                ("problem", models.CharField(blank=True, default="", max_length=500)),
                ("problem_code", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("problem_facts", models.JSONField(db_default={}, default=dict)),
                ("by_kind", models.CharField(max_length=20)),
                ("by_id", models.CharField(max_length=80)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sources_import_run",
                "indexes": [
                    models.Index(fields=["-started_at", "-id"], name="sources_import_run_recent"),
                    models.Index(fields=["source", "kind", "digest"], name="sources_import_run_file"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("running", "done", "failed", "interrupted"))),
                        name="sources_import_run_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state", "running")),
                            models.Q(models.Q(("state", "running"), _negated=True), ("finished_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="sources_import_run_finished",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rejects__gte", 0), ("rows_good__gte", 0), ("rows_read__gte", 0)),
                        name="sources_import_run_counts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")), name="sources_import_run_digest"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("namespace", models.CharField(max_length=64)),
                ("zone", models.CharField(max_length=60)),
                ("is_order_feed", models.BooleanField(default=False)),
                ("plan", models.CharField(default="learning", max_length=10)),
                ("learns_until", models.DateTimeField()),
                (
                    "plan_version",
                    models.UUIDField(db_default=regulars.runtime.database.fields.RandomUuid(), editable=False),
                ),
                ("made_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "sources_source",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("web", "app", "server", "till", "other"))),
                        name="sources_source_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("plan__in", ("learning", "watching", "blocking"))),
                        name="sources_source_plan",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UnknownKeys",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("count", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "db_table": "sources_unknown_keys",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("count__gte", 0)), name="sources_unknown_keys_count")
                ],
            },
        ),
        migrations.CreateModel(
            name="Cursor",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("stream", models.CharField(max_length=30)),
                ("walk", models.CharField(blank=True, default="", max_length=10)),
                ("walk_since", models.DateTimeField(null=True)),
                ("walk_until", models.DateTimeField(null=True)),
                ("walk_cursor", models.TextField(blank=True, default="")),
                ("walk_seen", models.BigIntegerField(default=0)),
                ("walk_news", models.BigIntegerField(default=0)),
                ("walk_began_at", models.DateTimeField(null=True)),
                ("expected", models.BigIntegerField(null=True)),
                ("seen_until", models.DateTimeField(null=True)),
                ("backfilled_at", models.DateTimeField(null=True)),
                ("backfilled", models.BigIntegerField(default=0)),
                ("gaps_found", models.BigIntegerField(default=0)),
                ("gaps_mended", models.BigIntegerField(default=0)),
                ("gap_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("problem_why", models.CharField(blank=True, default="", max_length=300)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0)),
                ("rest_until", models.DateTimeField(null=True)),
                ("claim", models.UUIDField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.connection",
                    ),
                ),
            ],
            options={
                "db_table": "sources_cursor",
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "stream"), name="sources_cursor_once"),
                    models.CheckConstraint(
                        condition=models.Q(("walk__in", ("", "backfill", "poll"))), name="sources_cursor_walk"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("walk", ""), ("walk_until", None)),
                            models.Q(models.Q(("walk", ""), _negated=True), ("walk_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="sources_cursor_walking",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("gaps_found__gte", 0),
                            ("gaps_mended__gte", 0),
                            ("walk_news__gte", 0),
                            ("walk_seen__gte", 0),
                        ),
                        name="sources_cursor_counts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=64)),
                ("topic", models.CharField(blank=True, default="", max_length=120)),
                ("headers", models.JSONField(default=dict)),
                ("sealed_for", models.IntegerField()),
                ("sealed", models.BinaryField(null=True)),
                ("size", models.IntegerField()),
                ("told_at", models.DateTimeField(null=True)),
                ("arrived_at", models.DateTimeField()),
                ("repeats", models.IntegerField(default=0)),
                ("repeated_at", models.DateTimeField(null=True)),
                ("state", models.CharField(default="waiting", max_length=14)),
                ("code", models.CharField(blank=True, default="", max_length=60)),
                ("why", models.CharField(blank=True, default="", max_length=300)),
                ("tries", models.IntegerField(default=0)),
                ("came", models.JSONField(default=dict)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.connection",
                    ),
                ),
            ],
            options={
                "db_table": "sources_delivery",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["connection", "id"],
                        name="sources_delivery_waiting",
                    ),
                    models.Index(fields=["connection", "state", "-id"], name="sources_delivery_state"),
                    models.Index(fields=["arrived_at"], name="sources_delivery_arrived"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "key"), name="sources_delivery_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ("waiting", "done", "repeated", "not_understood", "set_aside"))
                        ),
                        name="sources_delivery_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at", None), ("state", "waiting")),
                            models.Q(models.Q(("state", "waiting"), _negated=True), ("settled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="sources_delivery_settled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PrivacyRequest",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=14)),
                ("ref", models.CharField(blank=True, default="", max_length=200)),
                ("key", models.CharField(max_length=120)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("how", models.CharField(blank=True, default="", max_length=200)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.connection",
                    ),
                ),
            ],
            options={
                "db_table": "sources_privacy_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at", None)), fields=["due_at"], name="sources_privacy_request_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "key"), name="sources_privacy_request_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("data_request", "redact", "shop_redact"))),
                        name="sources_privacy_request_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Quarantined",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=40)),
                ("field", models.CharField(blank=True, max_length=60)),
                ("why", models.CharField(max_length=300)),
                ("message_id", models.CharField(blank=True, db_collation="C", max_length=200)),
                ("kind", models.CharField(blank=True, max_length=200)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("sealed_for", models.BigIntegerField()),
                ("sealed", models.BinaryField()),
                ("arrived_at", models.DateTimeField()),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_quarantined",
                "indexes": [
                    models.Index(fields=["source", "state", "-id"], name="sources_quarantined_source"),
                    models.Index(fields=["state", "-id"], name="sources_quarantined_state"),
                    models.Index(fields=["message_id"], name="sources_quarantined_message"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "replayed", "discarded"))),
                        name="sources_quarantined_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at", None), ("state", "waiting")),
                            models.Q(models.Q(("state", "waiting"), _negated=True), ("settled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="sources_quarantined_settled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Observed",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("call", models.CharField(max_length=10)),
                ("name", models.CharField(db_collation="C", max_length=200)),
                ("path", models.CharField(db_collation="C", max_length=200)),
                ("kind", models.CharField(max_length=12)),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("example", models.BigIntegerField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_observed",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "call", "name", "path", "kind"), name="sources_observed_once"
                    ),
                    models.CheckConstraint(condition=models.Q(("count__gte", 1)), name="sources_observed_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Expectation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("call", models.CharField(max_length=10)),
                ("name", models.CharField(db_collation="C", max_length=200)),
                ("path", models.CharField(db_collation="C", max_length=200)),
                ("presence", models.CharField(max_length=10)),
                ("kinds", models.JSONField(default=list)),
                ("is_by_hand", models.BooleanField()),
                ("changed_at", models.DateTimeField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_expectation",
                "constraints": [
                    models.UniqueConstraint(fields=("source", "call", "name", "path"), name="sources_expectation_once"),
                    models.CheckConstraint(
                        condition=models.Q(("presence__in", ("required", "optional", "forbidden"))),
                        name="sources_expectation_presence",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Deviation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=24)),
                ("call", models.CharField(max_length=10)),
                ("name", models.CharField(db_collation="C", max_length=200)),
                ("path", models.CharField(db_collation="C", max_length=200)),
                ("said", models.CharField(max_length=200)),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("example", models.BigIntegerField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_deviation",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "day", "code", "call", "name", "path", "said"), name="sources_deviation_once"
                    ),
                    models.CheckConstraint(condition=models.Q(("count__gte", 1)), name="sources_deviation_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=10)),
                ("since_at", models.DateTimeField()),
                ("raised_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("facts", models.JSONField(default=dict)),
                ("noted_at", models.DateTimeField(null=True)),
                ("was_meant", models.BooleanField(default=False)),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_alarm",
                "indexes": [models.Index(fields=["source", "-id"], name="sources_alarm_source")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("source", "kind"), name="sources_alarm_open"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("silence", "plan"))), name="sources_alarm_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at", None), ("ended_at__gte", models.F("since_at")), _connector="OR"
                        ),
                        name="sources_alarm_ended",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Traffic",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("verdict", models.CharField(max_length=12)),
                ("count", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
            ],
            options={
                "db_table": "sources_traffic",
                "constraints": [
                    models.UniqueConstraint(fields=("source", "hour", "verdict"), name="sources_traffic_once"),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ("accepted", "duplicate", "conflict", "rejected"))),
                        name="sources_traffic_verdict",
                    ),
                    models.CheckConstraint(condition=models.Q(("count__gte", 0)), name="sources_traffic_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WriteKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("prefix", models.CharField(max_length=16)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("kinds", models.JSONField()),
                ("per_second", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="sources.source"
                    ),
                ),
            ],
            options={
                "db_table": "sources_write_key",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("per_second__gte", 1)), name="sources_write_key_rate")
                ],
            },
        ),
    ]
