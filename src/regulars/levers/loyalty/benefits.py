"""Benefits: what a member has now, why, how often yet and until when; each use of it, and what it saved.

What levels and plans give is written down nowhere: it follows from where somebody stands at the moment, so it comes and
goes with the level, whoever changes that. Uses and what was given by hand are rows; a quota is taken by slots.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.commerce import kept
from regulars.facts.customers import customers, persons
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, tiers
from regulars.levers.loyalty._benefits.rows import REASONS, WHY_BACK, BenefitGift, BenefitUse
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty._ledger.acts import KeyUsedOtherwise, Told
from regulars.levers.loyalty._memberships import state as membership_state
from regulars.levers.loyalty.notices import BenefitGiven, BenefitGivenBack, BenefitUsed, BenefitWithdrawn
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import benefit_terms
from regulars.levers.loyalty.rules.benefit_terms import MOST_USES, Benefit, Span
from regulars.levers.loyalty.tiers import Status
from regulars.runtime.notices.outbox import announce

__all__ = (
    "REASONS",
    "WHY_BACK",
    "BadGift",
    "BadUse",
    "BenefitView",
    "Entitlement",
    "GiftView",
    "NotEntitled",
    "Overview",
    "Saved",
    "UnknownBenefit",
    "UnknownGift",
    "UnknownUse",
    "UseView",
    "UsedUp",
    "every",
    "get_gift",
    "get_use",
    "gifts",
    "give",
    "give_back",
    "in_all",
    "of",
    "overview",
    "saved",
    "savings",
    "settle_orders",
    "use",
    "uses",
    "withdraw",
)

GivenBy = Literal["tier", "plan", "gift", "partner"]
GIFT, USE = "bgf", "bus"
_SAVED = """
SELECT programme.code, used.benefit, used.saved_currency, count(*), sum(used.saved_minor)
  FROM loyalty_benefit_use AS used JOIN loyalty_programme AS programme ON programme.id = used.programme_id
 WHERE used.given_back_at IS NULL AND WHERE_ GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class UnknownBenefit(Refusal):
    """No programme that is active has such a benefit."""

    code = "benefits.unknown"


class UnknownUse(Refusal):
    """There is no such use."""

    code = "benefits.unknown_use"


class UnknownGift(Refusal):
    """Nothing like that was given."""

    code = "benefits.unknown_gift"


class NotEntitled(Refusal):
    """They do not have this benefit now."""

    code = "benefits.not_entitled"


class UsedUp(Refusal):
    """They have it, and used it as often as they may for now."""

    code = "benefits.used_up"


class BadGift(Refusal):
    """A gift that cannot be."""

    code = "benefits.bad_gift"


class BadUse(Refusal):
    """A use that cannot be."""

    code = "benefits.bad_use"


@dataclass(frozen=True)
class BenefitView:
    """A benefit in force: `key` is "programme.benefit"."""

    programme: str
    benefit: Benefit
    money: str
    zone: str
    version: int

    @property
    def key(self) -> str:
        return f"{self.programme}.{self.benefit.id}"


@dataclass(frozen=True)
class Entitlement:
    """Somebody has a benefit. `source`: "tier", "plan:<id>" or "gift:<number>"; `because` names the level
    ("set.level"), the plan, or why it was given; `given_by` is tier, plan, gift or partner.

    `until` is the first day on which they will not have it, if nothing else happens; None: no end in sight. `most` uses
    from `counts_from` until before `counts_until`, None: no end; `used` of them. `frees_on`: used up, there is one more
    on that day. `membership`: the number of the one that gives it.
    """

    view: BenefitView
    source: str
    given_by: GivenBy
    because: str
    since: date | None
    until: date | None
    most: int | None
    used: int
    counts_from: date
    counts_until: date | None
    frees_on: date | None
    membership: int | None = None

    @property
    def left(self) -> int | None:
        return None if self.most is None else max(self.most - self.used, 0)


@dataclass(frozen=True)
class Overview:
    """What a person has, and what it all saved them so far, in each currency."""

    entitlements: list[Entitlement]
    saved: list[Money]


