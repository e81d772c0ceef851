"""What shops told, taken: messages that wait, and pages that were read.

Many at a time: what costs the same for one as for many is done once for all. One that cannot be taken keeps no other
out: it is found by halves, and its reason kept.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, transaction

from regulars.doors.connectors import shops
from regulars.doors.connectors.applying import ASKED, MESSAGE, POLLED, Item, apply
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import About, Asking, Client, Shop
from regulars.doors.connectors.reading import Document, NotUnderstood, document
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Deleted,
    OrderTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
)
from regulars.facts.sources import connections, inbox
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Origin
from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

#: How many messages are taken in one transaction, and how many seconds their shop is asked in it at most.
TOGETHER, ASKS_FOR = 100, 10.0
#: How long a message waits for a shop that cannot be asked; the polls read what it hinted at meanwhile.
ASKED_FOR = timedelta(days=1)
#: After so many calls in a row that failed the shop is left alone for now.
_IN_A_ROW = 3
#: The code of a message whose shop wants to be left alone for now.
RESTS = "rests"
_LOG = logging.getLogger(__name__)
#: The topic of what a poll found and nobody could make sense of: followed by its stream.
FOUND = "found:"
#: So far may a shop's clock, or the zone that its times are said in, be ahead of ours.
AHEAD = timedelta(days=1)
#: The topic of what a look found to be there no more: followed by its stream, a colon and its id.
GONE = "gone:"


@dataclass(frozen=True)
class NotTaken:
    """Why something was not taken: a code that counts, and words that quote nothing personal."""

    code: str
    why: str


@dataclass(frozen=True)
class Taken:
    """What became of some things: counts by word (new, changed, same, stale, conflict, ignored_…), and by its place
    which of them were not taken."""

    came: Mapping[str, int]
    not_taken: Mapping[int, NotTaken] = field(default_factory=dict)

    @property
    def news(self) -> int:
        """How much of it was not on record, or otherwise."""
        return self.came.get("new", 0) + self.came.get("changed", 0)


@dataclass(frozen=True)
class _Done:
    """How far one taking got: how many were settled, of how many the shop could not be asked, the last that was held,
    and whether to look for more after it. `is_late`: there was no time to ask for all that were held."""

    settled: int = 0
    put_off: int = 0
    last: int = 0
    goes_on: bool = False
    is_late: bool = False


@dataclass(frozen=True)
class _Message:
    """A delivery while it is taken: what it tells by itself, and for what it says to ask."""

    about: inbox.Delivery
    plain: Sequence[Report]
    hints: Sequence[Ask]

    @property
    def hand(self) -> int:
        """What a poll found, and is only taken now, is what a poll read."""
        return POLLED if self.about.topic.startswith(FOUND) else MESSAGE


@dataclass(frozen=True)
class _Shop:
    """Whom the messages are from, and what it answered: reports, or None where there is no such thing any more."""

    connection: Connection
    shop: Shop
    about: About
    at: datetime
    answers: dict[Ask, Sequence[Report] | None] = field(default_factory=dict)


def take_waiting(
    *,
    connection: int | None = None,
    before: datetime | None = None,
    limit: int = 500,
    caller: Caller | None = None,
) -> int:
    """Take what waits, oldest first; how many were settled. What somebody else has in hand is left to them."""
    settled = 0
    for whose in [connection] if connection is not None else inbox.who_waits(before=before):
        after, done = -1, _Done(goes_on=True)
        # A round that got no further is the last one, whatever kept it.
        while done.goes_on and done.last > after and settled < limit:
            after, most = done.last, min(TOGETHER, limit - settled)
            done = _take_some(whose, after=after, before=before, limit=most, caller=caller)
            settled += done.settled
    return settled


def take(delivery: int, *, caller: Caller | None = None) -> bool | None:
    """Take one delivery that waits: all it tells, or nothing of it and the reason why.

    False where it does not wait, or its connection is paused. None where its shop, which it only hints at, cannot be
    asked now: it goes on waiting, for a day. Raises what the database may take another time, and nothing else.
    """
    whose = inbox.sent_to(delivery)
    done = _Done() if whose is None else _take_some(whose, only=delivery, limit=1, caller=caller)
    return None if done.put_off else done.settled > 0


def take_from(delivery: int, *, caller: Caller | None = None) -> int:
    """`take` it, together with what waits of its connection and came after it; how many were settled."""
    whose = inbox.sent_to(delivery)
    return 0 if whose is None else _take_some(whose, after=delivery - 1, limit=TOGETHER, caller=caller).settled


def take_items(
    items: Sequence[Sequence[Report]],
    *,
    connection: Connection,
    shop: Shop,
    at: datetime,
    origin: Origin,
    hand: int = POLLED,
    delivery: str = "",
) -> Taken:
    """Take things of one page in the caller's transaction: together where they let themselves, else by halves.

    What cannot be taken is left out, by its place and with the reason.
    """
    try:
        with transaction.atomic():
            told = [Item(reports, delivery) for reports in items]
            each = apply(told, connection=connection, shop=shop, hand=hand, at=at, origin=origin)
            return Taken(sum(each, Counter[str]()))
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # One of them is at fault, and a walk must not stand still at it for ever: it is found by halves.
        if len(items) <= 1:
            return Taken(Counter(), {0: _reason(problem)})
    half = len(items) // 2
    one, other = (
        take_items(some, connection=connection, shop=shop, at=at, origin=origin, hand=hand, delivery=delivery)
        for some in (items[:half], items[half:])
    )
    # This one, and why, is told to whoever looks at the connection; the rest of its page is in.
    not_taken = {**one.not_taken, **{half + place: why for place, why in other.not_taken.items()}}
    return Taken(Counter(one.came) + Counter(other.came), not_taken)


def read_item(shop: Shop, about: About, stream: str, item: Document, at: datetime) -> Sequence[Report] | NotTaken:
    """What one thing of a page tells, or why nobody can say."""
    try:
        return _of_the_past(shop.read(stream, item, about), at)
    except NotUnderstood as problem:
        return NotTaken(problem.code, problem.why)
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # Shops send what no document says: one thing that breaks its reader is left out, and the page goes on.
        return NotTaken("our_fault", named(problem))


def client_of(connection: Connection, caller: Caller, at: datetime) -> Client:
    """Somebody who asks this shop."""
    return shops.of(connection.kind).client(asking(connection, caller, at))


def asking(connection: Connection, caller: Caller, at: datetime) -> Asking:
    """What it takes to speak with this shop."""
    return Asking(
        shops.about(connection),
        connections.secrets_of(connection=connection.id, at=at),
        caller,
        lambda kept: connections.remember(connection=connection.id, kept=kept),
    )


_TOLD = ("new", "changed", "same", "asked", "disconnected")
#: What says nothing of the thing in hand: the database, or the shop, is not there just now.
_ANOTHER_TIME = (OperationalError, InterfaceError, CallFailed, Rest)


def _reason(problem: Exception) -> NotTaken:
    if isinstance(problem, NotUnderstood):
        return NotTaken(problem.code, problem.why)
    if isinstance(problem, Refusal):
        # Its message may quote what the shop told, which may be somebody's name: the field and the mend are enough.
        return NotTaken(problem.code, f"{problem.facts.get('field', 'it')}: was refused; {named(problem)}")
    is_database = isinstance(problem, IntegrityError | DataError)
    return NotTaken("database_refused" if is_database else "our_fault", named(problem))


def _read(
    shop: Shop, about: About, topic: str, body: bytes, told_at: datetime | None, at: datetime
) -> Sequence[Report]:
    if topic.startswith(FOUND):
        found = read_item(shop, about, topic.removeprefix(FOUND), document(body), at)
        if isinstance(found, NotTaken):
            raise NotUnderstood(found.code, found.why)
        return found
    if topic.startswith(GONE):
        # Somebody said so.
        what = shop.looks[topic.removeprefix(GONE).partition(":")[0]]
        return [Deleted(what=what, ref=str(document(body)["ref"]), told_at=told_at or at)]
    return _of_the_past(shop.translate(topic, body, told_at, about), at)


def _of_the_past(reports: Sequence[Report], at: datetime) -> Sequence[Report]:
    """The reports as they are. What is told as of a day that has not come would be the latest for years, and nothing
    told after it would count: it is not taken, and waits until the shop's clock is right."""
    for one in reports:
        told_at = _told_at(one)
        if told_at is not None and told_at > at + AHEAD:
            raise NotUnderstood("not_yet", "updated_at: is more than a day ahead of our clock")
    return reports


