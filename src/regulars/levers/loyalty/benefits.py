"""Benefits: what a member has now, why, how often yet and until when; each use of it, and what it saved.

What levels and plans give is written down nowhere: it follows from where somebody stands at the moment, so it comes and
goes with the level, whoever changes that. Uses and what was given by hand are rows; a quota is taken by slots.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from regulars.facts.commerce import kept, orders
from regulars.facts.commerce.kept import Kept
from regulars.facts.company import company
from regulars.facts.customers import persons
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._benefits.entitled import Standing, first, in_force
from regulars.levers.loyalty._benefits.rows import REASONS, WHY_BACK, BenefitGift, BenefitUse
from regulars.levers.loyalty._benefits.shown import GIFT, GIFTS, USE, USES, gift_view, saved_by, use_view
from regulars.levers.loyalty._benefits.turns import one_at_a_time
from regulars.levers.loyalty._benefits.values import BenefitView, Entitlement, GiftView, Overview, Saved, UseView
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty._ledger import acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty.notices import BenefitGiven, BenefitGivenBack, BenefitUsed, BenefitWithdrawn
from regulars.levers.loyalty.rules import benefit_prices
from regulars.levers.loyalty.rules.benefit_terms import MOST_USES
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


def every(*, at: datetime | None = None) -> list[BenefitView]:
    """The benefits in force, in the order of programmes and of their files. One query."""
    return [view for one in programmes.active(at) for view in in_force(one.programme, one.version)]


def of(*, customer: int, at: datetime) -> list[Entitlement]:
    """What a person has at a moment, by every source; a joined record's person."""
    return Standing(persons.of(customer), at).all()


def overview(*, customer: int, at: datetime, standing: Sequence[Status]) -> Overview:
    """`of`, and what was saved so far, for who knows already where the person stands. Four queries, five where any
    benefit is in force."""
    found = Standing(persons.of(customer), at, standing)
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
    """Use a benefit ("programme.benefit") once, for an order of theirs or what `about` says, saving so much. Of a
    member price for an order nobody has to say how much: its lines do, where they have a discount.

    Of several sources one without end is taken first, then the one whose time is over first; `source` asks for one.
    The same key again is the same use. Raises `UnknownBenefit`, `NotEntitled`, `UsedUp`, `BadUse`, `KeyUsedOtherwise`.
    """
    if saved is not None and saved.minor < 0:
        raise BadUse(_("saved: give an amount, or none"), field="saved", value=saved.minor)
    what = {"customer": customer, "benefit": benefit, "order": order, "about": about, "source": source}
    told = Told("use", key, at, by, what | {"saved": None if saved is None else str(saved)}).digest()
    with transaction.atomic():
        person = one_at_a_time(customer)
        if (known := USES.filter(key=key).first()) is not None:
            acts.check_same(key, bytes(known.told), told)
            return use_view(known)
        if len(key) > 200 or not key:
            raise BadUse(_("key: give 1 to 200 characters"), field="key", value=len(key))
        standing = Standing(person, at)
        found = [one for one in standing.all() if one.view.key == benefit and source in ("", one.source)]
        if not found:
            if benefit not in {view.key for view in every(at=at)}:
                raise _unknown(benefit)
            raise NotEntitled(_("benefit: they do not have it now"), field="benefit", value=benefit)
        free = sorted((one for one in found if one.left is None or one.left > 0), key=first)
        if not free:
            raise UsedUp(_("benefit: used up for now"), field="benefit", value=benefit)
        one = free[0]
        of_order = None if order is None else _order(order, person)
        _check_currency(one, saved, of_order)
        if of_order is not None and saved is None:
            saved = _taken_off(one, of_order)
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
        one_at_a_time(record)
        row = USES.select_for_update(of=("self",)).get(id=use)
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
    where one is named, as it has to be of what was agreed with one. It keeps the terms of today. The same key again is
    the same gift.

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
        one_at_a_time(customer)
        if (known := GIFTS.filter(key=key).first()) is not None:
            acts.check_same(key, bytes(known.told), told)
            return gift_view(known)
        if reason == "partner" and not partner:
            mend = _("partner: name the partner it was agreed with, or give another reason")
            raise BadGift(mend, field="partner", value="")
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
        row = GIFTS.select_for_update(of=("self",)).filter(id=gift).first()
        if row is None:
            raise UnknownGift(_("gift: there is no such gift"), field="gift", value=gift)
        if row.withdrawn_at is None:
            row.withdrawn_at = at
            row.save(update_fields=["withdrawn_at"])
            _announce(BenefitWithdrawn, row, at, by, "withdraw")
    return get_gift(gift)