@dataclass(frozen=True)
class UseView:
    """A use. `source` and `because` as the entitlement had them; `order` by number, `about` in the teller's words."""

    id: int
    public_id: str
    customer: int
    programme: str
    benefit: str
    source: str
    because: str
    order: int | None
    about: str
    saved: Money | None
    used_at: datetime
    by: str
    given_back_at: datetime | None
    why_back: str


@dataclass(frozen=True)
class GiftView:
    """A benefit that was given, by the shop or a `partner`."""

    id: int
    public_id: str
    customer: int
    programme: str
    benefit: str
    given_by: str
    partner: str
    reason: str
    most: int | None
    since: date
    until: date | None
    at: datetime
    by: str
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class Saved:
    """How often a benefit was used, and what that saved, in one currency; None where nobody said."""

    programme: str
    benefit: str
    uses: int
    money: Money | None


def every(*, at: datetime | None = None) -> list[BenefitView]:
    """The benefits in force, in the order of programmes and of their files. One query."""
    return [view for one in programmes.active(at) for view in _views(one.programme, one.version)]


def of(*, customer: int, at: datetime) -> list[Entitlement]:
    """What a person has at a moment, by every source; a joined record's person."""
    return _Standing(persons.of(customer), at).all()


def overview(*, customer: int, at: datetime, standing: Sequence[Status]) -> Overview:
    """`of`, and what was saved so far, for who knows already where the person stands. Four queries, five where any
    benefit is in force."""
    found = _Standing(persons.of(customer), at, standing)
    return Overview(found.all(), list(found.saved.values()))


def use(
    *,
    customer: int,
    benefit: str,
    key: str,
    at: datetime,
    by: Actor,
    order: int | None = None,
    about: str = "",
    saved: Money | None = None,
    source: str = "",
) -> UseView:
    """Use a benefit ("programme.benefit") once, for an order or what `about` says, saving so much.

    Of several sources one without end is taken first, then the one whose time is over first; `source` asks for one.
    The same key again is the same use. Raises `UnknownBenefit`, `NotEntitled`, `UsedUp`, `BadUse`, `KeyUsedOtherwise`.
    """
    if saved is not None and saved.minor < 0:
        raise BadUse(_("saved: give an amount, or none"), field="saved", value=saved.minor)
    what = {"customer": customer, "benefit": benefit, "order": order, "about": about, "source": source}
    told = Told("use", key, at, by, what | {"saved": None if saved is None else str(saved)}).digest()
    with transaction.atomic():
        person = _one_at_a_time(customer)
        if (known := _USES.filter(key=key).first()) is not None:
            _same(bytes(known.told), told, key)
            return _use_view(known)
        if len(key) > 200 or not key:
            raise BadUse(_("key: give 1 to 200 characters"), field="key", value=len(key))
        standing = _Standing(person, at)
        found = [one for one in standing.all() if one.view.key == benefit and source in ("", one.source)]
        if not found:
            if benefit not in {view.key for view in every(at=at)}:
                raise _unknown(benefit)
            raise NotEntitled(_("benefit: they do not have it now"), field="benefit", value=benefit)
        free = sorted((one for one in found if one.left is None or one.left > 0), key=_first)
        if not free:
            raise UsedUp(_("benefit: used up for now"), field="benefit", value=benefit)
        one = free[0]
        row = BenefitUse(
            key=key,
            told=told,
            record_id=customer,
            programme_id=standing.numbers[one.view.programme],
            benefit=one.view.benefit.id,
            source=one.source,
            membership_id=one.membership,
            because=one.because,
            on=civil.day_of(at, civil.zone(one.view.zone)),
            order_id=order,
            about=about,
            saved_minor=saved.minor if saved else 0,
            saved_currency=saved.currency if saved else "",
            back=one.view.benefit.back,
            used_at=at,
            by=str(by),
        )
        if one.most is not None:
            row.most = one.most
            # Of what rolls each use counts in days of its own, which no slot says: the lock alone holds it.
            if one.view.benefit.per != "rolling" or one.source.startswith("gift:"):
                taken = standing.slots(one)
                row.slot = next(slot for slot in range(1, one.most + 1) if slot not in taken)
                row.counts_from = one.counts_from
        row.save(force_insert=True)
        _announce(BenefitUsed, row, at, by, "use")
    return get_use(row.id)


