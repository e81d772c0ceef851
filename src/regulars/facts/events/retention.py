"""How long events are kept, and removing them when their time is up. That they were taken is known for ever."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy

from regulars.facts.events.following import READERS
from regulars.facts.events.intake import BITS
from regulars.facts.events.messages import KINDS, LONGEST_NAME, NAMES_OF_KINDS
from regulars.facts.events.models import Batch, Kept, Reader, Swept
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences.preferences import Preference, between, read
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

#: Whole months, where nothing else was said. Pages and screens are many and tell little.
DEFAULTS: Final[Mapping[str, int]] = {
    "track": 25,
    "identify": 25,
    "page": 13,
    "screen": 13,
    "group": 25,
    "alias": 25,
}
LONGEST_MONTHS = 240
#: Personal parts of events whose visitor nobody got to know. The quarantine needs a month's key for two months.
STRANGERS_MONTHS = Preference("events.strangers_months", int, default=13, check=between(3, LONGEST_MONTHS))
#: Rows of batches serve readers that are behind; without them events are still found, only not as fast.
BATCHES_KEPT = timedelta(days=60)
_LOT = 5_000
#: Months before the limit whose keys are looked for, in case the nightly job rested.
_KEYS_BACK = 36

# The rows of one lot, by number: the same walk goes on behind it.
_REMOVE = """
WITH gone AS MATERIALIZED (
    SELECT id FROM events_event AS event
     WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND id > %(after)s AND id <= %(upto)s
       AND CASE WHEN EXISTS (SELECT FROM unnest(%(stay_kinds)s::smallint[], %(stay_names)s::text[]) AS stay(kind, name)
                              WHERE stay.kind = event.kind AND stay.name = event.name) THEN false
                WHEN kind = ANY(%(kinds)s::smallint[]) THEN true
                ELSE EXISTS (SELECT FROM unnest(%(go_kinds)s::smallint[], %(go_names)s::text[]) AS go(kind, name)
                              WHERE go.kind = event.kind AND go.name = event.name) END
     ORDER BY id LIMIT %(limit)s
), hidden AS (
    DELETE FROM events_hidden WHERE event IN (SELECT id FROM gone)
), parked AS (
    DELETE FROM events_parked WHERE event IN (SELECT id FROM gone)
)
DELETE FROM events_event
 WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND id IN (SELECT id FROM gone) RETURNING id
