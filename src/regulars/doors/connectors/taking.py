"""What shops told, into the house: one place for all of them, from reports to the verbs of the rooms.

The update time decides between versions, so it does not matter in which order messages come, how often, or whether the
same is read by a poll: see `reading.marked` for what counts when two are of one tick of the shop's clock.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import polars as pl
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, transaction

from regulars.doors.connectors import shops
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import About, Asking, Client, Shop
from regulars.doors.connectors.reading import Document, NotUnderstood, document, is_masked, marked
from regulars.doors.connectors.reports import (
    Ask,
    ConsentTold,
    CustomerTold,
    Deleted,
    Disconnected,
    Ignored,
    OrderTold,
    PersonRedacted,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
    StoreTold,
    VariantTold,
)
from regulars.facts.commerce import catalogue, goods_returns, orders, prices, shipments, stock, variants
from regulars.facts.commerce.order_reports import OrderReport
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.price_windows import Asked
from regulars.facts.company import stores
from regulars.facts.customers import consent, customers, identifiers, identity, profiles
from regulars.facts.customers.profiles import Profile
from regulars.facts.sources import connections, inbox, privacy_requests
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Actor, Origin
from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock
from regulars.runtime.secrets import lookup

#: How surely what is told is how the shop stands; see `reading.marked`.
MESSAGE, ASKED, POLLED = 0, 1, 2
#: How long a message waits for a shop that cannot be asked; the polls read what it hinted at meanwhile.
ASKED_FOR = timedelta(days=1)
T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_NEVER = datetime.min.replace(tzinfo=UTC)
#: What shops mask before they let others have it.
_PERSONAL = ("given_name", "family_name", "display_name", "email", "phone", "address")
#: The topic of what a poll found and nobody could make sense of: followed by its stream.
FOUND = "found:"


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


def actor(connection: Connection) -> Actor:
    """Who writes what a connection tells."""
    return Actor("connector", connection.name)


def take_waiting(
    *,
    connection: int | None = None,
    before: datetime | None = None,
    limit: int = 500,
    caller: Caller | None = None,
) -> int:
    """Take what waits, oldest first; how many were settled. What somebody else has in hand is left to them."""
    settled, unanswered = 0, set[int]()
    for number, whose in inbox.waiting(connection=connection, before=before, limit=limit):
        if whose in unanswered:
            continue
        done = take(number, caller=caller)
        settled += done is True
        if done is None:
            unanswered.add(whose)
    return settled


def take(delivery: int, *, caller: Caller | None = None) -> bool | None:
    """Take one delivery that waits: all it tells, or nothing of it and the reason why.

    False where it does not wait, or its connection is paused. None where its shop, which it only hints at, cannot be
    asked now: it goes on waiting, for a day. Raises what the database may take another time, and nothing else.
    """
    try:
        with transaction.atomic():
            return _take(delivery, caller)
    except (CallFailed, Rest) as problem:
        code = problem.code if isinstance(problem, CallFailed) else "rests"
    except (OperationalError, InterfaceError):
        raise
    except Exception as problem:
        # One that even its reason is not kept of, or its body does not open: it must not be in the way of all others.
        _LOG.exception("Delivery %s could not be taken.", delivery)
        with transaction.atomic():
            inbox.settle(
                number=delivery,
                as_="not_understood",
                code="our_fault",
                why=named(problem),
                at=clock.now(),
                only_waiting=True,
            )
        return True
    now = clock.now()
    with transaction.atomic():
        held = inbox.hold(delivery)
        if held is not None:
            is_over = held[0].arrived_at < now - ASKED_FOR
            why = "the shop has to be asked for what it hints at, and could not be"
            inbox.settle(number=delivery, as_="not_understood" if is_over else "waiting", code=code, why=why, at=now)
    return None


def _take(delivery: int, caller: Caller | None) -> bool:
    held = inbox.hold(delivery)
    if held is None:
        return False
    about_it, body = held
    connection = connections.get(about_it.connection)
    if connection.state != "on":
        return False
    now = clock.now()
    if connection.kind not in shops.SHOPS:
        # Such as a watched folder's: its files came in at another door.
        why = "no connector takes this again; drop the file into its folder once more"
        inbox.settle(number=delivery, as_="not_understood", code="not_a_message", why=why, at=now)
        return True
    shop, about = shops.of(connection.kind), shops.about(connection)
    try:
        with transaction.atomic():
            reports = _read(shop, about, about_it.topic, body, about_it.told_at)
            hints = [report for report in reports if isinstance(report, Ask)]
            # Before anything is written: nobody waits for a lock while a shop thinks about its answer.
            asked, gone = _ask(hints, connection, shop, about, caller, now) if hints else ([], 0)
            plain = [report for report in reports if not isinstance(report, Ask)]
            # What a poll found, and is only taken now, is what a poll read.
            hand = POLLED if about_it.topic.startswith(FOUND) else MESSAGE
            told_by, kept_out = f"delivery:{delivery}", list[NotTaken]()
            if shop.tells_many:
                each = [[report] for report in plain]
                taken = take_items(
                    each, connection=connection, shop=shop, at=now, origin="live", hand=hand, delivery=told_by
                )
                came, kept_out = Counter(taken.came), list(taken.not_taken.values())
            else:
                came = _apply(plain, connection, shop, hand, now, delivery=told_by)
            came.update(_apply(asked, connection, shop, ASKED, now, delivery=told_by))
            came.update(ignored_gone=gone)
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # Whatever it is, a fault of ours too: kept with its reason and taken again after a mend; the others go on.
        reason = _reason(problem)
        inbox.settle(number=delivery, as_="not_understood", code=reason.code, why=reason.why, at=now)
        return True
    is_old_news = not (came["new"] + came["changed"] + came["asked"] + came["disconnected"]) and came["same"] > 0
    is_late = not is_old_news and not any(came[word] for word in _TOLD) and came["stale"] > 0
    counts = {word: count for word, count in sorted(came.items()) if count}
    if kept_out:
        # The rest of it is on record; taken again after a mend, it is known.
        why = f"{len(kept_out)} of its things were not taken, the first because: {kept_out[0].why}"
        inbox.settle(number=delivery, as_="not_understood", came=counts, code=kept_out[0].code, why=why, at=now)
        return True
    inbox.settle(number=delivery, as_="repeated" if is_old_news or is_late else "done", came=counts, at=now)
    return True


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
    """Take things of one page in the caller's transaction: together where they let themselves, else each apart.

    What cannot be taken is left out, by its place and with the reason.
    """
    try:
        with transaction.atomic():
            together = [report for reports in items for report in reports]
            return Taken(_apply(together, connection, shop, hand, at, origin, delivery))
    except _ANOTHER_TIME:
        raise
    except Exception as problem:
        # One of them is at fault, and a walk must not stand still at it for ever: each is tried by itself below.
        if len(items) <= 1:
            return Taken(Counter(), {0: _reason(problem)})
    came: Counter[str] = Counter()
    not_taken: dict[int, NotTaken] = {}
    for place, reports in enumerate(items):
        try:
            with transaction.atomic():
                came += _apply(reports, connection, shop, hand, at, origin, delivery)
        except _ANOTHER_TIME:
            raise
        except Exception as problem:
            # This one, and why, is told to whoever looks at the connection; the rest of its page is in.
            not_taken[place] = _reason(problem)
    return Taken(came, not_taken)


def read_item(shop: Shop, about: About, stream: str, item: Document) -> Sequence[Report] | NotTaken:
    """What one thing of a page tells, or why nobody can say."""
    try:
        return shop.read(stream, item, about)
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


def _read(shop: Shop, about: About, topic: str, body: bytes, told_at: datetime | None) -> Sequence[Report]:
    if topic.startswith(FOUND):
        found = read_item(shop, about, topic.removeprefix(FOUND), document(body))
        if isinstance(found, NotTaken):
            raise NotUnderstood(found.code, found.why)
        return found
    return shop.translate(topic, body, told_at, about)


def _ask(
    hints: Sequence[Ask], connection: Connection, shop: Shop, about: About, caller: Caller | None, at: datetime
) -> tuple[list[Report], int]:
    """What the shop says of the things it hinted at, and how many of them there are not any more."""
    found: list[Report] = []
    gone = 0
    with Caller() if caller is None else nullcontext(caller) as asking:
        client = client_of(connection, asking, at)
        for hint in dict.fromkeys(hints):
            item = client.one(hint.stream, hint.ref)
            if item is None and hint.gone is not None:
                found.append(Deleted(what=hint.gone, ref=hint.ref, told_at=at))
            elif item is None:
                gone += 1
            else:
                found += shop.read(hint.stream, item, about)
    return found, gone


def _apply(
    reports: Sequence[Report],
    connection: Connection,
    shop: Shop,
    hand: int,
    at: datetime,
    origin: Origin = "live",
    delivery: str = "",
) -> Counter[str]:
    """Everything the reports tell, by kind, what others refer to first."""
    return _Hand(connection, shop, hand, at, origin, delivery).take(reports)


class _Hand:
    """One application of reports: what they all share."""

    def __init__(
        self, connection: Connection, shop: Shop, hand: int, at: datetime, origin: Origin, delivery: str
    ) -> None:
        self.connection, self.shop, self.hand, self.at, self.origin = connection, shop, hand, at, origin
        self.delivery = delivery
        self.namespace, self.by = connection.namespace, actor(connection)
        self.came: Counter[str] = Counter()

    def take(self, reports: Sequence[Report]) -> Counter[str]:
        self._stores(_of(reports, StoreTold))
        self._products(_of(reports, ProductTold))
        self._prices(_of(reports, PriceTold))
        self._stock(_of(reports, StockTold))
        self._customers(_of(reports, CustomerTold))
        self._orders(_of(reports, OrderTold))
        self._refunds(_of(reports, RefundTold))
        self._shipments(_of(reports, ShipmentTold))
        self._deleted(_of(reports, Deleted))
        self._asked(_of(reports, PersonRedacted))
        for one in _of(reports, Disconnected):
            connections.pause(connection=self.connection.id, why=one.why, at=self.at, by=self.by)
            self.came["disconnected"] += 1
        for ignored in _of(reports, Ignored):
            self.came[f"ignored_{ignored.why}"] += 1
        return self.came

    def _mark(self, told_at: datetime | None) -> datetime | None:
        return None if told_at is None else marked(told_at, self.shop.tick, self.hand)

    def _count(self, done: Outcome) -> None:
        self.came.update(
            new=done.new, changed=done.changed, same=done.same, stale=len(done.stale), conflict=len(done.conflicts)
        )

    def _stores(self, told: Sequence[StoreTold]) -> None:
        known = {one.code: one.name for one in stores.every()} if told else {}
        for one in told:
            if known.get(one.code) == one.name:
                self.came["same"] += 1
                continue
            stores.describe(code=one.code, name=one.name, at=self.at, by=self.by)
            self.came["changed" if one.code in known else "new"] += 1

    def _products(self, told: Sequence[ProductTold]) -> None:
        if not told:
            return
        latest = list({one.ref: one for one in sorted(told, key=_told_at)}.values())
        frame = pl.DataFrame([self._product(one) for one in latest], schema=catalogue.PRODUCTS)
        forms = {form.ref: self._form(one, form) for one in latest for form in one.variants}
        done = catalogue.record_many(
            namespace=self.namespace,
            told=frame,
            forms=pl.DataFrame(list(forms.values()), schema=catalogue.VARIANTS),
            at=self.at,
            by=self.by,
            origin=self.origin,
        )
        self._count(done.products)
        self._count(done.variants)

    def _product(self, one: ProductTold) -> dict[str, object]:
        return {
            "ref": one.ref,
            "title": one.title,
            "titles": None if one.titles is None else _json(one.titles),
            "category": one.category,
            "brand": one.brand,
            "status": one.status,
            "source_updated_at": self._mark(one.told_at),
        }

    def _form(self, product: ProductTold, form: VariantTold) -> dict[str, object]:
        return {
            "ref": form.ref,
            "product_ref": product.ref,
            "title": form.title,
            "sku": form.sku,
            "barcode": form.barcode,
            "options": None if form.options is None else _json(form.options),
            "status": form.status,
            "source_updated_at": self._mark(product.told_at),
        }

    def _prices(self, told: Sequence[PriceTold]) -> None:
        """A price is news where it is not what applied at that moment already: shops tell prices with every change."""
        if not told:
            return
        forms = variants.find_many(
            namespace=self.namespace, refs=[one.variant_ref for one in told if one.variant_ref is not None]
        )
        rows: list[dict[str, object]] = []
        for place, one in enumerate(told):
            variant, product = forms.get(one.variant_ref or "", (None, None))
            if product is not None and one.store is None and one.channel is None:
                [now] = prices.at_many([Asked(product, one.currency, variant)], at=one.told_at)
                if now is not None and (now.list_minor, now.sale_minor) == (one.list_minor, one.sale_minor):
                    self.came["same"] += 1
                    continue
            rows.append(
                {
                    "ref": str(place),
                    "product_ref": one.product_ref,
                    "variant_ref": one.variant_ref,
                    "store": one.store,
                    "channel": one.channel,
                    "currency": one.currency,
                    "list_minor": one.list_minor,
                    "sale_minor": one.sale_minor,
                    "valid_from": one.told_at,
                    "source_updated_at": self._mark(one.told_at),
                }
            )
        if rows:
            frame = pl.DataFrame(rows, schema=prices.PRICES)
            self._count(
                prices.record_many(namespace=self.namespace, told=frame, at=self.at, by=self.by, origin=self.origin)
            )

    def _stock(self, told: Sequence[StockTold]) -> None:
        if not told:
            return
        rows = [
            {
                "ref": str(place),
                "variant_ref": one.variant_ref,
                "product_ref": one.product_ref,
                "store": one.store,
                "on_hand": one.on_hand,
                "reserved": one.reserved,
                "may_oversell": one.may_oversell,
                "version": one.version,
                "source_updated_at": self._mark(one.told_at),
            }
            for place, one in enumerate(told)
        ]
        frame = pl.DataFrame(rows, schema=pl.Schema({**stock.STOCK, **stock.MORE_OF_STOCK}))
        self._count(stock.record_many(namespace=self.namespace, told=frame, at=self.at, by=self.by, origin=self.origin))

    def _customers(self, told: Sequence[CustomerTold]) -> None:
        known = [one for one in told if not identifiers.why_unusable(one.ref)]
        self.came["ignored_nobody"] += len(told) - len(known)
        if not known:
            return
        refs = sorted({one.ref for one in known})
        before = customers.find_many(namespace=self.namespace, refs=refs)
        numbers = customers.resolve_many(
            namespace=self.namespace, refs=refs, at=self.at, by=self.by, origin=self._seen_first(known, before)
        )
        # What a shop does not date is told anew by every poll: only what is news there is written down.
        as_read = [self._word(one, numbers[one.ref]) for one in known if one.is_as_read]
        words = [self._word(one, numbers[one.ref]) for one in known if not one.is_as_read]
        words += profiles.unlike_shown(as_read) if as_read else []
        done = profiles.describe_each(told=words, by=self.by, origin=self.origin)
        fresh = {numbers[ref] for ref in refs if ref not in before}
        self.came["new"] += len(fresh)
        self.came["changed"] += len(done.whose - fresh)
        self.came["same"] += len(set(numbers.values()) - fresh - done.whose)
        customers.note_many(
            at=self.at,
            by=self.by,
            first_seen={numbers[one.ref]: one.first_seen_at for one in known if one.first_seen_at is not None},
        )
        answers = {answer.key: answer for one in known for answer in self._answers(one, numbers[one.ref])}
        if answers:
            consent.record_many(told=list(answers.values()), by=self.by, origin=self.origin)
        seen = [
            identity.Observation(
                record=numbers[one.ref],
                kind=called.kind,
                namespace=called.namespace,
                value=called.value,
                evidence=called.evidence,
                source=self.namespace,
                at=one.told_at,
                key=self._key("identifier", one.ref, called.kind, called.namespace, called.value),
            )
            for one in known
            for called in one.identifiers
        ]
        if seen:
            identity.observe_many(observations=seen, by=self.by)

    def _seen_first(self, told: Sequence[CustomerTold], before: Mapping[str, int]) -> Origin:
        """Who was the shop's customer before we were connected is no news."""
        fresh = [one for one in told if one.ref not in before]
        is_old = all(one.first_seen_at is not None and one.first_seen_at < self.connection.made_at for one in fresh)
        return "history" if self.origin == "history" or (fresh and is_old) else "live"

    def _word(self, one: CustomerTold, customer: int) -> profiles.Told:
        mark = marked(one.told_at, self.shop.tick, self.hand)
        profile = _unmasked(one.profile)
        key = self._key("profile", str(customer), mark.isoformat(), repr(profile))
        return profiles.Told(customer, profile, key, mark, self.namespace)

    def _answers(self, one: CustomerTold, customer: int) -> list[consent.Told]:
        """The answers with their times as versions, too: a yes and a no of one second are put right by a poll."""
        told = []
        for answer in one.consents:
            at = marked(answer.at, self.shop.tick, self.hand)
            if self._is_answered(answer, customer):
                continue
            said = (one.ref, answer.purpose, answer.channel, str(answer.is_granted), at.isoformat())
            told.append(
                consent.Told(
                    customer=customer,
                    purpose=answer.purpose,
                    channel=answer.channel,
                    is_granted=answer.is_granted,
                    place="other_system",
                    at=at,
                    key=self._key("consent", *said),
                    proof=answer.proof,
                    source=self.namespace,
                )
            )
        return told

    def _is_answered(self, answer: ConsentTold, customer: int) -> bool:
        """Whether a poll finds what a message told of that very moment: then it is no second answer."""
        if self.hand != POLLED or self.origin == "history":
            return False
        known = [
            line
            for line in consent.history(customer=customer)
            if (line.purpose, line.channel, line.source) == (answer.purpose, answer.channel, self.namespace)
        ]
        # The no counts of several of one moment; a message may have told both.
        return (
            bool(known)
            and known[0].is_granted == answer.is_granted
            and (len(known) == 1 or known[1].at < known[0].at)
            and answer.at <= known[0].at
        )

    def _key(self, *parts: str) -> str:
        """What makes a repeat harmless: a keyed hash, for it is made of what somebody told of themselves."""
        said = "\x00".join((self.namespace, *parts))
        return f"con:{self.connection.id}:{lookup.digest('connector', said).hex()[:40]}"

    def _orders(self, told: Sequence[OrderTold]) -> None:
        reports = [self._order(one.report) for one in told]
        for origin, some in self._by_origin(reports).items():
            self._listed(orders.record_all(reports=some, at=self.at, by=self.by, origin=origin, on_tie="further"))

    def _order(self, report: OrderReport) -> OrderReport:
        who = report.customer_ref
        return replace(
            report,
            customer_ref=None if who is not None and identifiers.why_unusable(who) else who,
            source_updated_at=self._mark(report.source_updated_at),
            delivery=self.delivery,
        )

    def _by_origin(self, reports: Sequence[OrderReport]) -> dict[Origin, list[OrderReport]]:
        """Orders placed before we were connected, which nobody has told us yet, are history whoever tells them."""
        found: dict[Origin, list[OrderReport]] = {}
        old = {report.ref for report in reports if report.placed_at < self.connection.made_at}
        known = orders.told_at_many(namespace=self.namespace, refs=sorted(old)) if self.origin == "live" and old else {}
        for report in reports:
            is_old = self.origin == "history" or (report.ref in old and report.ref not in known)
            found.setdefault("history" if is_old else "live", []).append(report)
        return found

    def _listed(self, done: Outcome) -> None:
        """Count what came of documents; the first that was refused keeps out the thing that it came with."""
        for refusal in done.refused.values():
            raise refusal
        self._count(done)

    def _refunds(self, told: Sequence[RefundTold]) -> None:
        if told:
            reports = [
                replace(
                    one.report,
                    source_updated_at=self._mark(one.report.source_updated_at),
                    delivery=self.delivery,
                )
                for one in told
            ]
            self._listed(
                goods_returns.record_all(reports=reports, at=self.at, by=self.by, origin=self.origin, on_tie="further")
            )

    def _shipments(self, told: Sequence[ShipmentTold]) -> None:
        if told:
            reports = [
                replace(
                    one.report,
                    source_updated_at=self._mark(one.report.source_updated_at),
                    delivery=self.delivery,
                )
                for one in told
            ]
            self._listed(shipments.record_all(reports=reports, at=self.at, by=self.by, origin=self.origin))

    def _deleted(self, told: Sequence[Deleted]) -> None:
        for one in told:
            if one.what == "order":
                self._delete_order(one)
            elif one.what in {"product", "variant", "product_or_variant"}:
                self._discontinue(one)
            else:
                self.came["ignored_deleted"] += 1

    def _delete_order(self, one: Deleted) -> None:
        found = orders.by_ref(namespace=self.namespace, ref=one.ref)
        if found is None:
            self.came["ignored_gone"] += 1
        elif found.cancelled_at is not None:
            self.came["same"] += 1
        else:
            orders.cancel(order=found.id, at=one.told_at, by=self.by, why="deleted in the shop", origin=self.origin)
            self.came["changed"] += 1

    def _discontinue(self, one: Deleted) -> None:
        row = {"ref": one.ref, "status": "discontinued", "source_updated_at": self._mark(one.told_at)}
        is_form = one.what != "product" and one.ref in variants.find_many(namespace=self.namespace, refs=[one.ref])
        is_product = one.what == "product" or (one.what == "product_or_variant" and not is_form)
        if not is_product and not is_form:
            self.came["ignored_gone"] += 1
            return
        done = catalogue.record_many(
            namespace=self.namespace,
            told=pl.DataFrame([row] if is_product else [], schema=catalogue.PRODUCTS),
            forms=pl.DataFrame([] if is_product else [row], schema=catalogue.VARIANTS),
            at=self.at,
            by=self.by,
            origin=self.origin,
        )
        self._count(done.products if is_product else done.variants)

    def _asked(self, told: Sequence[PersonRedacted]) -> None:
        for one in told:
            is_new = privacy_requests.ask(
                connection=self.connection.id,
                kind=one.kind,
                ref=one.ref,
                key=one.key,
                asked_at=one.asked_at,
                at=self.at,
                by=self.by,
            )
            self.came["asked" if is_new else "same"] += 1


def _unmasked(told: Profile) -> Profile:
    """Without what was taken out before it was sent: a mask must not take the place of the name that is known."""
    masked: dict[str, Any] = {name: None for name in _PERSONAL if is_masked(getattr(told, name) or "")}
    return replace(told, **masked) if masked else told


def _told_at(one: ProductTold) -> datetime:
    return one.told_at or _NEVER


def _of(reports: Sequence[Report], kind: type[T]) -> list[T]:
    return [one for one in reports if isinstance(one, kind)]


def _json(texts: Mapping[str, str]) -> str:
    return json.dumps(dict(texts), ensure_ascii=False, sort_keys=True)