def give_back(*, use: int, why: str, at: datetime, by: Actor) -> UseView:
    """It was not used after all: one more is left of the time it was used in, if that is not over. Again: nothing.

    Raises `UnknownUse`, `BadUse`.
    """
    if why not in WHY_BACK:
        raise BadUse(_("why: use one of %(names)s") % {"names": ", ".join(WHY_BACK)}, field="why", value=why[:40])
    with transaction.atomic():
        record = BenefitUse.objects.filter(id=use).values_list("record_id", flat=True).first()
        if record is None:
            raise _unknown_use(str(use))
        _one_at_a_time(record)
        row = _USES.select_for_update(of=("self",)).get(id=use)
        if row.given_back_at is None:
            row.given_back_at, row.why_back = at, why
            row.save(update_fields=["given_back_at", "why_back"])
            _announce(BenefitGivenBack, row, at, by, "give_back")
    return get_use(use)


def settle_orders(*, orders: Sequence[int], cancelled: bool, at: datetime, by: Actor) -> int:
    """Give back what was used for orders that were cancelled, or of which all goods came back, where the benefit says
    so. How many. One query where nothing was used for them; harmless to repeat."""
    rows = BenefitUse.objects.filter(order_id__in=orders, given_back_at__isnull=True).exclude(back="never")
    found = list(rows.order_by("id").values_list("id", "order_id", "back"))
    if not found:
        return 0
    if not cancelled:
        found = [one for one in found if one[2] == "returned"]
        whole = {
            number
            for number, one in kept.of({order for _use, order, _back in found if order is not None}).items()
            if one.lines and not any(line.kept for line in one.lines)
        }
        found = [one for one in found if one[1] in whole]
    for number, _order, _back in found:
        give_back(use=number, why="order_cancelled" if cancelled else "goods_returned", at=at, by=by)
    return len(found)


def give(
    *,
    customer: int,
    benefit: str,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    most: int | None = 1,
    until: date | None = None,
    partner: str = "",
) -> GiftView:
    """Give somebody a benefit beside what they have: `most` uses (None: without end) until before a day. By a partner
    where one is named. It keeps the terms of today. The same key again is the same gift.

    Raises `UnknownBenefit`, `BadGift`, `KeyUsedOtherwise`.
    """
    what = {"customer": customer, "benefit": benefit, "reason": reason, "most": most, "until": until}
    told = Told("give", key, at, by, what | {"partner": partner}).digest()
    if reason not in REASONS:
        raise BadGift(
            _("reason: use one of %(names)s") % {"names": ", ".join(REASONS)}, field="reason", value=reason[:40]
        )
    if most is not None and (type(most) is not int or not 1 <= most <= MOST_USES):
        raise BadGift(_("most: give a number from 1 to %(most)s") % {"most": MOST_USES}, field="most", value=most)
    with transaction.atomic():
        _one_at_a_time(customer)
        if (known := _GIFTS.filter(key=key).first()) is not None:
            _same(bytes(known.told), told, key)
            return _gift_view(known)
        view = next((one for one in every(at=at) if one.key == benefit), None)
        if view is None:
            raise _unknown(benefit)
        today = civil.day_of(at, civil.zone(view.zone))
        if until is not None and until <= today:
            raise BadGift(_("until: choose a day that is to come"), field="until", value=until.isoformat())
        row = BenefitGift(
            key=key,
            told=told,
            record_id=customer,
            programme_id=ProgrammeRow.objects.values_list("id", flat=True).get(code=view.programme),
            version_id=view.version,
            benefit=view.benefit.id,
            given_by="partner" if partner else "gift",
            partner=partner,
            reason=reason,
            most=most,
            since_on=today,
            until_on=until,
            at=at,
            by=str(by),
        )
        row.save(force_insert=True)
        _announce(BenefitGiven, row, at, by, "give")
    return get_gift(row.id)


