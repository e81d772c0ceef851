"""What shops told, into the verbs of the rooms: one place for all shops, however much of it at once.

The update time decides between versions, so it does not matter in which order reports come, how often, or whether the
same is read by a poll: see `reading.marked` for what counts when two are of one tick of the shop's clock.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import polars as pl

from regulars.doors.connectors.protocol import Shop
from regulars.doors.connectors.reading import NotUnderstood, is_masked, marked
from regulars.doors.connectors.reports import (
    ConsentTold,
    CustomerTold,
    Deleted,
    Disconnected,
    Ignored,
    MembershipPaymentTold,
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
from regulars.facts.sources import connections, privacy_requests
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Actor, Origin
from regulars.kit.money import Money
from regulars.levers.loyalty import memberships
from regulars.runtime.secrets import lookup

#: How surely what is told is how the shop stands; see `reading.marked`.
MESSAGE, ASKED, POLLED = 0, 1, 2
T = TypeVar("T", bound=Report)
Document = OrderTold | RefundTold | ShipmentTold
D = TypeVar("D", OrderTold, RefundTold, ShipmentTold)
_NEVER = datetime.min.replace(tzinfo=UTC)
#: What shops mask before they let others have it.
_PERSONAL = ("given_name", "family_name", "display_name", "email", "phone", "address")


@dataclass(frozen=True)
class Item:
    """Reports that came together: a message's, or those of one thing of a page. `delivery` says by what they came."""

    reports: Sequence[Report]
    delivery: str = ""


def actor(connection: Connection) -> Actor:
    """Who writes what a connection tells."""
    return Actor("connector", connection.name)


def apply(
    items: Sequence[Item], *, connection: Connection, shop: Shop, hand: int, at: datetime, origin: Origin
) -> list[Counter[str]]:
    """Everything the items tell, by kind, what others refer to first, in as many statements as for one of them.

    For each what became of what it told, counted by word: new, changed, same, stale, conflict, asked, disconnected,
    ignored_…. What several of them tell alike is news of the first. Raises what the rooms raise: then none is taken.
    """
    taking = _Hand(connection, shop, hand, at, origin)
    return taking.take(items)


