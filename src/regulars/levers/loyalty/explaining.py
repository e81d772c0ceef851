"""What was decided of an order or event, in the reader's language: what each rule gave and why, and why not."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from regulars.facts.customers import persons
from regulars.kit import paging
from regulars.kit.paging import Page
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty import reasons as said_of
from regulars.levers.loyalty._earning.rows import Earning, MissedEvent, Version
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import reasons
from regulars.levers.loyalty.rules.grants import Reason
from regulars.levers.loyalty.rules.rule import points_text
from regulars.levers.loyalty.titles import titled


@dataclass(frozen=True)
class Ruled:
    """What one rule came to. `points` are in words, "0" where it gave nothing; `lines`: line of the order to its parts;
    `because` says why, or why not. One that promises money to a cause (`is_pledge`) gives no points."""

    rule: str
    parts: int
    points: str
    lines: Mapping[int, int]
    because: str
    is_pledge: bool = False


@dataclass(frozen=True)
class Decided:
    """What a programme decided for a subject, such as "order:123", by which of its versions, when, and with what it
    knew of the customer then (`evidence`). `title` is what its kind of points is called in the reader's language."""

    subject: str
    programme: str
    version: int
    currency: str
    title: str
    scale: int
    customer: int
    effective_at: datetime
    decided_at: datetime
    evidence: Mapping[str, Any]
    rules: Sequence[Ruled]


@dataclass(frozen=True)
class RuledOn:
    """What one rule of a programme's version came to for an event. `because` says why, or why not."""

    programme: str
    version: int
    currency: str
    title: str
    scale: int
    ruled: Ruled


@dataclass(frozen=True)
class Did:
    """Something a customer did that rules are for: `event` as programmes call it, `words` in the reader's language,
    `about` what it was done to where that is known."""

    event: str
    words: str
    about: str
    at: datetime
    rules: Sequence[RuledOn]


@dataclass(frozen=True)
class Got:
    """An award that came of an order, with where its parts are now: `state` by place, those where some are. `entry` is
    the public id of the entry that gave it, `matures_at` None of pending points that wait for something to happen."""

    rule: str
    entry: str
    customer: int
    currency: str
    scale: int
    original: int
    state: Mapping[str, int]
    matures_at: datetime | None
    expires_on: date | None


@dataclass(frozen=True)
class CameOf:
    """With what an award was earned: an order, by its number; else `because` is why it was given, in the reader's
    language, and `reference` what whoever told it calls it."""

    order: int | None
    because: str
    reference: str


def of_subject(subject: str) -> list[Decided]:
    """What every programme decided for it. Two queries."""
    return _read(Earning.objects.filter(subject=subject, revision__gt=0).order_by("programme_id"))


def of_order(order: int) -> list[Decided]:
    """What an order earned and why, and what it did not earn and why not."""
    return of_subject(f"order:{order}")


def got_by(order: int) -> list[Got]:
    """The awards that came of an order, in the order in which they were given. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_GOT, [f"order:{order}"])
        return [
            Got(
                rule,
                entry,
                customer,
                currency,
                scale,
                original,
                {place: parts for place, parts in zip(_PLACES, where, strict=True) if parts},
                *when,
            )
            for rule, entry, customer, currency, scale, original, where, *when in cursor.fetchall()
        ]


def came_of(lots: Collection[int]) -> dict[int, CameOf]:
    """With what each of these awards was earned. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_CAME_OF, [list(lots)])
        return {
            lot: CameOf(
                None if order is None else int(order),
                said_of.say(said_of.Reason(code, json.loads(arguments))),
                subject.removeprefix("api:") if subject.startswith("api:") else "",
            )
            for lot, order, code, arguments, subject in cursor.fetchall()
        }


def orders_of(entries: Collection[int]) -> dict[int, int]:
    """The orders of those of these entries by which an order gave points or took them back, by the entry. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS_OF, [list(entries)])
        return {entry: int(order) for entry, order in cursor.fetchall()}


def events_of(customer: int, *, cursor: str | None = None, limit: int = 50) -> Page[Did]:
    """What somebody did that rules for events are for, the latest first: what each rule gave, or why not; of what gave
    nothing the last half year. Six queries, and a few for each version that is not read yet."""
    place = ("infinity", "", "") if cursor is None else paging.decode(cursor, _EVENTS, datetime, str, str)
    records = list(persons.records_of(persons.of(customer)))
    with connection.cursor() as rows:
        rows.execute(_DID, [records, records, *place, limit + 1])
        page = paging.cut(rows.fetchall(), limit, of=_EVENTS, key=lambda row: (row[0], row[1], row[2]))
    of_time = {"record__in": records, "effective_at__in": [at for at, *_what in page.items]}
    gave = list(
        Earning.objects.filter(**of_time, subject__startswith="event:", revision__gt=0).order_by("programme_id", "id")
    )
    missed = list(MissedEvent.objects.filter(**of_time).order_by("id"))
    versions = {row.version_id for row in gave} | {row.version_id for row in missed}
    numbers = dict(Version.objects.filter(id__in=versions).values_list("id", "number"))
    found: dict[tuple[datetime, str, str], list[RuledOn]] = {(at, event, about): [] for at, event, about in page.items}
    for row in gave:
        did = (row.effective_at, row.subject.split(":", 2)[1], row.context.get("about", ""))
        for rule, told in {**row.missed, **row.why}.items() if did in found else ():
            programme = programmes.read(row.version_id)
            of = _ruled(rule, row.lines.get(rule, {}), told, programme.currency.scale)
            found[did].append(_ruled_on(programme, numbers[row.version_id], of))
    for no in missed:
        if (did := (no.effective_at, no.event, no.about)) in found:
            programme = programmes.read(no.version_id)
            of = _ruled(no.rule, {}, (no.reason, no.arguments), programme.currency.scale)
            found[did].append(_ruled_on(programme, numbers[no.version_id], of))
    told_of = [Did(event, reasons.event(event), about, at, found[at, event, about]) for at, event, about in page.items]
    return Page(tuple(told_of), page.next)


def _ruled_on(programme: Programme, version: int, of: Ruled) -> RuledOn:
    coin = programme.currency
    return RuledOn(programme.code, version, coin.code, titled(coin.code, coin.titles), coin.scale, of)


def earned_by(orders: Sequence[int]) -> dict[int, list[tuple[str, int, int]]]:
    """What stands of what each order earned, for each kind of points: what it is called in the reader's language,
    parts, and their scale. One query."""
    found: dict[int, list[tuple[str, int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_EARNED, [[f"order:{order}" for order in orders]])
        for order, code, words, parts, scale in cursor.fetchall():
            found.setdefault(order, []).append((titled(code, json.loads(words)), parts, scale))
    return found


_EARNED = """
SELECT substr(earning.subject, 7)::bigint, currency.code, currency.titles::text,
       sum(lot.original - lot.taken_back - lot.short)::bigint, currency.scale
  FROM loyalty_earning AS earning JOIN loyalty_lot AS lot ON lot.earning_id = earning.id
  JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE earning.subject = ANY(%s) GROUP BY earning.subject, currency.id ORDER BY earning.subject, currency.code
