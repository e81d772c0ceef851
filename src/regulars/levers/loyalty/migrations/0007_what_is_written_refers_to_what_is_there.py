"""That what is written refers to what is there is checked once for a statement, not once for each row and column.

Rows that are referred to never go: acts and entries are append-only, and lots and accounts are kept by trigger.
"""

import django.db.models.deletion
from django.db import migrations, models

#: Table -> what of a new row has to be there. By index, whatever the planner takes a table's size for.
REFERENCES = {
    "entry": (
        ("act", "act_id", "loyalty_act"),
        ("account", "account_id", "loyalty_account"),
        ("reversed", "reverses_id", "loyalty_entry"),
    ),
    "lot": (("entry", "origin_entry_id", "loyalty_entry"), ("account", "account_id", "loyalty_account")),
    "posting": (
        ("entry", "entry_id", "loyalty_entry"),
        ("lot", "lot_id", "loyalty_lot"),
        ("debtor", "for_lot_id", "loyalty_lot"),
    ),
}
KEPT = ("account", "lot")
MOVED = """
CREATE FUNCTION loyalty_lot_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM loyalty_account WHERE id = NEW.account_id) THEN
        RAISE EXCEPTION 'loyalty_lot refers to an account that is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER loyalty_lot_moves BEFORE UPDATE OF account_id ON loyalty_lot
    FOR EACH ROW WHEN (OLD.account_id IS DISTINCT FROM NEW.account_id) EXECUTE FUNCTION loyalty_lot_moves();
"""


def _refers(table: str) -> str:
    joined = " ".join(
        f"LEFT JOIN {other} AS {name} ON {name}.id = told.{column}" for name, column, other in REFERENCES[table]
    )
    gone = " OR ".join(f"(told.{column} IS NOT NULL AND {name}.id IS NULL)" for name, column, _ in REFERENCES[table])
    return f"""
CREATE FUNCTION loyalty_{table}_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT FROM told {joined} WHERE {gone}) THEN
        RAISE EXCEPTION 'loyalty_{table} refers to what is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER loyalty_{table}_refers AFTER INSERT ON loyalty_{table}
    REFERENCING NEW TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION loyalty_{table}_refers();
"""


def _is_kept(table: str) -> str:
    return f"""
CREATE FUNCTION loyalty_{table}_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'loyalty_{table} is kept' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER loyalty_{table}_is_kept BEFORE DELETE OR TRUNCATE ON loyalty_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_{table}_is_kept();
"""


def _key(model: str, name: str, to: str, **more: object) -> migrations.AlterField:
    field = models.ForeignKey(
        db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, **more
    )
    return migrations.AlterField(model_name=model, name=name, field=field)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0006_what_goes_along_is_posted_whole")]

    operations = [
        _key("entry", "act", "loyalty.act"),
        _key("entry", "account", "loyalty.account", db_index=False),
        _key("entry", "reverses", "loyalty.entry", db_index=False, null=True),
        _key("lot", "origin_entry", "loyalty.entry", db_index=False),
        _key("lot", "account", "loyalty.account", db_index=False),
        _key("posting", "entry", "loyalty.entry", db_index=False),
        _key("posting", "lot", "loyalty.lot", null=True),
        _key("posting", "for_lot", "loyalty.lot", db_index=False, null=True),
        *(migrations.RunSQL(_refers(table)) for table in REFERENCES),
        *(migrations.RunSQL(_is_kept(table)) for table in KEPT),
        migrations.RunSQL(MOVED),
    ]