def _told_at(one: Report) -> datetime | None:
    match one:
        case OrderTold() | RefundTold() | ShipmentTold():
            return one.report.source_updated_at
        case CustomerTold():
            return max((one.told_at, *(answer.at for answer in one.consents)))
        case ProductTold() | StockTold() | Deleted():
            return one.told_at
    # A price may be told before it holds.
    return None


def _take_some(
    connection: int,
    *,
    only: int | None = None,
    after: int = 0,
    before: datetime | None = None,
    limit: int,
    caller: Caller | None,
) -> _Done:
    whose = connections.get(connection)
    if whose.state != "on":
        return _Done()
    try:
        with transaction.atomic():
            held = inbox.hold_many(connection=connection, only=only, after=after, before=before, limit=limit)
            done = _take_held(held, whose, caller)
    except (OperationalError, InterfaceError):
        raise
    except Exception as problem:
        if only is None:
            return _one_by_one(connection, after, before, limit, caller)
        # One that even its reason is not kept of: it must not be in the way of all others.
        _LOG.exception("Delivery %s could not be taken.", only)
        with transaction.atomic():
            inbox.settle(
                number=only,
                as_="not_understood",
                code="our_fault",
                why=named(problem),
                at=clock.now(),
                only_waiting=True,
            )
        return _Done(settled=1)
    return replace(done, goes_on=done.goes_on and (done.is_late or len(held) == limit))