class _Hand:
    """One application of items: what they all share."""

    def __init__(self, connection: Connection, shop: Shop, hand: int, at: datetime, origin: Origin) -> None:
        self.connection, self.shop, self.hand, self.at, self.origin = connection, shop, hand, at, origin
        self.namespace, self.by = connection.namespace, actor(connection)
        #: By the number of the report in memory: all of them live as long as this does.
        self.words: dict[int, Counter[str]] = {}
        self.deliveries: dict[int, str] = {}

    def take(self, items: Sequence[Item]) -> list[Counter[str]]:
        reports = [report for item in items for report in item.reports]
        self.deliveries = {id(report): item.delivery for item in items for report in item.reports}
        self._stores(_of(reports, StoreTold))
        self._products(_of(reports, ProductTold))
        self._prices(_of(reports, PriceTold))
        self._stock(_of(reports, StockTold))
        self._customers(_of(reports, CustomerTold))
        self._orders(_of(reports, OrderTold))
        self._refunds(_of(reports, RefundTold))
        self._shipments(_of(reports, ShipmentTold))
        self._payments(_of(reports, MembershipPaymentTold))
        self._deleted(_of(reports, Deleted))
        self._asked(_of(reports, PersonRedacted))
        for one in _of(reports, Disconnected):
            connections.pause(connection=self.connection.id, why=one.why, at=self.at, by=self.by)
            self._say(one, "disconnected")
        for ignored in _of(reports, Ignored):
            self._say(ignored, f"ignored_{ignored.why}")
        return [
            sum((self.words.get(id(report), Counter()) for report in item.reports), Counter[str]()) for item in items
        ]

    def _say(self, report: Report, word: str) -> None:
        self.words.setdefault(id(report), Counter())[word] += 1

    def _mark(self, told_at: datetime | None) -> datetime | None:
        return None if told_at is None else marked(told_at, self.shop.tick, self.hand)

    def _stores(self, told: Sequence[StoreTold]) -> None:
        known = {one.code: one.name for one in stores.every()} if told else {}
        for one in told:
            if known.get(one.code) == one.name:
                self._say(one, "same")
                continue
            stores.describe(code=one.code, name=one.name, at=self.at, by=self.by)
            self._say(one, "changed" if one.code in known else "new")
            known[one.code] = one.name

    def _products(self, told: Sequence[ProductTold]) -> None:
        if not told:
            return
        by_time = sorted(told, key=_told_at)
        latest = {one.ref: one for one in by_time}
        frame = pl.DataFrame([self._product(one) for one in latest.values()], schema=catalogue.PRODUCTS)
        forms = {form.ref: self._form(one, form) for one in by_time for form in one.variants}
        done = catalogue.record_many(
            namespace=self.namespace,
            told=frame,
            forms=pl.DataFrame(list(forms.values()), schema=catalogue.VARIANTS),
            at=self.at,
            by=self.by,
            origin=self.origin,
        )
        left = {ref: list(words) for ref, words in done.variants.words.items()}
        for one in told:
            # Of several of one product the one told last says what became of it.
            is_last = latest[one.ref] is one
            self._say(one, done.products.words[one.ref][0] if is_last else "same")
            for form in one.variants if is_last else ():
                self._say(one, left[form.ref].pop() if left.get(form.ref) else "same")

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
        known: list[tuple[PriceTold, Asked]] = []
        for one in told:
            variant, product = forms.get(one.variant_ref or "", (None, None))
            if product is not None and one.store is None and one.channel is None:
                known.append((one, Asked(product, one.currency, variant)))
        now = prices.at_each([(asked, one.told_at) for one, asked in known]) if known else []
        # Of those with several moments all are written: between them another may have come.
        many = Counter(asked for _, asked in known)
        is_known = {
            id(one)
            for (one, asked), price in zip(known, now, strict=True)
            if many[asked] == 1
            and price is not None
            and (price.list_minor, price.sale_minor) == (one.list_minor, one.sale_minor)
        }
        rows = {
            str(place): {
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
            for place, one in enumerate(told)
            if id(one) not in is_known
        }
        words: Mapping[str, Sequence[str]] = {}
        if rows:
            frame = pl.DataFrame(list(rows.values()), schema=prices.PRICES)
            words = prices.record_many(
                namespace=self.namespace, told=frame, at=self.at, by=self.by, origin=self.origin
            ).words
        for place, one in enumerate(told):
            self._say(one, words[str(place)][0] if str(place) in rows else "same")

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
        done = stock.record_many(namespace=self.namespace, told=frame, at=self.at, by=self.by, origin=self.origin)
        for place, one in enumerate(told):
            self._say(one, done.words[str(place)][0])

    def _customers(self, told: Sequence[CustomerTold]) -> None:
        known = [one for one in told if not identifiers.why_unusable(one.ref)]
        for one in told:
            if identifiers.why_unusable(one.ref):
                self._say(one, "ignored_nobody")
        if not known:
            return
        refs = sorted({one.ref for one in known})
        before = customers.find_many(namespace=self.namespace, refs=refs)
        numbers: dict[str, int] = {}
        for origin, some in self._seen_first(known, before).items():
            numbers |= customers.resolve_many(
                namespace=self.namespace, refs=sorted(some), at=self.at, by=self.by, origin=origin
            )
        # What a shop does not date is told anew by every poll: only what is news there is written down.
        as_read = [self._word(one, numbers[one.ref]) for one in known if one.is_as_read]
        words = [self._word(one, numbers[one.ref]) for one in known if not one.is_as_read]
        words += profiles.unlike_shown(as_read) if as_read else []
        done = profiles.describe_each(told=words, by=self.by, origin=self.origin)
        left = {ref: "changed" if ref in before else "new" for ref in refs}
        left = {ref: word for ref, word in left.items() if word == "new" or numbers[ref] in done.whose}
        for one in known:
            self._say(one, left.pop(one.ref, "same"))
        customers.note_many(
            at=self.at,
            by=self.by,
            first_seen={numbers[one.ref]: one.first_seen_at for one in known if one.first_seen_at is not None},
        )
        answers = self._answers(known, numbers)
        if answers:
            consent.record_many(told=answers, by=self.by, origin=self.origin)
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

    def _seen_first(self, told: Sequence[CustomerTold], before: Mapping[str, int]) -> dict[Origin, set[str]]:
        """Who was the shop's customer before we were connected is no news."""
        found: dict[Origin, set[str]] = {}
        for one in told:
            is_old = one.first_seen_at is not None and one.first_seen_at < self.connection.made_at
            is_history = self.origin == "history" or (one.ref not in before and is_old)
            found.setdefault("history" if is_history else "live", set()).add(one.ref)
        if "history" in found and "live" in found:
            found["live"] -= found["history"]
        return found

    def _word(self, one: CustomerTold, customer: int) -> profiles.Told:
        mark = marked(one.told_at, self.shop.tick, self.hand)
        profile = _unmasked(one.profile)
        key = self._key("profile", str(customer), mark.isoformat(), repr(profile))
        return profiles.Told(customer, profile, key, mark, self.namespace)

    def _answers(self, told: Sequence[CustomerTold], numbers: Mapping[str, int]) -> list[consent.Told]:
        """The answers with their times as versions, too: a yes and a no of one second are put right by a poll."""
        # Whether a poll finds what a message told of that very moment: then it is no second answer.
        polled = {numbers[one.ref] for one in told if one.consents} if self._is_poll() else set()
        known = consent.histories(customers=polled) if polled else {}
        answers: dict[str, consent.Told] = {}
        for one in told:
            customer = numbers[one.ref]
            for answer in one.consents:
                at = marked(answer.at, self.shop.tick, self.hand)
                if self._is_answered(answer, known.get(customer, ())):
                    continue
                said = (one.ref, answer.purpose, answer.channel, str(answer.is_granted), at.isoformat())
                key = self._key("consent", *said)
                answers[key] = consent.Told(
                    customer=customer,
                    purpose=answer.purpose,
                    channel=answer.channel,
                    is_granted=answer.is_granted,
                    place="other_system",
                    at=at,
                    key=key,
                    proof=answer.proof,
                    source=self.namespace,
                )
        return list(answers.values())

    def _is_poll(self) -> bool:
        return self.hand == POLLED and self.origin != "history"

    def _is_answered(self, answer: ConsentTold, history: Sequence[consent.Line]) -> bool:
        known = [
            line
            for line in history
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
        for origin, some in self._by_origin(told).items():
            fresh = _each_once(some)
            done = orders.record_all(
                reports=[self._order(one) for one in fresh], at=self.at, by=self.by, origin=origin, on_tie="further"
            )
            self._said(some, fresh, done)

    def _order(self, one: OrderTold) -> OrderReport:
        who = one.report.customer_ref
        return replace(
            one.report,
            customer_ref=None if who is not None and identifiers.why_unusable(who) else who,
            source_updated_at=self._mark(one.report.source_updated_at),
            delivery=self.deliveries[id(one)],
        )

    def _by_origin(self, told: Sequence[OrderTold]) -> dict[Origin, list[OrderTold]]:
        """Orders placed before we were connected, which nobody has told us yet, are history whoever tells them."""
        found: dict[Origin, list[OrderTold]] = {}
        old = {one.report.ref for one in told if one.report.placed_at < self.connection.made_at}
        known = orders.told_at_many(namespace=self.namespace, refs=sorted(old)) if self.origin == "live" and old else {}
        for one in told:
            is_old = self.origin == "history" or (one.report.ref in old and one.report.ref not in known)
            found.setdefault("history" if is_old else "live", []).append(one)
        return found

    def _said(self, told: Sequence[Document], taken: Sequence[Document], done: Outcome) -> None:
        """What came of documents; the first that was refused keeps out what it came with."""
        for refusal in done.refused.values():
            raise refusal
        left = {ref: list(words) for ref, words in done.words.items()}
        first = {id(one) for one in taken}
        for one in told:
            words = left.get(one.report.ref)
            # What another of them says as well was said.
            self._say(one, words.pop(0) if words and id(one) in first else "same")

    def _refunds(self, told: Sequence[RefundTold]) -> None:
        if told:
            fresh = _each_once(told)
            reports = [
                replace(
                    one.report,
                    source_updated_at=self._mark(one.report.source_updated_at),
                    delivery=self.deliveries[id(one)],
                )
                for one in fresh
            ]
            done = goods_returns.record_all(
                reports=reports, at=self.at, by=self.by, origin=self.origin, on_tie="further"
            )
            self._said(told, fresh, done)

    def _shipments(self, told: Sequence[ShipmentTold]) -> None:
        if told:
            fresh = _each_once(told)
            reports = [
                replace(
                    one.report,
                    source_updated_at=self._mark(one.report.source_updated_at),
                    delivery=self.deliveries[id(one)],
                )
                for one in fresh
            ]
            done = shipments.record_all(reports=reports, at=self.at, by=self.by, origin=self.origin)
            self._said(told, fresh, done)

    def _deleted(self, told: Sequence[Deleted]) -> None:
        for one in told:
            if one.what == "order":
                self._delete_order(one)
            elif one.what in {"product", "variant", "product_or_variant"}:
                self._discontinue(one)
            else:
                self._ask_about(one)

    def _ask_about(self, one: Deleted) -> None:
        """Who is no customer there any more may be one here, or may want to be forgotten: people decide."""
        if not customers.find_many(namespace=self.namespace, refs=[one.ref]):
            self._say(one, "ignored_gone")
            return
        is_new = privacy_requests.ask(
            connection=self.connection.id,
            kind="deleted",
            ref=one.ref,
            key=f"deleted:{one.ref}",
            asked_at=one.told_at,
            at=self.at,
            by=self.by,
        )
        self._say(one, "asked" if is_new else "same")

    def _delete_order(self, one: Deleted) -> None:
        found = orders.by_ref(namespace=self.namespace, ref=one.ref)
        if found is None:
            self._say(one, "ignored_gone")
        elif found.deleted_at is not None:
            self._say(one, "same")
        else:
            orders.cancel(
                order=found.id,
                at=one.told_at,
                by=self.by,
                why="deleted in the shop",
                origin=self.origin,
                is_deleted=True,
            )
            self._say(one, "changed")

    def _discontinue(self, one: Deleted) -> None:
        row = {"ref": one.ref, "status": "discontinued", "source_updated_at": self._mark(one.told_at)}
        is_form = one.what != "product" and one.ref in variants.find_many(namespace=self.namespace, refs=[one.ref])
        is_product = one.what == "product" or (one.what == "product_or_variant" and not is_form)
        if not is_product and not is_form:
            self._say(one, "ignored_gone")
            return
        done = catalogue.record_many(
            namespace=self.namespace,
            told=pl.DataFrame([row] if is_product else [], schema=catalogue.PRODUCTS),
            forms=pl.DataFrame([] if is_product else [row], schema=catalogue.VARIANTS),
            at=self.at,
            by=self.by,
            origin=self.origin,
        )
        self._say(one, (done.products if is_product else done.variants).words[one.ref][0])

    def _payments(self, told: Sequence[MembershipPaymentTold]) -> None:
        """Money of memberships. Whose nobody knows keeps the message, to be looked at and taken again."""
        for one in told:
            # Numbers are each provider's own.
            payment, of = (f"{self.connection.id}:{name}" if name else "" for name in (one.payment, one.of))
            if memberships.was_told(payment=payment, state=one.state):
                self._say(one, "same")
                continue
            if one.membership:
                number = memberships.by_public_id(one.membership, at=self.at).id
            elif (found := memberships.paid_with(of or payment)) is not None:
                number = found
            else:
                raise NotUnderstood("no_membership", "neither says whose it is: no membership, and nothing paid before")
            memberships.tell_payment(
                membership=number,
                payment=payment,
                state=one.state,
                money=Money(one.minor, one.currency),
                of=of,
                is_part=one.is_part,
                at=self.at,
                by=self.by,
            )
            self._say(one, "new")

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
            self._say(one, "asked" if is_new else "same")


def _unmasked(told: Profile) -> Profile:
    """Without what was taken out before it was sent: a mask must not take the place of the name that is known."""
    masked: dict[str, Any] = {name: None for name in _PERSONAL if is_masked(getattr(told, name) or "")}
    return replace(told, **masked) if masked else told


def _each_once(told: Sequence[D]) -> list[D]:
    """Without those that say of a document what another of them says: shops send one change under several topics."""
    seen: dict[str, list[object]] = {}
    once = []
    for one in told:
        said = seen.setdefault(one.report.ref, [])
        if one.report not in said:
            said.append(one.report)
            once.append(one)
    return once


def _told_at(one: ProductTold) -> datetime:
    return one.told_at or _NEVER


def _of(reports: Sequence[Report], kind: type[T]) -> list[T]:
    return [one for one in reports if isinstance(one, kind)]


def _json(texts: Mapping[str, str]) -> str:
    return json.dumps(dict(texts), ensure_ascii=False, sort_keys=True)
