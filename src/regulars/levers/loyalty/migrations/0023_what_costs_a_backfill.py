"""A lot names the decision that gave it by its number: an index of numbers that come in their order costs a quarter of one
of texts that come in any. And of JSON, which is only shown, the planner asks nothing: looking at its values was four
fifths of what autovacuum did with the decisions."""

import django.db.models.deletion
from django.db import migrations, models

#: What a lot refers to, as `0014` has it, and whether many rows refer to the same.
BEFORE = (
    ("origin_entry_id", "loyalty_entry", False),
    ("account_id", "loyalty_account", True),
    ("record_id", "customers_customer", True),
)
REFERENCES = (*BEFORE, ("earning_id", "loyalty_earning", False))
#: From so many rows on their range is looked at first.
MANY = 100
SHOWN = {
    "loyalty_earning": ("context", "allowed", "lines", "why", "missed", "stamp"),
    "loyalty_entry": ("arguments",),
}
GIVEN_BY = """
UPDATE loyalty_lot AS lot SET earning_id = earning.id
  FROM loyalty_earning AS earning JOIN loyalty_programme AS programme ON programme.id = earning.programme_id
 WHERE lot.subject = earning.subject AND starts_with(lot.rule, programme.code || '.')
"""


def _statistics(many: int) -> str:
    return " ".join(
        f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS {many};"
        for table, columns in SHOWN.items()
        for column in columns
    )


def _is_gone(column: str, other: str, is_same: bool) -> str:
    what = f"{'DISTINCT ' if is_same else ''}{column} AS id FROM told WHERE {column} IS NOT NULL"
    there = f"(SELECT other.id FROM {other} AS other WHERE other.id = one.id)"  # noqa: S608 - of constants
    return f"EXISTS (SELECT FROM (SELECT {what}) AS one WHERE {there} IS NULL)"


def _look(column: str, other: str, is_same: bool) -> str:
    refuse = "RAISE EXCEPTION 'loyalty_lot refers to what is not there' USING ERRCODE = 'foreign_key_violation';"
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


def _refers(references: tuple[tuple[str, str, bool], ...]) -> str:
    return f"""
CREATE OR REPLACE FUNCTION loyalty_lot_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off AS $$
DECLARE least bigint; most bigint; many bigint;
BEGIN
    {"".join(_look(*one) for one in references)}
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0022_what_a_redemption_took")]

    operations = [
        migrations.AddField(
            model_name="lot",
            name="earning",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="loyalty.earning",
            ),
        ),
        migrations.RunSQL(GIVEN_BY, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="lot", name="loyalty_lot_subject"),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("earning__isnull", False)), fields=["earning"], name="loyalty_lot_earning"
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("earning__isnull", True), models.Q(("subject", ""), _negated=True)),
                fields=["subject"],
                name="loyalty_lot_subject",
            ),
        ),
        migrations.RunSQL(_refers(REFERENCES), _refers(BEFORE)),
        migrations.RunSQL(_statistics(0), _statistics(-1)),
    ]