def _one_by_one(connection: int, after: int, before: datetime | None, limit: int, caller: Caller | None) -> _Done:
    waiting = inbox.waiting(connection=connection, after=after, before=before, limit=limit)
    settled = put_off = 0
    for number in waiting:
        done = take(number, caller=caller)
        settled, put_off = settled + (done is True), put_off + (done is None)
        if put_off == _IN_A_ROW:
            return _Done(settled, put_off)
    return _Done(settled, put_off, waiting[-1] if waiting else after, len(waiting) == limit)


def _take_held(
    held: Sequence[tuple[inbox.Delivery, bytes | None]], connection: Connection, caller: Caller | None
) -> _Done:
    now = clock.now()
    if connection.kind not in shops.SHOPS:
        # Such as a watched folder's: its files came in at another door.
        why = "no connector takes this again; drop the file into its folder once more"
        for one, _ in held:
            _not_understood(one.id, NotTaken("not_a_message", why), now)
        return _Done(len(held), last=held[-1][0].id if held else 0, goes_on=True)
    from_ = _Shop(connection, shops.of(connection.kind), shops.about(connection), now)
    messages = [message for one, body in held if (message := _opened(one, body, from_)) is not None]
    # Before anything is written: nobody waits for a lock while a shop thinks about its answer.
    failed, unasked = _ask(messages, from_, caller)
    for number, reason in failed.items():
        _not_understood(number, reason, now)
    left = {*failed, *unasked}
    _apply_some([message for message in messages if message.about.id not in left], from_)
    for message in messages:
        if code := unasked.get(message.about.id):
            _wait(message.about, code, now)
    settled, put_off = len(held) - len(unasked), sum(code != "" for code in unasked.values())
    if put_off >= _IN_A_ROW or RESTS in unasked.values():
        return _Done(settled, put_off)
    # Those for which there was no time are the next ones.
    late = min((number for number, code in unasked.items() if not code), default=None)
    last = (held[-1][0].id if held else 0) if late is None else late - 1
    return _Done(settled, put_off, last, goes_on=True, is_late=late is not None)


def _opened(one: inbox.Delivery, body: bytes | None, from_: _Shop) -> _Message | None:
    """What it says; None, and settled, where nobody understands it."""
    if body is None:
        _not_understood(
            one.id, NotTaken("our_fault", "its body cannot be opened: the key of its month is another"), from_.at
        )
        return None
    try:
        reports = _read(from_.shop, from_.about, one.topic, body, one.told_at, from_.at)
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # Whatever it is, a fault of ours too: kept with its reason and taken again after a mend; the others go on.
        _not_understood(one.id, _reason(problem), from_.at)
        return None
    hints = [report for report in reports if isinstance(report, Ask)]
    return _Message(one, [report for report in reports if not isinstance(report, Ask)], list(dict.fromkeys(hints)))


def _ask(
    messages: Sequence[_Message], from_: _Shop, caller: Caller | None
) -> tuple[dict[int, NotTaken], dict[int, str]]:
    """Ask the shop for what the messages hint at, each thing once. Of which of them nobody understands the answer; and
    of which it could not be asked, with the code of the call that failed, "" where none was made."""
    failed: dict[int, NotTaken] = {}
    unasked: dict[int, str] = {}
    if not any(message.hints for message in messages):
        return failed, unasked
    until, asked, in_a_row = time.monotonic() + ASKS_FOR, False, 0
    with Caller() if caller is None else nullcontext(caller) as asking:
        client = client_of(from_.connection, asking, from_.at)
        for message in messages:
            wanted = [hint for hint in message.hints if hint not in from_.answers]
            # The first that has to be asked for always is, with all it hints at: each round gets further, however slow.
            if wanted and (in_a_row >= _IN_A_ROW or (asked and time.monotonic() > until)):
                unasked[message.about.id] = ""
                continue
            for hint in wanted:
                asked = True
                try:
                    item = client.one(hint.stream, hint.ref)
                    from_.answers[hint] = (
                        None
                        if item is None
                        else _of_the_past(from_.shop.read(hint.stream, item, from_.about), from_.at)
                    )
                    in_a_row = 0
                except (CallFailed, Rest) as problem:
                    unasked[message.about.id] = problem.code if isinstance(problem, CallFailed) else RESTS
                    in_a_row = in_a_row + 1 if isinstance(problem, CallFailed) else _IN_A_ROW
                    break
                except (OperationalError, InterfaceError):
                    raise
                except Exception as problem:
                    # What a shop answers may be anything; whose message it was is told.
                    failed[message.about.id] = _reason(problem)
                    break
    return failed, unasked