"""


_CAME_OF = """
SELECT lot.id, CASE WHEN lot.earning_id IS NOT NULL THEN substring(lot.subject FROM '^order:([0-9]+)$') END,
       entry.reason, entry.arguments::text, lot.subject
  FROM loyalty_lot AS lot JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id WHERE lot.id = ANY(%s)
"""
# Of what was spent the awards say where it was earned, not what it was spent on: so only of what gave and took awards.
_ORDERS_OF = """
SELECT entry.id, min(substring(lot.subject FROM '^order:([0-9]+)$'))
  FROM loyalty_entry AS entry JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
  JOIN loyalty_lot AS lot ON lot.id = posting.lot_id AND lot.earning_id IS NOT NULL
  LEFT JOIN loyalty_entry AS original ON original.id = entry.reverses_id
 WHERE entry.id = ANY(%s) AND posting.for_lot_id IS NULL
   AND (entry.kind IN ('award', 'activate') OR (entry.kind = 'reverse' AND coalesce(original.kind, 'award') = 'award'))
 GROUP BY entry.id
HAVING count(DISTINCT lot.subject) = 1 AND min(substring(lot.subject FROM '^order:([0-9]+)$')) IS NOT NULL
"""
_EVENTS = "events_that_earn"
_DID = """
SELECT effective_at, event, about FROM (
  SELECT effective_at, split_part(subject, ':', 2) AS event, COALESCE(context ->> 'about', '') AS about
    FROM loyalty_earning WHERE record_id = ANY(%s::bigint[]) AND starts_with(subject, 'event:') AND revision > 0
   UNION SELECT effective_at, event, about FROM loyalty_missed_event WHERE record_id = ANY(%s::bigint[])) AS did
 WHERE (effective_at, event, about) < (%s::timestamptz, %s, %s)
 ORDER BY effective_at DESC, event DESC, about DESC LIMIT %s
"""
_PLACES = ("pending", "available", "held", "spent", "lapsed", "taken_back", "owed")
_GOT = """
SELECT split_part(lot.rule, '.', 2), entry.public_id, account.customer_id, currency.code, currency.scale, lot.original,
       ARRAY[lot.pending, lot.available, lot.held, lot.spent, lot.lapsed, lot.taken_back, lot.owed],
       lot.matures_at, lot.expires_on
  FROM loyalty_earning AS earning JOIN loyalty_lot AS lot ON lot.earning_id = earning.id
  JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id
  JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE earning.subject = %s AND lot.original > 0 ORDER BY lot.id
"""


def _read(rows: Any) -> list[Decided]:
    found = list(rows)
    numbers = dict(Version.objects.filter(id__in={row.version_id for row in found}).values_list("id", "number"))
    return [_decided(row, numbers[row.version_id]) for row in found]


def _decided(row: Earning, number: int) -> Decided:
    programme = programmes.read(row.version_id)
    told = {**row.missed, **row.why}
    return Decided(
        subject=row.subject,
        programme=programme.code,
        version=number,
        currency=programme.currency.code,
        title=titled(programme.currency.code, programme.currency.titles),
        scale=programme.currency.scale,
        customer=row.record_id,
        effective_at=row.effective_at,
        decided_at=row.decided_at,
        evidence=row.context,
        rules=[
            _ruled(rule.id, row.lines.get(rule.id, {}), told[rule.id], programme.currency.scale)
            for rule in programme.rules
            if rule.id in told
        ],
    )


def _ruled(rule: str, lines: Mapping[str, int], told: Sequence[Any], scale: int) -> Ruled:
    parts, (code, facts) = sum(lines.values()), told
    return Ruled(
        rule=rule,
        parts=parts,
        points=points_text(parts, scale),
        lines={int(line): share for line, share in lines.items()},
        because=reasons.said(Reason(code, facts)),
        is_pledge=code == "pledged",
    )