"""


@dataclass(frozen=True)
class Rule:
    """Events of a kind, or of one name of it, are kept for so many whole months after the one they happened in."""

    kind: str
    name: str
    months: int
    is_default: bool


@dataclass(frozen=True)
class Removed:
    """What a night took away."""

    events: int
    months: Sequence[date]
    hidden: int
    batches: int


class BadRule(Refusal):
    """No kind of event, or no number of months."""

    code = "events.bad_rule"


def keep(*, kind: str, months: int, name: str = "", at: datetime, by: Actor) -> Rule:
    """Keep events of this kind, or of this name of it, for so many months (1 to 240). Again changes nothing.

    Shorter takes effect in the next night, and what it removes does not come back.
    """
    if kind not in KINDS or len(name) > LONGEST_NAME:
        raise BadRule(
            gettext_lazy("kind: %(kind)r is no kind of event; use one of %(kinds)s")
            % {"kind": kind[:20], "kinds": ", ".join(KINDS)},
            field="kind",
        )
    if not 1 <= months <= LONGEST_MONTHS:
        raise BadRule(
            gettext_lazy("months: %(months)s is not from 1 to %(longest_months)s")
            % {"months": months, "longest_months": LONGEST_MONTHS},
            field="months",
            value=months,
        )
    if not name.isprintable():
        raise BadRule(gettext_lazy("name: it has characters nobody can see; type it anew"), field="name")
    rule = Rule(kind, name.strip(), months, False)
    with transaction.atomic():
        row, is_new = Kept.objects.select_for_update().get_or_create(
            kind=KINDS[kind], name=rule.name, defaults={"months": months, "changed_at": at}
        )
        before = None if is_new else row.months
        if before == months:
            return rule
        row.months, row.changed_at = months, at
        row.save(update_fields=["months", "changed_at"])
        trail.record(
            by=by,
            verb="events.keep",
            subject=f"events:{kind}",
            at=at,
            before=None if before is None else {"months": before},
            after={"months": months, "rule": row.id},
        )
    return rule


def drop(*, kind: str, name: str, at: datetime, by: Actor) -> None:
    """Events of this name follow their kind again. What has no rule of its own already changes nothing."""
    with transaction.atomic():
        row = (
            Kept.objects.select_for_update().filter(kind=KINDS.get(kind, 0), name=name.strip()).exclude(name="").first()
        )
        if row is None:
            return
        trail.record(
            by=by,
            verb="events.keep.drop",
            subject=f"events:{kind}",
            at=at,
            before={"months": row.months, "rule": row.id},
        )
        row.delete()


def rules() -> list[Rule]:
    """Every rule: one for each kind, then those for names. One query."""
    told = {(row.kind, row.name): row.months for row in Kept.objects.all()}
    found = [
        Rule(kind, "", told.get((number, ""), DEFAULTS[kind]), (number, "") not in told)
        for kind, number in KINDS.items()
    ]
    named = sorted((kind, name) for kind, name in told if name)
    return found + [Rule(NAMES_OF_KINDS[kind], name, told[kind, name], False) for kind, name in named]


def remove(*, at: datetime) -> Removed:
    """Remove what is older than its rule, with its personal parts, and months that are empty then; a lot at a time.

    Only what every reader has read goes. Harmless to repeat and to break off.
    """
    today, every = at.astimezone(UTC).date(), rules()
    # A reader that has not begun has read nothing; one of an earlier release is waited for by nobody.
    places = dict(Reader.objects.values_list("name", "position"))
    read_by_all = min(places.get(reader.name, 0) for reader in READERS)
    events, gone = 0, []
    for month in _months():
        events += _sweep(month, today, every, read_by_all)
        if month < civil.month_of(today) and _drop(month):
            gone.append(month)
    hidden = _forget_strangers(today)
    behind = Batch.objects.filter(recorded_at__lt=at - BATCHES_KEPT, id__lt=read_by_all >> BITS)
    batches, _ = behind.delete()
    return Removed(events, gone, hidden, batches)


def make_months(*, at: datetime) -> None:
    """This month's partition, and the next one's shortly before it begins."""
    with connection.cursor() as cursor:
        for day in {at.date(), (at + timedelta(days=1)).date()}:
            cursor.execute("SELECT events_make_month(%s)", [day])


def _months() -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(relname, 14) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'events_event'::regclass ORDER BY relname"
        )
        return [datetime.strptime(name, "%Y_%m").date() for (name,) in cursor.fetchall()]  # noqa: DTZ007 - a day


def _is_over(rule: Rule, month: date, today: date) -> bool:
    return month < civil.add_months(civil.month_of(today), -rule.months)


def _sweep(month: date, today: date, every: Sequence[Rule], read_by_all: int) -> int:
    """Remove what is over in this month. How many events."""
    over = {(rule.kind, rule.name): _is_over(rule, month, today) for rule in every}
    if not any(over.values()):
        return 0
    digest = hashlib.sha256(json.dumps(sorted([*key, is_over] for key, is_over in over.items())).encode()).hexdigest()
    start, end = (datetime(day.year, day.month, 1, tzinfo=UTC) for day in (month, civil.add_months(month, 1)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM events_event WHERE occurred_at >= %s AND occurred_at < %s", [start, end])
        upto = min(cursor.fetchone()[0] or 0, read_by_all)
    swept = Swept.objects.filter(month=month).first()
    after = swept.upto if swept is not None and swept.rules == digest else 0
    if after >= upto:
        return 0
    stay, go = _named(over, is_over=False), _named(over, is_over=True)
    asked = {
        "start": start,
        "end": end,
        "upto": upto,
        "kinds": [KINDS[kind] for (kind, name), is_over in over.items() if is_over and not name],
        "stay_kinds": [kind for kind, _ in stay],
        "stay_names": [name for _, name in stay],
        "go_kinds": [kind for kind, _ in go],
        "go_names": [name for _, name in go],
        "limit": _LOT,
    }
    removed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_REMOVE, {**asked, "after": after})
            numbers = [number for (number,) in cursor.fetchall()]
        removed += len(numbers)
        if len(numbers) < _LOT:
            break
        after = max(numbers)
    Swept.objects.update_or_create(month=month, defaults={"rules": digest, "upto": upto})
    return removed


def _named(over: Mapping[tuple[str, str], bool], *, is_over: bool) -> list[tuple[int, str]]:
    return [(KINDS[kind], name) for (kind, name), said in over.items() if name and said is is_over]


def _drop(month: date) -> bool:
    """Drop the month where nothing is left of it. Events wait for that: not for longer than a moment."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            cursor.execute("SELECT events_drop_month(%s)", [month])
            is_gone = bool(cursor.fetchone()[0])
    except OperationalError:
        # Somebody reads it just now; there is another night.
        return False
    if is_gone:
        Swept.objects.filter(month=month).delete()
    return is_gone


def _forget_strangers(today: date) -> int:
    """Delete the keys of months long past, and what was sealed with them: of whom nobody got to know."""
    limit = civil.add_months(civil.month_of(today), -read(STRANGERS_MONTHS))
    for back in range(1, _KEYS_BACK + 1):
        month = civil.add_months(limit, -back)
        vault.forget(vault.nobody_yet(datetime(month.year, month.month, 1, tzinfo=UTC)))
    newest = vault.nobody_yet(datetime(limit.year, limit.month, 1, tzinfo=UTC))
    removed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM events_hidden WHERE event IN"
                " (SELECT event FROM events_hidden WHERE sealed_for < 0 AND sealed_for > %s LIMIT %s)",
                [newest, _LOT],
            )
            count = int(cursor.rowcount)
        removed += count
        if count < _LOT:
            return removed
