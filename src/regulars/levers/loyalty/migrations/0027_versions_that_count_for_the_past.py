"""A decision becomes another version's in a batch alone, whose row for it is there first."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

STAYS = """
DROP TRIGGER loyalty_earning_stays ON loyalty_earning;
CREATE TRIGGER loyalty_earning_stays BEFORE UPDATE OF subject, programme_id ON loyalty_earning
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_earning_stays();
CREATE FUNCTION loyalty_earning_turns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM loyalty_regrant_order WHERE earning_id = NEW.id AND state IN ('done', 'undone')) THEN
        RAISE EXCEPTION 'loyalty_earning keeps its version' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER loyalty_earning_turns BEFORE UPDATE OF version_id ON loyalty_earning
    FOR EACH ROW WHEN (OLD.version_id <> NEW.version_id) EXECUTE FUNCTION loyalty_earning_turns();
"""
STAYED = """
DROP TRIGGER loyalty_earning_turns ON loyalty_earning;
DROP FUNCTION loyalty_earning_turns();
DROP TRIGGER loyalty_earning_stays ON loyalty_earning;
CREATE TRIGGER loyalty_earning_stays BEFORE UPDATE OF subject, programme_id, version_id ON loyalty_earning
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_earning_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0026_accounts_that_rest"),
    ]

    operations = [
        migrations.CreateModel(
            name="Regrant",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("since_on", models.DateField()),
                ("until_on", models.DateField()),
                ("takes_back", models.BooleanField(db_default=False, default=False)),
                ("state", models.CharField(db_default="looking", default="looking", max_length=10)),
                ("given", models.BigIntegerField(db_default=0, default=0)),
                ("taken", models.BigIntegerField(db_default=0, default=0)),
                ("fewer", models.IntegerField(db_default=0, default=0)),
                ("asked_by", models.CharField(max_length=100)),
                ("asked_behind", models.CharField(db_default="", default="", max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("approved_by", models.CharField(db_default="", default="", max_length=100)),
                ("approved_at", models.DateTimeField(null=True)),
                ("undone_by", models.CharField(db_default="", default="", max_length=100)),
                ("undone_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "programme",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.programme",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.version",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_regrant",
            },
        ),
        migrations.CreateModel(
            name="RegrantOrder",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("state", models.CharField(db_default="waiting", default="waiting", max_length=10)),
                ("change", models.BigIntegerField()),
                ("former", models.JSONField(null=True)),
                (
                    "earning",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.earning",
                    ),
                ),
                (
                    "regrant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.regrant",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_regrant_order",
            },
        ),
        migrations.AddIndex(
            model_name="regrant",
            index=models.Index(fields=["programme", "-id"], name="loyalty_regrant_of"),
        ),
        migrations.AddConstraint(
            model_name="regrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("looking", "ready", "running", "done", "undoing", "undone", "dropped"))
                ),
                name="loyalty_regrant_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="regrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("since_on__lt", models.F("until_on"))), name="loyalty_regrant_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="regrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("looking", "ready", "dropped")),
                    models.Q(("approved_by", ""), _negated=True),
                    _connector="OR",
                ),
                name="loyalty_regrant_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="regrant",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("looking", "ready", "running", "undoing"))),
                fields=("programme",),
                name="loyalty_regrant_one",
            ),
        ),
        migrations.AddIndex(
            model_name="regrantorder",
            index=models.Index(fields=["regrant", "state", "id"], name="loyalty_regrant_order_next"),
        ),
        migrations.AddConstraint(
            model_name="regrantorder",
            constraint=models.UniqueConstraint(fields=("earning", "regrant"), name="loyalty_regrant_order_once"),
        ),
        migrations.AddConstraint(
            model_name="regrantorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("waiting", "done", "left", "undone"))),
                name="loyalty_regrant_order_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="regrantorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("waiting", "left")), ("former__isnull", False), _connector="OR"),
                name="loyalty_regrant_order_former",
            ),
        ),
        migrations.RunSQL(STAYS, STAYED),
    ]
