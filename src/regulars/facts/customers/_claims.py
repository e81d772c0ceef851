"""Questions that contacts ask: two records told the same one. Nobody is joined by it; somebody is asked, once a pair.

A contact that more people told than have one together, a till's phone, is one question about the contact instead.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection

from regulars.facts.customers import _settling, _worn
from regulars.facts.customers.models import CONTACTS
from regulars.facts.customers.rules import IdentityRules

#: Records looked at to learn how many people told one contact: beyond that it is worn whoever they are.
_LOOKED_AT = 200

_GIVEN_UP = """
UPDATE customers_review AS review SET state = 'gone', decided_at = %s
  FROM (SELECT about.id
          FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS told(customer, kind, digest)
         CROSS JOIN LATERAL (
               SELECT id, kind, state, identifier_kind, digest FROM customers_review WHERE one_id = told.customer
               UNION ALL
               SELECT id, kind, state, identifier_kind, digest FROM customers_review WHERE other_id = told.customer
               ) AS about
         WHERE about.kind = 'claim' AND about.state = 'open' AND about.identifier_kind = told.kind
           AND about.digest IS DISTINCT FROM told.digest) AS given_up
 WHERE review.id = given_up.id
"""
_TOLD_BY = """
SELECT contact.digest, count(DISTINCT COALESCE(customer.person_id, customer.id))
  FROM unnest(%s::bytea[]) AS contact(digest)
 CROSS JOIN LATERAL (SELECT customer_id FROM customers_profile WHERE {kind}_digest = contact.digest LIMIT %s) AS given
  JOIN customers_customer AS customer ON customer.id = given.customer_id
 GROUP BY contact.digest
"""
#: Counted twice: by far most contacts are of one or two, whose people nobody has to look up.
_TOLD_BY_MANY = """
SELECT profile.{kind}_digest FROM customers_profile AS profile
  JOIN (SELECT {kind}_digest AS digest FROM customers_profile WHERE {kind}_digest IS NOT NULL
         GROUP BY 1 HAVING count(*) > %s) AS many ON many.digest = profile.{kind}_digest
  JOIN customers_customer AS customer ON customer.id = profile.customer_id
 GROUP BY 1 HAVING count(DISTINCT COALESCE(customer.person_id, customer.id)) > %s
"""
_TELLERS = "SELECT customer_id, {kind}_digest FROM customers_profile WHERE {kind}_digest = ANY(%s)"
#: A pair that was asked about before is asked again only where the contact had been given up meanwhile.
_ASK = """
INSERT INTO customers_review (kind, one_id, other_id, identifier_kind, digest, opened_at)
SELECT DISTINCT 'claim', LEAST(mine.id, theirs.id), GREATEST(mine.id, theirs.id), told.kind, told.digest,
       %s::timestamptz
  FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS told(customer, kind, digest)
  JOIN customers_identifier AS identifier
    ON identifier.namespace = '' AND identifier.kind = told.kind AND identifier.digest = told.digest
  JOIN customers_customer AS mine ON mine.id = told.customer
  JOIN customers_customer AS theirs ON theirs.id = identifier.customer_id
 WHERE COALESCE(mine.person_id, mine.id) <> COALESCE(theirs.person_id, theirs.id)
   AND (SELECT verdict FROM customers_decision
         WHERE one_id = LEAST(mine.id, theirs.id) AND other_id = GREATEST(mine.id, theirs.id)
         ORDER BY at DESC, id DESC LIMIT 1) IS DISTINCT FROM 'apart'
ON CONFLICT (one_id, other_id, kind, digest) DO UPDATE
   SET state = 'open', decided_at = NULL WHERE customers_review.state = 'gone'
"""


def follow(
    digests: Mapping[tuple[int, str], bytes | None], shared: Collection[tuple[int, str]], *, at: datetime
) -> None:
    """Bring the questions in line with the contacts that these customers told just now. `digests` are by (customer,
    kind), None where it was given up; `shared` are those that somebody else is known by. A few statements whatever the
    number."""
    told = sorted(digests)
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVEN_UP,
            [at, [customer for customer, _ in told], [kind for _, kind in told], [digests[one] for one in told]],
        )
    asked = {one: digest for one in shared if (digest := digests.get(one)) is not None}
    if not asked:
        return
    rules = _settling.current_rules()
    worn: set[tuple[str, bytes]] = set()
    for kind in CONTACTS:
        found = {digest for (_, of), digest in asked.items() if of == kind}
        worn |= {(kind, digest) for digest in _worn_out(kind, found, rules.of(kind).most_people)}
    blocked = {digest for digest in asked.values() if digest.hex() in rules.blocked}
    _worn.note([one for one in worn if one[1] not in blocked], at=at)
    open_ones = sorted((one, digest) for one, digest in asked.items() if (one[1], digest) not in worn)
    open_ones = [(one, digest) for one, digest in open_ones if digest not in blocked]
    if open_ones:
        with connection.cursor() as cursor:
            cursor.execute(
                _ASK,
                [at, [one[0] for one, _ in open_ones], [one[1] for one, _ in open_ones], [d for _, d in open_ones]],
            )


def follow_rules(rules: IdentityRules, proved: Collection[tuple[str, bytes]], *, at: datetime) -> None:
    """Other rules count: what is worn by them is a question, and what is so no more is none; its pairs are asked about
    again. `proved` are the identifiers (kind, digest) that too many proved. A few statements, over all profiles."""
    worn = set(proved)
    with connection.cursor() as cursor:
        for kind in CONTACTS:
            cursor.execute(_TOLD_BY_MANY.format(kind=kind), [rules.of(kind).most_people, rules.of(kind).most_people])
            worn |= {
                (kind, bytes(digest)) for (digest,) in cursor.fetchall() if bytes(digest).hex() not in rules.blocked
            }
        ended = [one for one in _worn.only(sorted(worn), at=at) if one[1].hex() not in rules.blocked]
        for kind in CONTACTS:
            cursor.execute(_TELLERS.format(kind=kind), [[digest for of, digest in ended if of == kind]])
            told = cursor.fetchall()
            cursor.execute(_ASK, [at, [who for who, _ in told], [kind] * len(told), [digest for _, digest in told]])


def _worn_out(kind: str, digests: Collection[bytes], most_people: int) -> set[bytes]:
    if not digests:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_TOLD_BY.format(kind=kind), [sorted(digests), max(_LOOKED_AT, most_people + 1)])
        return {bytes(digest) for digest, people in cursor.fetchall() if people > most_people}
