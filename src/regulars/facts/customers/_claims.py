"""Questions that contacts ask: two records told the same one. Nobody is joined by it; somebody is asked, once a pair.

A contact that more people told than have one together, a till's phone, is one question about the contact instead.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db import connection

from regulars.facts.customers import _settling, _worn, projecting
from regulars.facts.customers.models import CONTACTS, Link, Review
from regulars.facts.customers.rules import IdentityRules

#: Records looked at to learn how many people told one contact: beyond that it is worn whoever they are.
_LOOKED_AT = 200

_GIVEN_UP = """
UPDATE customers_review AS review SET state = 'gone', decided_at = now()
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
INSERT INTO customers_review (kind, one_id, other_id, identifier_kind, digest)
SELECT DISTINCT 'claim', LEAST(mine.id, theirs.id), GREATEST(mine.id, theirs.id), told.kind, told.digest
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
   SET state = 'open', opened_at = now(), decided_at = NULL WHERE customers_review.state = 'gone'
"""


def follow(
    digests: Mapping[tuple[int, str], bytes | None],
    shared: Collection[tuple[int, str]],
    given_up: Collection[tuple[str, bytes]],
) -> None:
    """Bring the questions in line with the contacts that these customers told just now. `digests` are by (customer,
    kind), None where it was given up; `shared` are those that somebody else is known by; `given_up` are contacts that
    one of them told until now. A few statements whatever the number."""
    told = sorted(digests)
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVEN_UP,
            [[customer for customer, _ in told], [kind for _, kind in told], [digests[one] for one in told]],
        )
    look_again(given_up)
    asked = {one: digest for one in shared if (digest := digests.get(one)) is not None}
    if not asked:
        return
    rules = _settling.current_rules()
    worn: set[tuple[str, bytes]] = set()
    for kind in CONTACTS:
        found = {digest for (_, of), digest in asked.items() if of == kind}
        worn |= {(kind, digest) for digest in _worn_out(kind, found, rules.of(kind).most_people)}
    blocked = {digest for digest in asked.values() if digest.hex() in rules.blocked}
    _worn.note([one for one in worn if one[1] not in blocked])
    open_ones = sorted((one, digest) for one, digest in asked.items() if (one[1], digest) not in worn)
    open_ones = [(one, digest) for one, digest in open_ones if digest not in blocked]
    if open_ones:
        with connection.cursor() as cursor:
            cursor.execute(
                _ASK,
                [[one[0] for one, _ in open_ones], [one[1] for one, _ in open_ones], [d for _, d in open_ones]],
            )


def follow_rules(rules: IdentityRules, proved: Collection[tuple[str, bytes]]) -> None:
    """Other rules count: what is worn by them is a question, and what is so no more is none; its pairs are asked about
    again. `proved` are the identifiers (kind, digest) that too many proved. A few statements, over all profiles."""
    worn = set(proved)
    with connection.cursor() as cursor:
        for kind in CONTACTS:
            cursor.execute(_TOLD_BY_MANY.format(kind=kind), [rules.of(kind).most_people, rules.of(kind).most_people])
            worn |= {
                (kind, bytes(digest)) for (digest,) in cursor.fetchall() if bytes(digest).hex() not in rules.blocked
            }
    _ask_of_pairs([one for one in _worn.only(sorted(worn)) if one[1].hex() not in rules.blocked])


def look_again(identifiers: Collection[tuple[str, bytes]] | None = None) -> int:
    """Which of these (kind, digest), of all where None, no more people use than have one together: what is asked of
    them is asked no more, but of their pairs. How many. One query where nothing is asked of any of them."""
    if identifiers is not None and not identifiers:
        return 0
    waiting = Review.objects.filter(kind="worn", state="open", digest__isnull=False)
    if identifiers is not None:
        waiting = waiting.filter(digest__in=[digest for _, digest in identifiers])
    asked = {(kind, bytes(digest or b"")) for kind, digest in waiting.values_list("identifier_kind", "digest")}
    if not asked:
        return 0
    rules = _settling.current_rules()
    worn = _proved_out(asked, rules)
    for kind in CONTACTS:
        found = {digest for of, digest in asked - worn if of == kind}
        worn |= {(kind, digest) for digest in _worn_out(kind, found, rules.of(kind).most_people)}
    ended = sorted(asked - worn)
    _worn.end(ended)
    _ask_of_pairs([one for one in ended if one[1].hex() not in rules.blocked])
    return len(ended)


def _proved_out(identifiers: Collection[tuple[str, bytes]], rules: IdentityRules) -> set[tuple[str, bytes]]:
    """Those that too many proved."""
    revoked = Link.objects.filter(revokes__isnull=False).values("revokes_id")
    links = Link.objects.filter(digest__in=[digest for _, digest in identifiers], revokes=None)
    by: dict[tuple[str, bytes], set[int]] = defaultdict(set)
    for kind, digest, record in links.exclude(id__in=revoked).values_list("kind", "digest", "record_id"):
        by[kind, bytes(digest)].add(record)
    looked_at = {
        record
        for (kind, _), records in by.items()
        if len(records) <= projecting.most_looked_at(kind, rules)
        for record in records
    }
    worn = {one for one, records in by.items() if len(records) > projecting.most_looked_at(one[0], rules)}
    if looked_at:
        people = _settling.scene(looked_at).people(rules)
        worn |= {(one.kind, bytes.fromhex(one.digest)) for one in people.worn}
    return worn & set(identifiers)


def _ask_of_pairs(contacts: Collection[tuple[str, bytes]]) -> None:
    """Who told the same contact is asked about, two by two."""
    for kind in CONTACTS:
        digests = [digest for of, digest in contacts if of == kind]
        if digests:
            with connection.cursor() as cursor:
                cursor.execute(_TELLERS.format(kind=kind), [digests])
                told = cursor.fetchall()
                cursor.execute(_ASK, [[who for who, _ in told], [kind] * len(told), [digest for _, digest in told]])


def _worn_out(kind: str, digests: Collection[bytes], most_people: int) -> set[bytes]:
    if not digests:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_TOLD_BY.format(kind=kind), [sorted(digests), max(_LOOKED_AT, most_people + 1)])
        return {bytes(digest) for digest, people in cursor.fetchall() if people > most_people}
