"""One box to find somebody: by public id, reference, e-mail address, phone number, or how a name begins."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection

from regulars.facts.company import company
from regulars.facts.customers import contacts, customers, finding, identity
from regulars.facts.customers.contacts import BadEmail, BadPhone
from regulars.facts.customers.customers import Customer, UnknownCustomer
from regulars.facts.customers.identifiers import check_namespace, is_contact
from regulars.facts.customers.models import CONTACTS
from regulars.kit.ids import BadId

How = Literal["known_by", "proved", "told"]
_HOW: tuple[How, ...] = ("known_by", "proved", "told")
_MOST = 50
#: What a source calls somebody; the other kinds are those of `kinds`.
REFERENCE = "reference"

_CALLED = """
SELECT customer_id AS record, 0 AS how FROM customers_identifier
 WHERE kind = 'external'
   AND (namespace, {column}) IN (SELECT * FROM unnest(%(namespaces)s::text[], %(values)s::{type}[]))
"""
_PROVED = """
SELECT link.record_id AS record, CASE link.evidence WHEN 'told' THEN 2 ELSE 1 END AS how
  FROM customers_link AS link
 WHERE link.kind = %(kind)s AND link.namespace = %(namespace)s AND link.digest = %(digest)s AND link.revokes_id IS NULL
   AND NOT EXISTS (SELECT FROM customers_link AS revoking WHERE revoking.revokes_id = link.id)
"""
_TOLD = """
UNION ALL SELECT customer_id, 0 FROM customers_identifier
 WHERE namespace = '' AND kind = %(kind)s AND digest = %(digest)s
UNION ALL SELECT customer_id, 2 FROM customers_profile WHERE {kind}_digest = %(digest)s
UNION ALL SELECT record_id, 2 FROM customers_also_known WHERE kind = %(kind)s AND digest = %(digest)s
"""
_PEOPLE = """
WITH people AS MATERIALIZED (
  SELECT coalesce(record.person_id, record.id) AS person, min(found.how) AS how
    FROM ({found}) AS found JOIN customers_customer AS record ON record.id = found.record
   GROUP BY 1 ORDER BY 2, 1 LIMIT %(most)s)
SELECT people.how, customer.id, customer.public_id, customer.origin,
       coalesce(customer.country, (SELECT joined.country FROM customers_customer AS joined
                 WHERE joined.person_id = customer.id AND joined.country IS NOT NULL ORDER BY joined.id LIMIT 1)),
       customer.language,
       least(customer.first_seen_at, (SELECT min(joined.first_seen_at) FROM customers_customer AS joined
                 WHERE joined.person_id = customer.id)),
       ARRAY(SELECT joined.id FROM customers_customer AS joined WHERE joined.person_id = customer.id ORDER BY joined.id)
  FROM people JOIN customers_customer AS customer ON customer.id = people.person
 ORDER BY people.how, customer.id
"""


@dataclass(frozen=True)
class Found:
    """A person, all records that are this person, the oldest first, and how the identifier is theirs: they are known
    by it, proved it, or only told it.
    """

    person: Customer
    records: tuple[int, ...]
    how: How


def by_identifier(*, kind: str, namespace: str, value: str) -> list[Found]:
    """People an identifier of any kind may mean, the surest first: `reference`, `email`, `phone`, `card`,
    `wechat_unionid` and so on. One statement; one more for a number without its country's code. Refuses what can be
    nobody's. A reference without a namespace is anybody's whom some source calls so; one statement more.

    A contact may be several people's: a family's phone. What may be shown of them is `profiles.masked`.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_asked(kind, namespace, value))
        return [Found(customers.from_row(who), (who[0], *joined), _HOW[how]) for how, *who, joined in cursor.fetchall()]


def _asked(kind: str, namespace: str, value: str) -> tuple[str, dict[str, Any]]:
    """The statement that finds them, and its values."""
    if kind == REFERENCE:
        of = [check_namespace(namespace)] if namespace else customers.namespaces()
        kept = [customers.as_kept(ref=value, namespace=one) for one in of]
        column, sort = ("digest", "bytea") if is_contact(value) else ("value", "text")
        called = _PEOPLE.format(found=_CALLED.format(column=column, type=sort))
        return called, {"namespaces": of, "values": kept, "most": _MOST}
    asked = identity.digest(kind, namespace, value)
    found = _PROVED + (_TOLD.format(kind=kind) if kind in CONTACTS else "")
    digest = bytes.fromhex(asked.digest)
    return _PEOPLE.format(found=found), {
        "kind": asked.kind,
        "namespace": asked.namespace,
        "digest": digest,
        "most": _MOST,
    }


def find(asked: str, limit: int = 50) -> list[int]:
    """Customers that what was typed may name, the surest first. Up to ten indexed queries; nothing is refused."""
    typed = asked.strip()[:200]
    if not typed or "\x00" in typed:
        return []
    with suppress(BadId, UnknownCustomer):
        return [customers.by_public_id(typed).id]
    found = customers.find_by_ref(ref=typed)
    with suppress(BadEmail):
        return _first(limit, found, finding.by_email(typed))
    with suppress(BadPhone):
        number = contacts.phone(typed, company.shop().country)
        # Whom a source knows by the number alone has no profile to be found by.
        found = _first(limit, found, finding.by_phone(number), customers.find_by_ref(ref=number))
    return _first(limit, found, finding.by_name_prefix(typed, limit))


def _first(limit: int, *lists: list[int]) -> list[int]:
    return list(dict.fromkeys(number for numbers in lists for number in numbers))[:limit]
