"""What goes out: messages to endpoints, exports, rights written to shops."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

import regulars.runtime.database.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0001_customers_and_identifiers"),
        ("sources", "0001_import_runs"),
    ]

    operations = [
        migrations.CreateModel(
            name="Writing",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="sources.connection",
                    ),
                ),
                ("codes", models.BooleanField()),
                ("attributes", models.BooleanField()),
                ("problem", models.CharField(blank=True, default="", max_length=60)),
                ("problem_why", models.CharField(blank=True, default="", max_length=300)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0)),
                ("rest_until", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "outbound_writing",
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("url", models.CharField(max_length=2000)),
                ("description", models.CharField(blank=True, default="", max_length=200)),
                ("kinds", models.JSONField(default=list)),
                ("wants_history", models.BooleanField(default=False)),
                ("secret", models.BinaryField()),
                ("secret_before", models.BinaryField(null=True)),
                ("before_until", models.DateTimeField(null=True)),
                ("state", models.CharField(default="on", max_length=10)),
                ("state_why", models.CharField(blank=True, default="", max_length=20)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures_in_a_row", models.IntegerField(default=0)),
                ("rest_until", models.DateTimeField(null=True)),
                ("last_success_at", models.DateTimeField(null=True)),
                ("last_try_at", models.DateTimeField(null=True)),
                ("last_took_ms", models.IntegerField(null=True)),
                ("last_status", models.SmallIntegerField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=30)),
                ("replay_position", models.BigIntegerField(null=True)),
                ("replay_until", models.BigIntegerField(null=True)),
                ("made_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "outbound_endpoint",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("on", "paused", "off", "retired"))),
                        name="outbound_endpoint_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("replay_position", None), ("replay_until", None)),
                            models.Q(("replay_position__isnull", False), ("replay_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="outbound_endpoint_replay",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("before_until", None), ("secret_before", None)),
                            models.Q(("before_until__isnull", False), ("secret_before__isnull", False)),
                            _connector="OR",
                        ),
                        name="outbound_endpoint_before",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    models.UUIDField(
                        db_default=regulars.runtime.database.fields.RandomUuid(), editable=False, unique=True
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("tables", models.JSONField()),
                ("kind", models.CharField(max_length=10)),
                ("round", models.CharField(max_length=10)),
                ("hour", models.SmallIntegerField()),
                ("weekday", models.SmallIntegerField()),
                ("day", models.SmallIntegerField()),
                ("keep", models.SmallIntegerField()),
                ("state", models.CharField(default="on", max_length=10)),
                ("due_at", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "outbound_export",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("on", "paused", "retired"))), name="outbound_export_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("csv", "parquet"))), name="outbound_export_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("round__in", ("hourly", "daily", "weekly", "monthly"))),
                        name="outbound_export_round",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("day__range", (1, 31)),
                            ("hour__range", (0, 23)),
                            ("keep__gte", 1),
                            ("weekday__range", (1, 7)),
                        ),
                        name="outbound_export_clock",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WantedAttributes",
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
                ("told", models.JSONField()),
                ("version", models.BigIntegerField(default=1)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "outbound_wanted_attributes",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="outbound_wanted_attributes_version"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WantedCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=120, unique=True)),
                ("code", models.CharField(max_length=60)),
                ("terms", models.JSONField()),
                ("is_active", models.BooleanField(default=True)),
                ("version", models.BigIntegerField(default=1)),
                ("wanted_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "customer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
            options={
                "db_table": "outbound_wanted_code",
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Upper("code"),
                        condition=models.Q(("is_active", True)),
                        name="outbound_wanted_code_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="outbound_wanted_code_version"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Right",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("ref", models.CharField(blank=True, default="", max_length=200)),
                ("state", models.CharField(default="waiting", max_length=12)),
                ("version", models.BigIntegerField(default=0)),
                ("remote", models.CharField(blank=True, default="", max_length=200)),
                ("attempts", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("claim", models.UUIDField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=60)),
                ("error_why", models.CharField(blank=True, default="", max_length=300)),
                ("written_at", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("drifts", models.IntegerField(default=0)),
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
                (
                    "attributes",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outbound.wantedattributes",
                    ),
                ),
                (
                    "code",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outbound.wantedcode",
                    ),
                ),
            ],
            options={
                "db_table": "outbound_right",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["connection", "due_at"],
                        name="outbound_right_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "written")),
                        fields=["connection", "checked_at"],
                        name="outbound_right_seen",
                    ),
                    models.Index(fields=["connection", "state", "-id"], name="outbound_right_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("code", None), _negated=True),
                        fields=("connection", "code"),
                        name="outbound_right_code",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ref", ""), _negated=True),
                        fields=("connection", "ref"),
                        name="outbound_right_ref",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "written", "refused", "unsupported", "dropped"))),
                        name="outbound_right_states",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("attributes", None), ("code__isnull", False), ("ref", "")),
                            models.Q(("code", None), models.Q(("ref", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="outbound_right_of_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("claim", None), ("claimed_until", None)),
                            models.Q(("claim__isnull", False), ("claimed_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="outbound_right_claimed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attempts__gte", 0), ("drifts__gte", 0)), name="outbound_right_attempts"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("notice", models.BigIntegerField(null=True)),
                ("message_id", models.CharField(max_length=40)),
                ("kind", models.CharField(max_length=80)),
                ("subject", models.CharField(max_length=120)),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("attempts", models.IntegerField(default=0)),
                ("wanted_at", models.DateTimeField()),
                ("tried_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("status", models.SmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=30)),
                ("tries", models.JSONField(default=list)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outbound.endpoint",
                    ),
                ),
            ],
            options={
                "db_table": "outbound_delivery",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["endpoint", "subject", "notice", "id"],
                        name="outbound_delivery_queue",
                    ),
                    models.Index(fields=["endpoint", "-id"], name="outbound_delivery_recent"),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", False)),
                        fields=["ended_at"],
                        name="outbound_delivery_past",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint", "notice"), name="outbound_delivery_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "delivered", "given_up", "set_aside"))),
                        name="outbound_delivery_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "waiting")),
                            models.Q(models.Q(("state", "waiting"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="outbound_delivery_ended",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("wanted_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("folder", models.CharField(blank=True, default="", max_length=200)),
                ("files", models.JSONField(default=list)),
                ("problem", models.CharField(blank=True, default="", max_length=200)),
                (
                    "export",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outbound.export",
                    ),
                ),
            ],
            options={
                "db_table": "outbound_export_run",
                "indexes": [models.Index(fields=["export", "-id"], name="outbound_export_run_recent")],
                "constraints": [
                    models.UniqueConstraint(fields=("export", "key"), name="outbound_export_run_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "running", "done", "failed"))),
                        name="outbound_export_run_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", False), ("state__in", ("done", "failed"))),
                            models.Q(("finished_at", None), ("state__in", ("waiting", "running"))),
                            _connector="OR",
                        ),
                        name="outbound_export_run_finished",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Lane",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subject", models.CharField(max_length=120)),
                ("due_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(null=True)),
                ("claim", models.UUIDField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outbound.endpoint",
                    ),
                ),
            ],
            options={
                "db_table": "outbound_lane",
                "indexes": [models.Index(fields=["endpoint", "due_at"], name="outbound_lane_due")],
                "constraints": [models.UniqueConstraint(fields=("endpoint", "subject"), name="outbound_lane_once")],
            },
        ),
    ]
