"""Events by month, who they are of, and the orders they tell."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

_TABLE = """
CREATE SEQUENCE events_batch_number;
CREATE TABLE events_event (
    id bigint NOT NULL,
    source bigint NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 6),
    name text COLLATE "C" NOT NULL CHECK (length(name) <= 200),
    visitor uuid NOT NULL,
    device uuid,
    user_ref text COLLATE "C" CHECK (user_ref NOT LIKE '%@%'),
    device_ref text COLLATE "C" CHECK (device_ref NOT LIKE '%@%'),
    message_id text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    original_at timestamptz,
    sent_at timestamptz,
    received_at timestamptz NOT NULL,
    why_then smallint NOT NULL,
    origin text COLLATE "C" NOT NULL CHECK (origin IN ('live', 'history')),
    data jsonb NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_event_visitor ON events_event (visitor, occurred_at);

-- Months are partitions. The app's role owns no table, so it asks these two to make and to drop one.
CREATE FUNCTION events_make_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', day);
    name text := 'events_event_' || to_char(first, 'YYYY_MM');
BEGIN
    IF day < DATE '2000-01-01' OR day > (now() + interval '2 days')::date THEN
        RAISE EXCEPTION 'events: % is no month events are kept of', day USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(7265, 0);
    IF to_regclass('public.' || name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.events_event FOR VALUES FROM (%L) TO (%L)',
            name, first || ' 00:00:00+00', (first + interval '1 month')::date || ' 00:00:00+00'
        );
    END IF;
END $$;
CREATE FUNCTION events_drop_month(day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := 'events_event_' || to_char(date_trunc('month', day), 'YYYY_MM');
    is_empty boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(7265, 0);
    IF to_regclass('public.' || name) IS NULL THEN
        RETURN false;
    END IF;
    -- Nobody may add to it between the look and the end of it.
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', name);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM public.%I)', name) INTO is_empty;
    IF NOT is_empty THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION events_make_month(date), events_drop_month(date) FROM PUBLIC;
"""
_UNDO = """
DROP FUNCTION events_drop_month(date);
DROP FUNCTION events_make_month(date);
DROP TABLE events_event;
DROP SEQUENCE events_batch_number;
"""


def _keep_as_recorded(apps, schema_editor):
    """Events are added, read, and removed when their time is up; what they say is never changed."""
    app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    schema_editor.execute(f"REVOKE UPDATE, TRUNCATE ON events_event FROM {app}")
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON events_seen FROM {app}")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("commerce", "0001_products_orders_and_returns"),
        ("customers", "0001_customers_and_identifiers"),
    ]

    operations = [
        migrations.RunSQL(_TABLE, _UNDO),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("events", models.IntegerField()),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "events_batch",
            },
        ),
        migrations.CreateModel(
            name="Reader",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_reader",
            },
        ),
        migrations.CreateModel(
            name="Seen",
            fields=[
                ("key", models.UUIDField(primary_key=True, serialize=False)),
                ("content", models.BigIntegerField()),
                ("event", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_seen",
            },
        ),
        migrations.CreateModel(
            name="Swept",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("rules", models.CharField(max_length=64)),
                ("upto", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_swept",
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=8)),
                ("visitor", models.UUIDField()),
                ("other", models.UUIDField()),
                ("event", models.BigIntegerField()),
                ("contradicts", models.BooleanField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "events_evidence",
                "constraints": [
                    models.UniqueConstraint(fields=("visitor", "other", "kind"), name="events_evidence_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("together", "alias"))), name="events_evidence_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("visitor", models.F("other")), _negated=True), name="events_evidence_two"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hidden",
            fields=[
                ("event", models.BigIntegerField(primary_key=True, serialize=False)),
                ("visitor", models.UUIDField()),
                ("sealed_for", models.BigIntegerField()),
                ("sealed", models.BinaryField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "events_hidden",
                "indexes": [
                    models.Index(fields=["visitor", "event"], name="events_hidden_visitor"),
                    models.Index(
                        condition=models.Q(("sealed_for__lt", 0)), fields=["sealed_for"], name="events_hidden_of_nobody"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Kept",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.SmallIntegerField()),
                ("name", models.CharField(blank=True, db_collation="C", max_length=200)),
                ("months", models.IntegerField()),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "events_kept",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "name"), name="events_kept_once"),
                    models.CheckConstraint(condition=models.Q(("kind__range", (1, 6))), name="events_kept_kind"),
                    models.CheckConstraint(condition=models.Q(("months__range", (1, 240))), name="events_kept_months"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Parked",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reader", models.CharField(max_length=60)),
                ("event", models.BigIntegerField()),
                ("is_note", models.BooleanField()),
                ("problem", models.CharField(max_length=300)),
                ("parked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "events_parked",
                "constraints": [
                    models.UniqueConstraint(fields=("reader", "event", "is_note"), name="events_parked_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderEvent",
            fields=[
                ("event", models.BigIntegerField(primary_key=True, serialize=False)),
                ("source", models.BigIntegerField()),
                ("namespace", models.CharField(db_collation="C", max_length=64)),
                ("name", models.CharField(max_length=40)),
                ("ref", models.CharField(blank=True, db_collation="C", max_length=200)),
                ("user_ref", models.CharField(db_collation="C", max_length=200, null=True)),
                ("is_user_hidden", models.BooleanField()),
                ("occurred_at", models.DateTimeField()),
                ("origin", models.CharField(max_length=8)),
                ("told", models.TextField()),
                ("state", models.CharField(max_length=12)),
                ("code", models.CharField(db_default="", default="", max_length=40)),
                ("why", models.CharField(db_default="", default="", max_length=300)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="commerce.order",
                    ),
                ),
            ],
            options={
                "db_table": "events_order_event",
                "indexes": [
                    models.Index(fields=["namespace", "ref"], name="events_order_event_ref"),
                    models.Index(fields=["state", "-event"], name="events_order_event_open"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("applied", "waiting", "failed", "set_aside"))),
                        name="events_order_event_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user_ref", None), models.Q(("user_ref__contains", "@"), _negated=True), _connector="OR"
                        ),
                        name="events_order_event_user",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Visitor",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("namespace", models.CharField(db_collation="C", max_length=64)),
                ("kind", models.CharField(max_length=8)),
                ("ref", models.CharField(db_collation="C", max_length=200, null=True)),
                ("linked_at", models.DateTimeField(null=True)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("events", models.BigIntegerField()),
                ("counts", models.JSONField()),
                ("products", models.JSONField()),
                ("traits", models.JSONField(db_default={})),
                ("last_source", models.BigIntegerField()),
                ("is_shared", models.BooleanField(db_default=False)),
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
                "db_table": "events_visitor",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("user", "device"))), name="events_visitor_kind"
                    ),
                    models.CheckConstraint(condition=models.Q(("events__gte", 0)), name="events_visitor_events"),
                    models.CheckConstraint(
                        condition=models.Q(("last_seen_at__gte", models.F("first_seen_at"))), name="events_visitor_seen"
                    ),
                ],
            },
        ),
        migrations.RunPython(_keep_as_recorded, migrations.RunPython.noop),
    ]
