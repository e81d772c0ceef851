"""What people's answers allow, of everyone: what the warehouse is told, for it cannot follow the rules of consent.

The same as `consent.allowed` and `consent.may_personalise_many` say of each. Whoever never answered, wished or told
their age is like everybody else of whom that is so, and stands in one row for all.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import connection

from regulars.facts.company import company
from regulars.facts.customers import _consent_rows, consent_settings, consenting
from regulars.facts.customers.consenting import SKEW, Asked, Known
from regulars.facts.customers.purposes import Channel, Purpose
from regulars.facts.customers.wishing import Wishes
from regulars.kit import civil
from regulars.runtime.preferences import preferences

#: The number under which everybody stands of whom nothing is known.
NOBODY: Final = 0
COLUMNS: Final = (*(f"marketing_by_{channel.value}" for channel in Channel), "is_personalised")
_PERSON: Final = "JOIN customers_customer AS record ON record.id = told.customer_id"
#: Of whom something changed that the answers follow from; `has_ground` where there is anything to follow from.
TOUCHED: Final = f"""
SELECT COALESCE(record.person_id, record.id) AS person, told.changed_xid, true AS has_ground
  FROM customers_consent AS told {_PERSON}
 UNION ALL SELECT COALESCE(record.person_id, record.id), told.changed_xid, true
  FROM customers_wish AS told {_PERSON} WHERE told.name = 'is_personalised'
 UNION ALL SELECT before_id, changed_xid, true FROM customers_moved
 UNION ALL SELECT after_id, changed_xid, true FROM customers_moved
 UNION ALL SELECT COALESCE(record.person_id, record.id), told.changed_xid,
                  told.birthday IS NOT NULL OR told.lunar_birthday IS NOT NULL
  FROM customers_profile AS told {_PERSON}
 UNION ALL SELECT COALESCE(record.person_id, record.id), record.changed_xid, true
  FROM customers_profile AS told {_PERSON} WHERE told.birthday IS NOT NULL OR told.lunar_birthday IS NOT NULL
"""  # noqa: S608 - of constants
_TO_COME: Final = """
SELECT customer_id, min(at) FROM (
    SELECT customer_id, at FROM customers_consent WHERE customer_id = ANY(%(records)s) AND at > %(at)s
     UNION ALL SELECT customer_id, at FROM customers_wish WHERE customer_id = ANY(%(records)s) AND at > %(at)s
) AS told GROUP BY customer_id
"""

#: A person's number, what is allowed (COLUMNS), and when to ask again although nothing is told; None: never.
Permission = tuple[int, tuple[bool, ...], datetime | None]


def basis() -> str:
    """What all answers rest on besides what people said: another text, and everybody is asked anew. Three queries."""
    shop = company.shop()
    ages, free = preferences.read_both(consent_settings.AGE_OF_CONSENT, consent_settings.WITHOUT_ASKING)
    return repr((shop.zone, shop.country, ages, free))


def of(people: Sequence[int], *, at: datetime) -> list[Permission]:
    """The permissions of these people, and of NOBODY; who does not exist is left out. Eight queries."""
    who = _consent_rows.people(people)
    asked = [Purpose.MARKETING, Purpose.PERSONALISATION]
    known = _consent_rows.known(people, at=at, purposes=asked, with_birthdays=True)
    free = _consent_rows.free()
    with connection.cursor() as cursor:
        records = [record for records in who.records.values() for record in records]
        cursor.execute(_TO_COME, {"records": records, "at": at})
        to_come = dict(cursor.fetchall())
    nobody = Known(zone=civil.zone(company.shop().zone))
    found: list[Permission] = [(NOBODY, _allowed(nobody, free, at), None)]
    for person, one in known.items():
        moments = [to_come[record] - SKEW for record in who.records[person] if record in to_come]
        if one.grown_at is not None and one.grown_at > at:
            moments.append(one.grown_at)
        found.append((person, _allowed(one, free, at), min(moments, default=None)))
    return found


def _allowed(known: Known, free: dict[tuple[str, str], bool], at: datetime) -> tuple[bool, ...]:
    """In the order of COLUMNS. What no answer names is decided alike for all channels that need the same."""
    named = {entry.channel for entry in known.entries}
    whatever_they_wish = replace(known, wishes=Wishes())
    alike: dict[bool | None, bool] = {}
    allowed = []
    for channel in Channel:
        asked = Asked(Purpose.MARKETING, channel, at)
        if channel in named:
            allowed.append(consenting.decide(asked, whatever_they_wish, without_asking=free).is_allowed)
            continue
        needs = free.get((Purpose.MARKETING, channel))
        if needs not in alike:
            alike[needs] = consenting.decide(asked, whatever_they_wish, without_asking=free).is_allowed
        allowed.append(alike[needs])
    personalised = consenting.decide(Asked(Purpose.PERSONALISATION, None, at), known, without_asking=free)
    return (*allowed, personalised.is_allowed)