def withdraw(*, gift: int, at: datetime, by: Actor) -> GiftView:
    """What was given ends now; what was used of it stays. Again: nothing. Raises `UnknownGift`."""
    with transaction.atomic():
        row = _GIFTS.select_for_update(of=("self",)).filter(id=gift).first()
        if row is None:
            raise UnknownGift(_("gift: there is no such gift"), field="gift", value=gift)
        if row.withdrawn_at is None:
            row.withdrawn_at = at
            row.save(update_fields=["withdrawn_at"])
            _announce(BenefitWithdrawn, row, at, by, "withdraw")
    return get_gift(gift)


def get_use(use: int | str) -> UseView:
    """One use, by its number or as `bus_…`. One query. Raises `UnknownUse`."""
    rows = _USES.filter(id=use) if isinstance(use, int) else _USES.filter(public_id=ids.parse(use, USE))
    row = rows.first()
    if row is None:
        raise _unknown_use(str(use))
    return _use_view(row)


def get_gift(gift: int | str) -> GiftView:
    """One gift, by its number or as `bgf_…`. One query. Raises `UnknownGift`."""
    rows = _GIFTS.filter(id=gift) if isinstance(gift, int) else _GIFTS.filter(public_id=ids.parse(gift, GIFT))
    row = rows.first()
    if row is None:
        raise UnknownGift(_("gift: there is no such gift"), field="gift", value=str(gift)[:40])
    return _gift_view(row)


def uses(*, customer: int, limit: int = 50) -> list[UseView]:
    """What a person used, of all their records, the latest first; what was given back, too. Three queries."""
    records = persons.records_of(persons.of(customer))
    return [_use_view(row) for row in _USES.filter(record_id__in=records).order_by("-id")[:limit]]


def gifts(*, customer: int, limit: int = 50) -> list[GiftView]:
    """What a person was given, of all their records, the latest first. Three queries."""
    records = persons.records_of(persons.of(customer))
    return [_gift_view(row) for row in _GIFTS.filter(record_id__in=records).order_by("-id")[:limit]]


def saved(*, customer: int) -> list[Saved]:
    """What each benefit saved a person, by currency. Three queries."""
    return _sums("used.record_id = ANY(%s::bigint[])", [list(persons.records_of(persons.of(customer)))])


def in_all(found: Iterable[Saved]) -> list[Money]:
    """What they come to in each currency."""
    sums: dict[str, Money] = {}
    for one in found:
        if one.money is not None:
            sums[one.money.currency] = sums.get(one.money.currency, Money.zero(one.money.currency)) + one.money
    return list(sums.values())


def savings(*, since: datetime, until: datetime) -> list[Saved]:
    """What each benefit saved all members from `since` until before `until`, by currency. One query."""
    return _sums("used.used_at >= %s AND used.used_at < %s", [since, until])


_USES = BenefitUse.objects.select_related("programme")
_GIFTS = BenefitGift.objects.select_related("programme")


