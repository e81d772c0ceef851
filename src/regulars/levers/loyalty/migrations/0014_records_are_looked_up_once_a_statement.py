"""The record that new rows name is looked up once a statement, and entries and lots of many rows by their range.

To the records of customers there were foreign keys, checked row by row at the commit. Who names a record holds it
(`persons.held`); that one is removed which is named is refused by trigger, as the keys did.
"""

import django.db.models.deletion
from django.db import migrations, models

#: Table -> column, the table it refers to, and whether many rows refer to the same.
REFERENCES = {
    "lot": (
        ("origin_entry_id", "loyalty_entry", False),
        ("account_id", "loyalty_account", True),
        ("record_id", "customers_customer", True),
    ),
    "posting": (
        ("entry_id", "loyalty_entry", False),
        ("lot_id", "loyalty_lot", False),
        ("for_lot_id", "loyalty_lot", False),
        ("record_id", "customers_customer", True),
    ),
    "earning": (
        ("programme_id", "loyalty_programme", True),
        ("version_id", "loyalty_version", True),
        ("record_id", "customers_customer", True),
    ),
}
BEFORE = {table: tuple(one for one in references if one[0] != "record_id") for table, references in REFERENCES.items()}
#: From so many rows on their range is looked at first.
MANY = 100
KEPT = """
CREATE FUNCTION loyalty_record_is_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM loyalty_earning WHERE record_id = OLD.id) OR EXISTS (
        SELECT FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
         WHERE account.customer_id = COALESCE(OLD.person_id, OLD.id) AND lot.record_id = OLD.id)
    THEN
        RAISE EXCEPTION 'loyalty refers to this record' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER loyalty_record_is_named BEFORE DELETE ON customers_customer
    FOR EACH ROW EXECUTE FUNCTION loyalty_record_is_named();
"""
UNKEPT = "DROP TRIGGER loyalty_record_is_named ON customers_customer; DROP FUNCTION loyalty_record_is_named();"


def _is_gone(column: str, other: str, is_same: bool) -> str:
    what = f"{'DISTINCT ' if is_same else ''}{column} AS id FROM told WHERE {column} IS NOT NULL"
    there = f"(SELECT other.id FROM {other} AS other WHERE other.id = one.id)"  # noqa: S608 - of constants
    return f"EXISTS (SELECT FROM (SELECT {what}) AS one WHERE {there} IS NULL)"


def _look(table: str, column: str, other: str, is_same: bool) -> str:
    refuse = f"RAISE EXCEPTION 'loyalty_{table} refers to what is not there' USING ERRCODE = 'foreign_key_violation';"
    one_by_one = f"IF {_is_gone(column, other, is_same)} THEN {refuse} END IF;"
    if is_same:
        return one_by_one
    # Numbers drawn together lie in a row: where all of them are there, each is.
    return f"""
    SELECT min({column}), max({column}), count({column}) INTO least, most, many FROM told;
    IF many < {MANY} OR most - least > 4 * many
       OR (SELECT count(*) FROM {other} WHERE id BETWEEN least AND most) <= most - least THEN
        {one_by_one}
    END IF;"""  # noqa: S608 - of constants


def _refers(table: str, references: tuple[tuple[str, str, bool], ...]) -> str:
    looks = "".join(_look(table, *one) for one in references)
    return f"""
CREATE OR REPLACE FUNCTION loyalty_{table}_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off AS $$
DECLARE least bigint; most bigint; many bigint;
BEGIN
    {looks}
    RETURN NULL;
END $$;
"""


def _key(model: str, **more: object) -> migrations.AlterField:
    field = models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="customers.customer",
        **more,
    )
    return migrations.AlterField(model_name=model, name="record", field=field)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0013_tiers")]

    operations = [
        _key("earning"),
        _key("lot"),
        _key("posting", null=True),
        *(
            migrations.RunSQL(_refers(table, references), _refers(table, BEFORE[table]))
            for table, references in REFERENCES.items()
        ),
        migrations.RunSQL(KEPT, UNKEPT),
    ]
