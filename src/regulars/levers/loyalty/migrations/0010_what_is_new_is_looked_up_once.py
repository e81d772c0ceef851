"""What new rows refer to is looked up once for all rows that refer to the same, and always by its number.

A join was planned for the size the tables had when a session first wrote: of tables that had just been made it read all of
them again for each row. What was decided (`earning`) refers to its programme and version in the same way.
"""

import django.db.models.deletion
from django.db import migrations, models

#: Table -> column, the table it refers to, and whether many rows refer to the same.
REFERENCES = {
    "entry": (
        ("act_id", "loyalty_act", True),
        ("account_id", "loyalty_account", True),
        ("reverses_id", "loyalty_entry", False),
    ),
    "lot": (("origin_entry_id", "loyalty_entry", False), ("account_id", "loyalty_account", True)),
    "posting": (
        ("entry_id", "loyalty_entry", False),
        ("lot_id", "loyalty_lot", False),
        ("for_lot_id", "loyalty_lot", False),
    ),
    "earning": (("programme_id", "loyalty_programme", True), ("version_id", "loyalty_version", True)),
}
TRIGGER = """
CREATE TRIGGER loyalty_earning_refers AFTER INSERT ON loyalty_earning
    REFERENCING NEW TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION loyalty_earning_refers();
"""
#: By which version something was decided stays so; versions are append-only.
STAYS = """
CREATE FUNCTION loyalty_earning_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'loyalty_earning keeps its version' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER loyalty_earning_stays BEFORE UPDATE OF subject, programme_id, version_id ON loyalty_earning
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_earning_stays();
CREATE FUNCTION loyalty_programme_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'loyalty_programme is kept' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER loyalty_programme_is_kept BEFORE DELETE OR TRUNCATE ON loyalty_programme
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_programme_is_kept();
"""


def _is_gone(column: str, other: str, is_same: bool) -> str:
    what = f"{'DISTINCT ' if is_same else ''}{column} AS id FROM told WHERE {column} IS NOT NULL"
    there = f"(SELECT other.id FROM {other} AS other WHERE other.id = one.id)"  # noqa: S608 - of constants
    return f"EXISTS (SELECT FROM (SELECT {what}) AS one WHERE {there} IS NULL)"


def _refers(table: str) -> str:
    gone = " OR ".join(_is_gone(*one) for one in REFERENCES[table])
    return f"""
CREATE OR REPLACE FUNCTION loyalty_{table}_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off AS $$
BEGIN
    IF {gone} THEN
        RAISE EXCEPTION 'loyalty_{table} refers to what is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
"""


def _key(name: str, to: str) -> migrations.AlterField:
    field = models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to
    )
    return migrations.AlterField(model_name="earning", name=name, field=field)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0009_how_far_birthdays_were_looked_for")]

    operations = [
        _key("programme", "loyalty.programme"),
        _key("version", "loyalty.version"),
        *(migrations.RunSQL(_refers(table)) for table in REFERENCES),
        migrations.RunSQL(TRIGGER),
        migrations.RunSQL(STAYS),
    ]
