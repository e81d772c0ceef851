"""What of profiles is nobody's secret as a narrow table: a row for each value, of a list one for each item."""

from collections.abc import Mapping

from django.db import connection

from regulars.facts.customers.traits import PREFIX, Kind

_REPLACE = """
WITH told AS (SELECT * FROM unnest(%(customers)s::bigint[], %(names)s::text[], %(kinds)s::text[], %(values)s::text[])
                AS told(customer, name, kind, value)),
gone AS (DELETE FROM customers_value AS kept
          WHERE kept.customer_id = ANY(%(whose)s)
            AND NOT EXISTS (SELECT FROM told WHERE told.customer = kept.customer_id AND told.name = kept.name
                                               AND told.value = kept.value))
INSERT INTO customers_value (customer_id, name, kind, value) SELECT * FROM told ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT customer_id FROM customers_profile WHERE customer_id > %s AND traits <> '{}' ORDER BY customer_id LIMIT %s
   FOR NO KEY UPDATE
"""
_FILL = f"""
INSERT INTO customers_value (customer_id, name, kind, value)
SELECT profile.customer_id, one.name,
       CASE WHEN jsonb_typeof(one.value) = 'array' THEN 'list' WHEN one.name = 'is_employee' THEN 'yes_no'
            ELSE coalesce(trait.kind, 'text') END, item.value
  FROM customers_profile AS profile
 CROSS JOIN LATERAL jsonb_each(profile.traits) AS one(name, value)
  LEFT JOIN customers_trait AS trait ON one.name = '{PREFIX}' || trait.code
 CROSS JOIN LATERAL (SELECT jsonb_array_elements_text(
         CASE WHEN jsonb_typeof(one.value) = 'array' THEN one.value ELSE jsonb_build_array(one.value) END)
       ) AS item(value)
 WHERE profile.customer_id = ANY(%s)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - no value of anybody's


def write(shown: Mapping[int, Mapping[str, object]], kinds: Mapping[str, Kind]) -> None:
    """All there is of these customers now; `kinds` are those of the shop's own traits, by field. One statement."""
    told = sorted(
        (customer, name, _kind(name, value, kinds), str(item))
        for customer, values in shown.items()
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE,
            {
                "whose": sorted(shown),
                "customers": [one[0] for one in told],
                "names": [one[1] for one in told],
                "kinds": [one[2] for one in told],
                "values": [one[3] for one in told],
            },
        )


def fill(after: int, lot: int) -> int | None:
    """What stood in profiles before this table was there, of the next customers: the last of them; None after all."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [after, lot])
        customers = [customer for (customer,) in cursor.fetchall()]
        if customers:
            cursor.execute(_FILL, [customers])
    return customers[-1] if customers else None


def _kind(name: str, value: object, kinds: Mapping[str, Kind]) -> str:
    if isinstance(value, list):
        return Kind.LIST.value
    return Kind.YES_NO.value if name == "is_employee" else kinds.get(name, Kind.TEXT).value