def _apply_some(messages: Sequence[_Message], from_: _Shop) -> None:
    """Take them together where they let themselves, else by halves: those at fault keep no other out."""
    if not messages:
        return
    try:
        with transaction.atomic():
            came = _apply(messages, from_)
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # One of them is at fault, and the others are not.
        if len(messages) > 1:
            half = len(messages) // 2
            _apply_some(messages[:half], from_)
            _apply_some(messages[half:], from_)
        elif from_.shop.tells_many:
            _apply_apart(messages[0], from_)
        else:
            _not_understood(messages[0].about.id, _reason(problem), from_.at)
        return
    inbox.settle_many(came={one.about.id: _settled(came[place]) for place, one in enumerate(messages)}, at=from_.at)


def _apply(messages: Sequence[_Message], from_: _Shop) -> list[Counter[str]]:
    came = [Counter[str]() for _ in messages]
    hands: dict[int, list[tuple[int, Item]]] = {MESSAGE: [], ASKED: [], POLLED: []}
    given: set[Ask] = set()
    for place, message in enumerate(messages):
        told_by = f"delivery:{message.about.id}"
        hands[message.hand].append((place, Item(message.plain, told_by)))
        for hint in message.hints:
            if hint in given:
                # What another of them hinted at was asked for once.
                came[place]["same"] += 1
                continue
            given.add(hint)
            reports = from_.answers[hint]
            if reports is not None:
                hands[ASKED].append((place, Item(reports, told_by)))
            elif hint.gone is not None:
                gone = Deleted(what=hint.gone, ref=hint.ref, told_at=from_.at)
                hands[ASKED].append((place, Item([gone], told_by)))
            else:
                came[place]["ignored_gone"] += 1
    for hand, placed in hands.items():
        items = [item for _, item in placed]
        counts = apply(items, connection=from_.connection, shop=from_.shop, hand=hand, at=from_.at, origin="live")
        for (place, _), counted in zip(placed, counts, strict=True):
            came[place] += counted
    return came


def _apply_apart(message: _Message, from_: _Shop) -> None:
    """Each thing that one message tells by itself."""
    each = [[report] for report in message.plain]
    told_by = f"delivery:{message.about.id}"
    taken = take_items(
        each,
        connection=from_.connection,
        shop=from_.shop,
        at=from_.at,
        origin="live",
        hand=message.hand,
        delivery=told_by,
    )
    kept_out = list(taken.not_taken.values())
    if not kept_out:
        inbox.settle_many(came={message.about.id: _settled(Counter(taken.came))}, at=from_.at)
        return
    # The rest of it is on record; taken again after a mend, it is known.
    why = f"{len(kept_out)} of its things were not taken, the first because: {kept_out[0].why}"
    _not_understood(message.about.id, NotTaken(kept_out[0].code, why), from_.at, taken.came)


def _settled(came: Counter[str]) -> tuple[inbox.State, dict[str, int]]:
    is_old_news = not (came["new"] + came["changed"] + came["asked"] + came["disconnected"]) and came["same"] > 0
    is_late = not is_old_news and not any(came[word] for word in _TOLD) and came["stale"] > 0
    counts = {word: count for word, count in sorted(came.items()) if count}
    return "repeated" if is_old_news or is_late else "done", counts


def _not_understood(number: int, why: NotTaken, at: datetime, came: Mapping[str, int] | None = None) -> None:
    counts = {word: count for word, count in sorted((came or {}).items()) if count}
    inbox.settle(number=number, as_="not_understood", came=counts, code=why.code, why=why.why, at=at)


def _wait(one: inbox.Delivery, code: str, at: datetime) -> None:
    is_over = one.arrived_at < at - ASKED_FOR
    why = "the shop has to be asked for what it hints at, and could not be"
    inbox.settle(number=one.id, as_="not_understood" if is_over else "waiting", code=code, why=why, at=at)