class _Standing:
    """What one person has at a moment, read with as few questions as the benefits in force need."""

    def __init__(self, person: int, at: datetime, standing: Sequence[Status] | None = None) -> None:
        self.person, self.at, self.standing = person, at, standing
        self.records = persons.asked([person])
        self.active = programmes.active(at)
        self.saved: dict[str, Money] = {}
        self.used = self._used()
        self.numbers = dict(ProgrammeRow.objects.values_list("code", "id")) if self._has_any() else {}
        self._joined: date | None = None

    def _used(self) -> Mapping[tuple[str, str, str], list[tuple[date, int | None, date | None]]]:
        """What counts of each benefit and source: the day, the slot, and from when on it counts."""
        found: dict[tuple[str, str, str], list[tuple[date, int | None, date | None]]] = {}
        rows = BenefitUse.objects.filter(record_id__in=self.records, given_back_at__isnull=True).order_by("id")
        columns = ("programme__code", "benefit", "source", "on", "slot", "counts_from", "saved_minor", "saved_currency")
        for code, benefit, source, on, slot, begun, minor, currency in rows.values_list(*columns):
            found.setdefault((code, benefit, source), []).append((on, slot, begun))
            if currency:
                self.saved[currency] = self.saved.get(currency, Money.zero(currency)) + Money(minor, currency)
        return found

    def _has_any(self) -> bool:
        return any(one.programme.benefits for one in self.active)

    def all(self) -> list[Entitlement]:
        return [*self._by_tiers(), *self._by_plans(), *self._by_gifts()]

    def slots(self, one: Entitlement) -> set[int]:
        """Those of the entitlement's present time that are taken."""
        mine = self.used.get((one.view.programme, one.view.benefit.id, one.source), ())
        return {slot for on, slot, begun in mine if slot is not None and begun == one.counts_from}

    def _by_tiers(self) -> Iterable[Entitlement]:
        views = [view for one in self.active for view in _views(one.programme, one.version) if view.benefit.levels]
        if not views:
            return
        standing: dict[str, dict[str, Status]] = {}
        for status in tiers.of(customer=self.person, at=self.at) if self.standing is None else self.standing:
            standing.setdefault(status.set.programme, {})[status.set.tiers.id] = status
        for view in views:
            here = standing.get(view.programme, {})
            right = view.benefit.on({name: status.rank for name, status in here.items()})
            if right is None:
                continue
            status = here[right.on.tiers]
            falls = status.next_on if _falls_below(status, right.on.rank) else None
            yield self._entitled(
                view,
                "tier",
                "tier",
                f"{right.on.tiers}.{status.level}",
                status.since,
                falls,
                right.most,
                self._span(view, None),
            )

    def _by_plans(self) -> Iterable[Entitlement]:
        found: set[tuple[str, str]] = set()
        for row in membership_state.living(self.records):
            one = membership_state.at(row, self.at)
            place = (row.programme.code, one.plan.id)
            # Of two records that are one person each may have brought the same plan: it is had once.
            if not one.gives or place in found:
                continue
            found.add(place)
            version = row.version_id if one.plan.id == row.plan else row.wants_version_id or row.version_id
            says = programmes.read_plainly(version)
            self.numbers[says.code] = row.programme_id
            views = {view.benefit.id: view for view in _views(says, version)}
            for told in one.plan.benefits:
                view = views[told.benefit]
                entitled = self._entitled(
                    view,
                    f"plan:{one.plan.id}",
                    "plan",
                    one.plan.id,
                    one.joined_on,
                    one.until_known,
                    told.most,
                    self._span(view, Span(one.since, one.until)),
                )
                yield replace(entitled, membership=row.id)

    def _by_gifts(self) -> Iterable[Entitlement]:
        rows = _GIFTS.filter(record_id__in=self.records, withdrawn_at__isnull=True).order_by("id")
        for row in rows:
            view = self._given(row)
            today = civil.day_of(self.at, civil.zone(view.zone))
            if row.since_on <= today and (row.until_on is None or today < row.until_on):
                yield self._entitled(
                    view,
                    f"gift:{row.id}",
                    "partner" if row.partner else "gift",
                    row.partner or row.reason,
                    row.since_on,
                    row.until_on,
                    row.most,
                    benefit_terms.ALWAYS,
                    is_once=True,
                )

    def _given(self, row: BenefitGift) -> BenefitView:
        """The benefit as it was when it was given."""
        says = programmes.read_plainly(row.version_id)
        self.numbers[says.code] = row.programme_id
        return next(view for view in _views(says, row.version_id) if view.benefit.id == row.benefit)

    def _entitled(
        self,
        view: BenefitView,
        source: str,
        given_by: GivenBy,
        because: str,
        since: date | None,
        until: date | None,
        most: int | None,
        span: Span,
        *,
        is_once: bool = False,
    ) -> Entitlement:
        benefit = view.benefit
        counted = [on for on, _slot, _begun in self.used.get((view.programme, benefit.id, source), ())]
        counted = [on for on in counted if on >= span.since]
        frees = None
        if most is not None and len(counted) >= most and not is_once:
            frees = benefit_terms.frees_on(benefit.per, benefit.months, counted, most, span)
        return Entitlement(
            view=view,
            source=source,
            given_by=given_by,
            because=because,
            since=since,
            until=until,
            most=most,
            used=len(counted),
            counts_from=span.since,
            counts_until=until if is_once else span.until,
            frees_on=frees,
        )

    def _span(self, view: BenefitView, paid: Span | None) -> Span:
        today, benefit = civil.day_of(self.at, civil.zone(view.zone)), view.benefit
        joined = self._joined_on(view) if benefit.per == "anniversary" else today
        return benefit_terms.span(benefit.per, benefit.months, today, joined=joined, paid=paid)

    def _joined_on(self, view: BenefitView) -> date:
        if self._joined is None:
            seen = customers.get(self.person).first_seen_at
            self._joined = civil.day_of(seen or self.at, civil.zone(view.zone))
        return self._joined