def get_use(use: int | str) -> UseView:
    """One use, by its number or as `bus_…`. One query. Raises `UnknownUse`."""
    rows = USES.filter(id=use) if isinstance(use, int) else USES.filter(public_id=ids.parse(use, USE))
    row = rows.first()
    if row is None:
        raise _unknown_use(str(use))
    return use_view(row)


def get_gift(gift: int | str) -> GiftView:
    """One gift, by its number or as `bgf_…`. One query. Raises `UnknownGift`."""
    rows = GIFTS.filter(id=gift) if isinstance(gift, int) else GIFTS.filter(public_id=ids.parse(gift, GIFT))
    row = rows.first()
    if row is None:
        raise UnknownGift(_("gift: there is no such gift"), field="gift", value=str(gift)[:40])
    return gift_view(row)


def uses(*, customer: int, limit: int = 50) -> list[UseView]:
    """What a person used, of all their records, the latest first; what was given back, too. Three queries."""
    records = persons.records_of(persons.of(customer))
    return [use_view(row) for row in USES.filter(record_id__in=records).order_by("-id")[:limit]]


def gifts(*, customer: int, limit: int = 50) -> list[GiftView]:
    """What a person was given, of all their records, the latest first. Three queries."""
    records = persons.records_of(persons.of(customer))
    return [gift_view(row) for row in GIFTS.filter(record_id__in=records).order_by("-id")[:limit]]


def saved(*, customer: int) -> list[Saved]:
    """What each benefit saved a person, by currency. Three queries."""
    return saved_by("used.record_id = ANY(%s::bigint[])", [list(persons.records_of(persons.of(customer)))])


def in_all(found: Iterable[Saved]) -> list[Money]:
    """What they come to in each currency."""
    sums: dict[str, Money] = {}
    for one in found:
        if one.money is not None:
            sums[one.money.currency] = sums.get(one.money.currency, Money.zero(one.money.currency)) + one.money
    return list(sums.values())


def savings(*, since: datetime, until: datetime) -> list[Saved]:
    """What each benefit saved all members from `since` until before `until`, by currency. One query."""
    return saved_by("used.used_at >= %s AND used.used_at < %s", [since, until])


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


def _order(order: int, person: int) -> Kept:
    """Raises `BadUse` of an order that is not theirs."""
    found = kept.of([order]).get(order)
    if found is None or found.customer != person:
        raise BadUse(_("order: it is not an order of theirs"), field="order", value=order)
    return found


def _check_currency(one: Entitlement, saved: Money | None, order: Kept | None) -> None:
    """What was saved is money of the shop, of the programme, or of the order. Raises `BadUse`."""
    fits = dict.fromkeys([one.view.money, company.shop().currency, *([order.currency] if order is not None else ())])
    if saved is not None and saved.currency not in fits:
        raise BadUse(
            _("saved: say it in %(currencies)s") % {"currencies": ", ".join(fits)},
            field="saved",
            value=saved.currency,
        )


def _taken_off(one: Entitlement, found: Kept) -> Money | None:
    """What a member price took off, as the order's lines say."""
    if one.view.benefit.kind != "member_price" or found.currency != one.view.money:
        return None
    says = programmes.read_plainly(one.view.version)
    view = seeing.order(found, says, civil.day_of(found.placed_at, civil.zone(says.zone)))
    discounts = {line.number: line.discount_minor for line in orders.get(found.order).lines}
    minor = benefit_prices.taken_off(one.view.benefit, view, discounts)
    return Money(minor, found.currency) if minor else None


def _unknown(benefit: str) -> UnknownBenefit:
    return UnknownBenefit(
        _("benefit: no active programme has %(named)s; look at the list of benefits") % {"named": benefit[:90]},
        field="benefit",
        value=benefit[:90],
    )


def _unknown_use(value: str) -> UnknownUse:
    return UnknownUse(_("use: there is no such use"), field="use", value=value[:40])
