"""All that a page about one person shows of who they are, read together: one statement for each kind of thing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from regulars.facts.company.company import Shop
from regulars.facts.customers import _consent_rows, _sealing, consent, customers, profiles, reviews
from regulars.facts.customers.consent import Standing
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.profiles import MaskedProfile
from regulars.kit import ids

_RECORDS = """
SELECT record.id, record.public_id, record.origin, record.country, record.language, record.first_seen_at,
       (JOINED_AT),
       (SELECT json_agg(json_build_array(called.namespace, called.value))
          FROM customers_identifier AS called WHERE called.customer_id = record.id AND called.value IS NOT NULL),
       (SELECT json_agg(json_build_array(review.public_id, review.kind, review.one_id, review.other_id)
                        ORDER BY review.id DESC) FROM customers_review AS review
         WHERE review.state = 'open' AND (review.one_id = record.id OR review.other_id = record.id))
  FROM (SELECT coalesce(person_id, id) AS person FROM customers_customer WHERE public_id = %s) AS asked
 CROSS JOIN LATERAL (SELECT * FROM customers_customer WHERE id = asked.person
                     UNION ALL SELECT * FROM customers_customer WHERE person_id = asked.person) AS record
 ORDER BY record.id
""".replace("JOINED_AT", _consent_rows.JOINED_AT)


@dataclass(frozen=True)
class Sheet:
    """One person: their records, the oldest first; what sources call them, readable; masked contacts; their consent;
    and the questions that wait about any of the records, by public id, each two records once.
    """

    person: Customer
    records: tuple[int, ...]
    refs: tuple[tuple[str, str], ...]
    masked: MaskedProfile
    consent: Standing
    questions: tuple[str, ...]


def by_public_id(text: str, *, at: datetime, shop: Shop) -> Sheet:
    """The sheet of `cus_…`, as people type it; of their person where the record was joined. Five queries.

    Refuses as `customers.by_public_id`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, [ids.parse(text, customers.PREFIX)])
        rows = cursor.fetchall()
    if not rows:
        raise customers.unknown(text)
    person = rows[0][0]
    who = _consent_rows.people_of([(person, row[0], row[3], row[6]) for row in rows])
    opened = _sealing.open_of(who.records[person], (*profiles.MASKED, *_consent_rows.BIRTHDAYS))
    return Sheet(
        person=customers.from_row(rows[0][:6]),
        records=who.records[person],
        refs=tuple(sorted((namespace, ref) for row in rows for namespace, ref in row[7] or ())),
        masked=profiles.mask(opened.get(person, {})),
        consent=consent.standing_of(
            customer=person,
            who=who,
            at=at,
            house=_consent_rows.house(shop),
            birthdays=_consent_rows.born(opened),
        ),
        questions=_questions(review for row in rows for review in row[8] or ()),
    )


def _questions(asked: Iterable[tuple[str, str, int, int]]) -> tuple[str, ...]:
    found: dict[tuple[object, ...], str] = {}
    for public_id, kind, one, other in asked:
        found.setdefault((public_id,) if kind == "worn" else (one, other), ids.public(reviews.PREFIX, UUID(public_id)))
    return tuple(dict.fromkeys(found.values()))
