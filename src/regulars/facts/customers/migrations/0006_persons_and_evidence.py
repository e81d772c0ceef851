#

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import AppendOnly


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0005_consent_and_preferences"),
    ]

    operations = [
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
            ],
            options={
                "db_table": "customers_decision",
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
            ],
            options={
                "db_table": "customers_link",
            },
        ),
        migrations.CreateModel(
            name="Moved",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "customers_moved",
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
                ("opened_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "customers_review",
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
        migrations.AddField(
            model_name="customer",
            name="joined_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="customer",
            name="person",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("person__isnull", False)), fields=["person", "id"], name="customers_customer_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("joined_at", None), ("person", None)),
                    models.Q(("joined_at__isnull", False), ("person__lt", models.F("id"))),
                    _connector="OR",
                ),
                name="customers_customer_joined",
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="one",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="other",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="link",
            name="record",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="link",
            name="revokes",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.link"
            ),
        ),
        migrations.AddField(
            model_name="moved",
            name="after",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="moved",
            name="before",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="moved",
            name="record",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="moved",
            name="regrouping",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.regrouping"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="one",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="other",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["one", "other"], name="customers_decision_pair"),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("one__lt", models.F("other"))), name="customers_decision_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", ("join", "apart", "open"))), name="customers_decision_verdict"
            ),
        ),
        migrations.AddIndex(
            model_name="link",
            index=models.Index(fields=["kind", "namespace", "digest"], name="customers_link_identifier"),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.CheckConstraint(
                condition=models.Q(("value", None), models.Q(("value__contains", "@"), _negated=True), _connector="OR"),
                name="customers_link_no_address",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["state", "-id"], name="customers_review_state"),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["one"], name="customers_review_one"),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(
                fields=("one", "other", "kind", "digest"), name="customers_review_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("one__lt", models.F("other"))), name="customers_review_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("open", "joined", "apart", "gone"))), name="customers_review_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("score", None), models.Q(("score__gte", 0), ("score__lte", 1)), _connector="OR"),
                name="customers_review_score",
            ),
        ),
        *(
            AppendOnly(table)
            for table in (
                "customers_link",
                "customers_decision",
                "customers_regrouping",
                "customers_moved",
                "customers_rules",
            )
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
    ]