def _views(says: Programme, version: int) -> list[BenefitView]:
    return [BenefitView(says.code, one, says.money, says.zone, version) for one in says.benefits]


def _falls_below(status: Status, rank: int) -> bool:
    """Whether, if nothing else happens, their next level is under that rank."""
    return status.next_on is not None and status.set.tiers.rank(status.next_level or "") < rank


def _first(one: Entitlement) -> tuple[bool, date, str]:
    ends = [day for day in (one.until, one.counts_until) if day is not None]
    return (one.most is not None, min(ends, default=date.max), one.source)


def _one_at_a_time(customer: int) -> int:
    """The person, of whose benefits nobody else takes any until the transaction ends."""
    person = persons.held([customer])[customer]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.benefits'), %s::int)", [person % 2**31])
    return person


def _sums(where: str, values: Sequence[Any]) -> list[Saved]:
    with connection.cursor() as cursor:
        cursor.execute(_SAVED.replace("WHERE_", where), values)
        return [
            Saved(programme, benefit, int(count), Money(int(minor), currency) if currency else None)
            for programme, benefit, currency, count, minor in cursor.fetchall()
        ]


def _announce(
    kind: type[BenefitUsed | BenefitGivenBack | BenefitGiven | BenefitWithdrawn],
    row: BenefitUse | BenefitGift,
    at: datetime,
    by: Actor,
    verb: str,
) -> None:
    place = f"{row.programme.code}.{row.benefit}"
    told = kind(at=at, customer=row.record_id, benefit=place, number=row.id)
    announce(told, by=by, verb=f"loyalty.benefits.{verb}", after={"benefit": place, "number": row.id})


def _same(before: bytes, told: bytes, key: str) -> None:
    if before != told:
        raise KeyUsedOtherwise(
            _("key: %(key)r told something else; give each act its own key") % {"key": key[:40]},
            field="key",
            value=key[:40],
        )


def _use_view(row: BenefitUse) -> UseView:
    return UseView(
        id=row.id,
        public_id=ids.public(USE, row.public_id),
        customer=row.record_id,
        programme=row.programme.code,
        benefit=row.benefit,
        source=row.source,
        because=row.because,
        order=row.order_id,
        about=row.about,
        saved=Money(row.saved_minor, row.saved_currency) if row.saved_currency else None,
        used_at=row.used_at,
        by=row.by,
        given_back_at=row.given_back_at,
        why_back=row.why_back,
    )


def _gift_view(row: BenefitGift) -> GiftView:
    return GiftView(
        id=row.id,
        public_id=ids.public(GIFT, row.public_id),
        customer=row.record_id,
        programme=row.programme.code,
        benefit=row.benefit,
        given_by=row.given_by,
        partner=row.partner,
        reason=row.reason,
        most=row.most,
        since=row.since_on,
        until=row.until_on,
        at=row.at,
        by=row.by,
        withdrawn_at=row.withdrawn_at,
    )


def _unknown(benefit: str) -> UnknownBenefit:
    return UnknownBenefit(
        _("benefit: no active programme has %(named)s; look at the list of benefits") % {"named": benefit[:90]},
        field="benefit",
        value=benefit[:90],
    )


def _unknown_use(value: str) -> UnknownUse:
    return UnknownUse(_("use: there is no such use"), field="use", value=value[:40])
