"""Preferences: how somebody wants to be talked to. Wishes are added, never changed; what they come to is a fold.

Names and values as `wishing` has them: `topic:<code>` true or false, `most_per_week`, `quiet` (hours like 22:00-08:00
on the customer's clock), `zone`, `paused_until`, `is_personalised`, `language`, `channel`. None takes a wish back.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from regulars.facts.customers import _consent_rows, customers, keys, persons, topics, wishing
from regulars.facts.customers.models import Customer
from regulars.facts.customers.models import Wish as Row
from regulars.facts.customers.notices import PreferencesChanged
from regulars.facts.customers.purposes import Place
from regulars.facts.customers.wishing import TOPIC, BadWish, Wishes
from regulars.kit.actors import Actor
from regulars.runtime.notices.outbox import announce

LONGEST_KEY = 160


@dataclass(frozen=True)
class Line:
    """One wish as it stands in the ledger, its value in JSON's form."""

    number: int
    record: int
    name: str
    value: Any
    place: str
    source: str
    at: datetime
    by: str


class KeyTaken(keys.KeyTaken):
    """The key told other wishes, or somebody else's."""

    code = "consent.key_taken"


_ACTS: keys.Acts[tuple[str, ...]] = keys.Acts(
    of="wishes", longest=LONGEST_KEY, kept=list, read=tuple, taken=KeyTaken, bad=BadWish
)


def change(
    *,
    customer: int,
    wishes: Mapping[str, object],
    place: str,
    key: str,
    at: datetime,
    by: Actor,
    source: str = "",
    of_person: bool = False,
) -> tuple[str, ...]:
    """Put on record how the customer wants to be talked to; None takes a wish back. The names that were told.

    The same `key` again gives the first answer and writes nothing. Refuses what is no wish, and topics the shop never
    had. `of_person`: it was said to us in person, not by a source of one record; what is stricter than another record
    of theirs wishes alone goes on record with that one too, so that it counts for each once they are parted.
    """
    told = {name: wishing.checked(name, value) for name, value in wishes.items()}
    if not told:
        raise BadWish(_("wishes: there are none; name at least one"), field="wishes", value="")
    if place not in set(Place):
        raise BadWish(
            _("place: %(place)r is none; choose from %(choices)s") % {"place": place[:20], "choices": ", ".join(Place)},
            field="place",
            value=place[:20],
        )
    topics.check(name.removeprefix(TOPIC) for name in told if name.startswith(TOPIC))

    def act() -> tuple[str, ...]:
        if not Customer.objects.select_for_update(no_key=True).filter(id=customer).exists():
            raise customers.no_number(customer)
        rows = [(customer, name) for name in sorted(told)]
        if of_person:
            rows += _laxer(set(persons.records_of(customer)) - {customer}, told)
        Row.objects.bulk_create(
            Row(
                customer_id=record,
                name=name,
                value=told[name],
                place=place,
                source=source,
                key=key if record == customer else f"{hashlib.sha256(key.encode()).hexdigest()}:{record}",
                at=at,
                by_kind=by.kind,
                by_id=by.id,
                origin="live",
            )
            for record, name in rows
        )
        announce(
            PreferencesChanged(customer=persons.of(customer), names=tuple(sorted(told)), at=at),
            by=by,
            verb="preferences.change",
            after={"names": sorted(told), "place": place},
        )
        return tuple(sorted(told))

    content = {"customer": customer, "wishes": told, "place": place, "source": source, "of_person": of_person}
    return _ACTS.once(key=key, told=content, act=act)


def _laxer(records: Collection[int], told: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Of which records alone a wish keeps less from the person than what is told now. One query."""
    alone: dict[tuple[int, str], Any] = {}
    for row in Row.objects.filter(customer_id__in=records, name__in=told).order_by("at", "id"):
        alone[row.customer_id, row.name] = row.value
    return [
        (record, name)
        for record in sorted(records)
        for name in sorted(told)
        if wishing.strictness(name, told[name]) > wishing.strictness(name, alone.get((record, name)))
    ]


def of(*, customer: int, at: datetime) -> Wishes:
    """What the customer's wishes come to. Eight queries."""
    found = _consent_rows.known([customer], at=at, purposes=(), with_birthdays=False)
    if customer not in found:
        raise customers.no_number(customer)
    return found[customer].wishes


def history(*, customer: int) -> list[Line]:
    """Every wish of the customer's records, the latest first. Two queries."""
    records = _consent_rows.people([customer]).records.get(customer, ())
    return [
        Line(
            row.id,
            row.customer_id,
            row.name,
            row.value,
            row.place,
            row.source,
            row.at,
            f"{row.by_kind}:{row.by_id}",
        )
        for row in Row.objects.filter(customer_id__in=records).order_by("-at", "-id")
    ]
