"""What is known of each record of a person, side by side: who calls it what, since when, masked, with its evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from regulars.facts.customers import customers, identity, persons, profiles
from regulars.facts.customers.identity import LinkView
from regulars.facts.customers.models import Customer, Identifier
from regulars.facts.customers.profiles import MaskedProfile
from regulars.kit import ids


@dataclass(frozen=True)
class Called:
    """What a source calls a record. `ref` is None where it is a contact, which nobody reads here."""

    namespace: str
    ref: str | None
    since: datetime


@dataclass(frozen=True)
class RecordView:
    """One record: `joined_at` is None for the one that stands for the person; `masked` is what was told of it alone."""

    id: int
    public_id: str
    origin: str
    country: str | None
    first_seen_at: datetime | None
    since: datetime
    joined_at: datetime | None
    called: tuple[Called, ...]
    masked: MaskedProfile
    links: tuple[LinkView, ...]


def number_of(public_id: str) -> int:
    """The record that `cus_…` names itself, also where it was joined. One indexed row; refused when there is none."""
    found = (
        Customer.objects.filter(public_id=ids.parse(public_id, customers.PREFIX)).values_list("id", flat=True).first()
    )
    if found is None:
        shown = public_id.strip()[:40]
        raise customers.UnknownCustomer(
            _("customer: there is no %(shown)s; look it up again") % {"shown": shown}, field="customer", value=shown
        )
    return found


def public_ids(of: Iterable[int]) -> dict[int, str]:
    """The public id of each record itself, joined or not. One query."""
    rows = Customer.objects.filter(id__in=set(of)).values_list("id", "public_id")
    return {record: customers.public_id(public_id) for record, public_id in rows}


def of(person: int) -> tuple[RecordView, ...]:
    """A person's records, the one that stands for it first. A few queries."""
    return of_many([person])[person]


def of_many(people: Sequence[int]) -> dict[int, tuple[RecordView, ...]]:
    """Each person's records, as `of`; a joined record answers as its person. A few queries whatever the number."""
    records_of = persons.records_of_many(people)
    every = sorted({record for records in records_of.values() for record in records})
    rows = {row.id: row for row in Customer.objects.filter(id__in=every)}
    joined = [record for records in records_of.values() if len(records) > 1 for record in records]
    masked = profiles.masked(every) | profiles.masked_alone(joined)
    called: dict[int, list[Called]] = {record: [] for record in every}
    known = Identifier.objects.filter(customer_id__in=every, kind="external").order_by("since_at", "id")
    for one in known:
        called[one.customer_id].append(Called(one.namespace, one.value, one.since_at))
    links: dict[int, list[LinkView]] = {record: [] for record in every}
    for link in identity.links_of(every):
        links[link.record].append(link)
    seen = {
        record: RecordView(
            id=record,
            public_id=customers.public_id(row.public_id),
            origin=row.origin,
            country=row.country,
            first_seen_at=row.first_seen_at,
            since=row.created_at,
            joined_at=row.joined_at,
            called=tuple(called[record]),
            masked=masked[record],
            links=tuple(links[record]),
        )
        for record, row in rows.items()
    }
    return {
        person: tuple(seen[record] for record in records if record in seen) for person, records in records_of.items()
    }
