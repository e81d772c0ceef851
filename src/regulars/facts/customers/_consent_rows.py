"""Reading what the fold of consent needs, for many customers in a pinned number of queries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeVar

from django.db import connection
from django.db.models.expressions import RawSQL

from regulars.facts.company import company
from regulars.facts.company.company import Shop
from regulars.facts.customers import _sealing, birthdays, consent_settings, wishing
from regulars.facts.customers.consenting import Entry, Known
from regulars.facts.customers.models import Consent
from regulars.facts.customers.models import Wish as WishRow
from regulars.facts.customers.purposes import ANY
from regulars.facts.customers.wishing import NONE, Wish
from regulars.kit import civil
from regulars.runtime.preferences import preferences

_Row = TypeVar("_Row", Entry, Wish)
#: What tells an age, of both calendars.
BIRTHDAYS: Final = ("birthday", "lunar_birthday")
#: When the row of `record` was written down to belong to `asked.person`.
JOINED_AT = """
SELECT max(regrouping.recorded_at) FROM customers_moved AS moved
  JOIN customers_regrouping AS regrouping ON regrouping.id = moved.regrouping_id
 WHERE moved.record_id = record.id AND moved.after_id = asked.person AND record.id <> asked.person
"""

_PEOPLE = """
WITH asked AS (SELECT id, coalesce(person_id, id) AS person FROM customers_customer WHERE id = ANY(%s))
SELECT asked.id, record.id, record.country, (JOINED_AT)
  FROM asked CROSS JOIN LATERAL (SELECT id, country FROM customers_customer WHERE id = asked.person
                                 UNION ALL SELECT id, country FROM customers_customer
                                            WHERE person_id = asked.person) AS record
 ORDER BY asked.id, record.id
""".replace("JOINED_AT", JOINED_AT)


@dataclass(frozen=True)
class People:
    """Whose records are asked about: each customer's, and when the last of them joined."""

    records: Mapping[int, tuple[int, ...]]
    joined_at: Mapping[int, datetime | None]
    countries: Mapping[int, str | None]


@dataclass(frozen=True)
class House:
    """What the shop says: its clock and country, from which age somebody decides alone, and what needs no yes."""

    shop: Shop
    set_ages: tuple[str, ...]
    without_asking: tuple[str, ...]


@dataclass(frozen=True)
class Have:
    """What the caller has read already of those who are asked about, and nobody asks for again."""

    who: People
    answers: Iterable[Entry]
    house: House
    birthdays: Mapping[int, date]


def house(shop: Shop | None = None) -> House:
    """Two queries; one where the caller has the shop."""
    told = preferences.read_both(consent_settings.AGE_OF_CONSENT, consent_settings.WITHOUT_ASKING)
    return House(company.shop() if shop is None else shop, *told)


def people(customers: Sequence[int]) -> People:
    """Customers that do not exist are left out; a joined record answers as its person. One query.

    When records joined is when it was written down: what somebody answered between then and the instant from which
    the join counts was not asked of the person.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [list(customers)])
        rows = cursor.fetchall()
    return people_of(rows)


def people_of(rows: Iterable[tuple[int, int, str | None, datetime | None]]) -> People:
    """From customer, record, the record's country, and when it joined; the person's own record first."""
    records: dict[int, tuple[int, ...]] = {}
    joined_at: dict[int, datetime | None] = {}
    countries: dict[int, str | None] = {}
    for customer, record, country, joined in rows:
        countries[record] = country
        records[customer] = (*records.get(customer, ()), record)
        known = joined_at.get(customer)
        joined_at[customer] = joined if known is None else known if joined is None else max(known, joined)
    return People(records, joined_at, countries)


def known(
    customers: Sequence[int],
    *,
    at: datetime,
    purposes: Collection[str] | None,
    with_birthdays: bool,
    sent: Mapping[int, Collection[datetime]] | None = None,
    have: Have | None = None,
) -> dict[int, Known]:
    """What is known of each customer that exists; answers for `purposes` only, where they are named."""
    who = people(customers) if have is None else have.who
    all_records = list({record for records in who.records.values() for record in records})
    entries = _by_record(_entries(all_records, purposes) if have is None else have.answers)
    wishes = _by_record(_wishes(all_records))
    if have is None:
        shop = company.shop()
        days: Mapping[int, date] = _birthdays(all_records) if with_birthdays else {}
        set_ages = preferences.read(consent_settings.AGE_OF_CONSENT) if with_birthdays else ()
    else:
        shop, set_ages, days = have.house.shop, have.house.set_ages, have.birthdays
    zone = civil.zone(shop.zone)
    ages = consent_settings.by_country(set_ages)
    found: dict[int, Known] = {}
    for customer, records in who.records.items():
        country = country_of(who, customer, shop.country)
        joined_at = who.joined_at[customer]
        mine = [wish for record in records for wish in wishes.get(record, ())]
        found[customer] = Known(
            zone=zone,
            entries=[entry for record in records for entry in entries.get(record, ())],
            wishes=wishing.fold(mine, at=at, joined_at=joined_at) if mine else NONE,
            joined_at=joined_at,
            # Of several told, the youngest: strict.
            birthday=max((days[record] for record in records if record in days), default=None),
            age_of_consent=consent_settings.age_in(country, ages),
            sent=tuple((sent or {}).get(customer, ())),
        )
    return found


def country_of(who: People, customer: int, at_home: str) -> str:
    """The country whose law counts for somebody: theirs, else the shop's."""
    return next((name for record in who.records[customer] if (name := who.countries.get(record))), at_home)


def free() -> dict[tuple[str, str], bool]:
    """What needs no yes in this shop. One query."""
    told = preferences.read(consent_settings.WITHOUT_ASKING)
    return consent_settings.free(told)


def _among(records: Sequence[int]) -> RawSQL:
    """One parameter, however many there are."""
    return RawSQL("SELECT unnest(%s::bigint[])", [list(records)])


def _entries(records: Sequence[int], purposes: Collection[str] | None) -> Iterable[Entry]:
    rows = Consent.objects.filter(customer_id__in=_among(records))
    if purposes is not None:
        rows = rows.filter(purpose__in=[*purposes, ANY])
    return (
        Entry(*row)
        for row in rows.values_list(
            *("id", "customer_id", "purpose", "channel", "brand_id", "is_granted", "at", "recorded_at"),
            "is_by_guardian",
        )
    )


def _wishes(records: Sequence[int]) -> Iterable[Wish]:
    rows = WishRow.objects.filter(customer_id__in=_among(records))
    return (Wish(*row) for row in rows.values_list("id", "customer_id", "name", "value", "at", "recorded_at"))


def _by_record(rows: Iterable[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.record, []).append(row)
    return found


def _birthdays(records: Sequence[int]) -> dict[int, date]:
    return born(_sealing.open_of(records, BIRTHDAYS))


def born(opened: Mapping[int, Mapping[str, str]]) -> dict[int, date]:
    """Record to birthday, of those who told the year too, in either calendar: without it nobody knows an age."""
    told = {
        record: birthdays.youngest(*(cells.get(column, "") for column in BIRTHDAYS)) for record, cells in opened.items()
    }
    return {record: day for record, day in told.items() if day is not None}
