"""What members take of the rewards: points and stock and code in one transaction, then handed over, or taken back.

Whose turn it is, in this order for everybody: the person, their account, the reward's row. So of the last one in stock
one is taken, and a limit holds however many are asked for at once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.facts.customers import persons
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import points, rewards, tiers
from regulars.levers.loyalty._earning.capping import ALWAYS
from regulars.levers.loyalty._ledger import acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._rewards.handing import (
    SoldOut,
    begin_handing,
    from_stock,
    keep_code,
    spend,
    told_of,
    undo,
)
from regulars.levers.loyalty._rewards.rows import Redemption, RewardCode
from regulars.levers.loyalty._rewards.shown import PREFIX, ROWS, view_of
from regulars.levers.loyalty._rewards.values import Offer, Settled, TakenView
from regulars.levers.loyalty.notices import RewardHandedOver, RewardTaken
from regulars.levers.loyalty.rewards import RewardView
from regulars.levers.loyalty.rules.streak import beginning
from regulars.levers.loyalty.tiers import Status
from regulars.runtime.secrets import vault

__all__ = (
    "PAY_WITHIN",
    "WHY_CANCELLED",
    "AlreadySo",
    "LimitReached",
    "NotForThem",
    "NotOpen",
    "Offer",
    "Settled",
    "SoldOut",
    "TakenView",
    "TooLate",
    "UnknownRedemption",
    "by_public_id",
    "cancel",
    "codes",
    "give",
    "hand_over",
    "how_many_wait",
    "of_customer",
    "offers",
    "pay",
    "release_unpaid",
    "settlement",
    "ship",
    "take",
    "use",
    "waiting",
)

#: How long a reward that costs money, too, waits for it, and keeps the points meanwhile.
PAY_WITHIN = timedelta(minutes=30)
_AT_ONCE = 200
WHY_CANCELLED = ("by_member", "out_of_stock", "never_paid", "damaged", "correction")


class UnknownRedemption(Refusal):
    """There is no such redemption."""

    code = "rewards.unknown_redemption"


class NotOpen(Refusal):
    """The reward cannot be taken now."""

    code = "rewards.not_open"


class NotForThem(Refusal):
    """The reward is for members of a level they are not on."""

    code = "rewards.not_for_them"


class LimitReached(Refusal):
    """They took as many as one may have for now."""

    code = "rewards.limit_reached"


class AlreadySo(Refusal):
    """It has come too far, or not far enough, for that."""

    code = "rewards.already_so"


class TooLate(Refusal):
    """Its owner could take it back until a moment that is over."""

    code = "rewards.too_late"


def take(*, customer: int, reward: str, key: str, at: datetime, by: Actor) -> TakenView:
    """A member takes a reward: their points are spent, one of the stock and a code of the pool are theirs, or nothing
    of it is. Where money is due, too, the points are kept until `pay`, for half an hour.

    Raises `UnknownReward`, `NotOpen`, `NotForThem`, `LimitReached`, `SoldOut`, `NotEnoughPoints`, `KeyUsedOtherwise`.
    """
    return _take(customer, reward, key, at, by, is_gift=False)


def give(*, customer: int, reward: str, key: str, at: datetime, by: Actor) -> TakenView:
    """A present of the shop: a reward that costs the member nothing, for which neither levels nor limits count.

    Raises as `take`.
    """
    return _take(customer, reward, key, at, by, is_gift=True)


def pay(*, redemption: int, payment: str, at: datetime, by: Actor) -> TakenView:
    """The money came, under the number `payment` of whoever took it; one payment may be for several. The same again
    changes nothing.

    Raises `AlreadySo` of what waits for no money, as what `release_unpaid` took back; until then late money is taken.
    """
    with transaction.atomic():
        row = _held(redemption)
        if row.payment == payment and payment:
            return view_of(row)
        if row.pay_until is None or (row.hold is None and row.parts):
            raise _not_so(row, _("it waits for no money"))
        if row.hold is not None:
            row.entry = points.capture(hold=row.hold, key=f"reward:{row.id}:capture", at=at, by=by).of("capture").id
        row.payment, row.pay_until = payment, None
        begin_handing(row, at)
        row.save()
        told_of(RewardTaken, row, at, by, "pay")
    return view_of(row)


def hand_over(*, redemption: int, at: datetime, by: Actor) -> TakenView:
    """It was done or given at the counter: issued. The same again changes nothing. Raises `AlreadySo`."""
    return _step(redemption, "issued", ("reserved",), at, by)


def ship(*, redemption: int, at: datetime, by: Actor, tracking: str = "") -> TakenView:
    """It is on its way, under the carrier's number. The same again changes nothing. Raises `AlreadySo`."""
    return _step(redemption, "shipped", ("reserved", "issued"), at, by, tracking=tracking)


def use(*, redemption: int, at: datetime, by: Actor) -> TakenView:
    """It was used, or arrived. The same again changes nothing. Raises `AlreadySo`."""
    return _step(redemption, "used", ("issued", "shipped"), at, by)


def cancel(*, redemption: int, why: str, at: datetime, by: Actor, is_by_member: bool = False) -> TakenView:
    """Take it back: its points go to the awards they came from, one more is in stock; a code that was shown is gone.

    Members may until `cancel_until`, and never what was shipped or used, nor a code that they have seen: nobody can
    make it worth nothing. Staff may until it was used. Again: nothing. Raises `TooLate`, `AlreadySo`.
    """
    if why not in WHY_CANCELLED:
        raise AlreadySo(
            _("why: use one of %(names)s") % {"names": ", ".join(WHY_CANCELLED)}, field="why", value=why[:40]
        )
    with transaction.atomic():
        row = _held(redemption)
        if row.state == "cancelled":
            return view_of(row)
        is_shown = row.state == "issued" and row.reward.handed == "code"
        if row.state == "used" or (is_by_member and (row.state == "shipped" or is_shown)):
            raise _not_so(row, _("it cannot be taken back any more"))
        if is_by_member and row.pay_until is None and (row.cancel_until is None or row.cancel_until <= at):
            raise TooLate(_("redemption: the time to take it back is over"), field="redemption", value=row.id)
        undo(row, why, at, by)
    return view_of(row)


def release_unpaid(*, at: datetime, by: Actor, most: int = 1_000) -> int:
    """Take back what waited for money longer than it does. How many. Harmless to repeat.

    What cannot be taken back now, as of an account that is frozen, is passed over, however many stand before others.
    """
    done = 0
    after: tuple[datetime | None, int] = (datetime.min.replace(tzinfo=UTC), 0)
    while done < most:
        due = list(
            Redemption.objects.filter(pay_until__lte=at)
            .filter(Q(pay_until__gt=after[0]) | Q(pay_until=after[0], id__gt=after[1]))
            .order_by("pay_until", "id")
            .values_list("pay_until", "id")[:_AT_ONCE]
        )
        for _until, number in due:
            # A refusal is of this one alone, whose points stay as they are; the next look comes to it again.
            with suppress(Refusal), transaction.atomic():
                row = _held(number)
                if row.pay_until is not None and row.pay_until <= at:
                    undo(row, "never_paid", at, by)
                    done += 1
        if len(due) < _AT_ONCE:
            break
        after = due[-1]
    return done


def by_public_id(text: str) -> TakenView:
    """The redemption `rdm_…`. One query. Raises `UnknownRedemption`."""
    row = ROWS.filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        raise _unknown(text[:40])
    return view_of(row)


def of_customer(customer: int, *, limit: int = 50) -> list[TakenView]:
    """What somebody took, of all their records, the latest first. Two queries."""
    records = persons.records_of(persons.of(customer))
    return [view_of(row) for row in ROWS.filter(record_id__in=records).order_by("-id")[:limit]]


def waiting(*, limit: int = 100) -> dict[str, list[TakenView]]:
    """What somebody of the shop has to do something about, by state, the oldest first: what waits to be sent or handed
    over, what is on its way, and as "unpaid" what is kept for somebody until its money comes. Three queries."""
    found: dict[str, list[TakenView]] = {}
    for state in ("reserved", "shipped"):
        rows = ROWS.filter(state=state, pay_until__isnull=True).order_by("id")[:limit]
        found[state] = [view_of(row) for row in rows]
    found["unpaid"] = [view_of(row) for row in ROWS.filter(pay_until__isnull=False).order_by("pay_until", "id")[:limit]]
    return found


def how_many_wait() -> dict[str, int]:
    """How many there are in all of what `waiting` shows the oldest of, by state. One query."""
    rows = Redemption.objects.filter(Q(pay_until__isnull=False) | Q(state__in=("reserved", "shipped")))
    words = Case(When(pay_until__isnull=False, then=Value("unpaid")), default=F("state"))
    return dict(rows.values_list(words).annotate(many=Count("id")).order_by())


def codes(redemptions: Sequence[int]) -> dict[int, str]:
    """The codes that were given out with these. Two queries."""
    rows = list(RewardCode.objects.filter(redemption_id__in=redemptions).values_list("redemption_id", "id", "sealed"))
    sealed = [vault.Sealed(vault.HOUSE, rewards.TABLE, "sealed", number, bytes(text)) for _taken, number, text in rows]
    opened = vault.open_many(sealed)
    return {taken: text for (taken, _number, _text), text in zip(rows, opened, strict=True) if text and taken}


def offers(*, customer: int, at: datetime, standing: Sequence[Status] | None = None) -> list[Offer]:
    """Every reward that is open, with its price for somebody and why they cannot take it; the nearest first.
    `standing`: where they stand, of who knows already."""
    person = persons.of(customer)
    records = persons.records_of(person)
    stands = tiers.of(customer=person, at=at) if standing is None else standing
    above = _reached(one for one in stands if one.level)
    views = rewards.every(open_at=at)
    has = {
        currency: points.balance(customer=person, currency=currency, at=at).spendable
        for currency in {view.terms.currency for view in views}
    }
    taken = _taken(views, records, at)
    found = []
    for view in views:
        price = _price(view, above)
        missing = max(price - has[view.terms.currency], 0)
        why = ""
        if view.left == 0:
            why = SoldOut.code
        elif view.terms.from_level and view.terms.from_level not in above:
            why = NotForThem.code
        elif view.terms.most is not None and taken[view.id] >= view.terms.most:
            why = LimitReached.code
        found.append(Offer(view, price, missing, why))
    return sorted(found, key=lambda one: (bool(one.why_not), one.missing, one.price, one.reward.code))


def settlement(*, since: datetime, until: datetime) -> list[Settled]:
    """What partners are owed from `since` until before `until`: for what was handed over in that time and not taken
    back in it, less what was handed over before and taken back in it. So a time that was settled never changes. One
    query.
    """
    handed = Q(at__gte=since, at__lt=until) & (Q(cancelled_at__isnull=True) | Q(cancelled_at__gte=until))
    back = Q(at__lt=since, cancelled_at__gte=since, cancelled_at__lt=until)
    rows = (
        Redemption.objects.filter(partner_minor__gt=0)
        .alias(at=Coalesce("issued_at", "shipped_at"))
        .filter(handed | back)
        .values("partner", "partner_minor", "partner_currency", code=F("reward__code"))
        .annotate(count=Count("id", filter=handed), back=Count("id", filter=back))
        .order_by("partner", "code", "partner_currency", "partner_minor")
    )
    return [
        Settled(
            partner=one["partner"],
            reward=one["code"],
            count=one["count"],
            back=one["back"],
            owed=Money(one["partner_minor"] * (one["count"] - one["back"]), one["partner_currency"]),
        )
        for one in rows
    ]


def _take(customer: int, reward: str, key: str, at: datetime, by: Actor, *, is_gift: bool) -> TakenView:
    told = Told("take", key, at, by, {"customer": customer, "reward": reward, "gift": is_gift}).digest()
    view = rewards.get(reward)
    with transaction.atomic():
        person = _one_at_a_time(customer)
        if (known := ROWS.filter(key=key).first()) is not None:
            acts.check_same(key, bytes(known.told), told)
            return view_of(known)
        if not view.is_open(at):
            raise NotOpen(_("reward: it cannot be taken now"), field="reward", value=reward)
        price = 0
        if not is_gift:
            above = _reached(one for one in tiers.of(customer=person, at=at) if one.level)
            if view.terms.from_level and view.terms.from_level not in above:
                raise NotForThem(_("reward: it is for members of a higher level"), field="reward", value=reward)
            price = _price(view, above)
            if view.terms.most is not None and (
                _taken([view], persons.records_of(person), at)[view.id] >= view.terms.most
            ):
                raise LimitReached(
                    _("reward: %(most)s of it is as many as one may have for now") % {"most": view.terms.most},
                    field="reward",
                    value=reward,
                )
        cash = None if is_gift else view.terms.cash
        row = Redemption(
            key=key,
            told=told,
            reward_id=view.id,
            record_id=customer,
            state="reserved",
            is_gift=is_gift,
            parts=price,
            cash_minor=cash.minor if cash else 0,
            cash_currency=cash.currency if cash else "",
            taken_at=at,
            partner=view.terms.partner if view.terms.owed else "",
            partner_minor=view.terms.owed.minor if view.terms.owed else 0,
            partner_currency=view.terms.owed.currency if view.terms.owed else "",
            pay_until=at + PAY_WITHIN if cash else None,
            cancel_until=at + timedelta(days=view.terms.cancel_days) if view.terms.cancel_days else None,
        )
        row.save(force_insert=True)
        spend(row, view, at, by)
        row.from_stock = from_stock(view)
        if row.pay_until is None:
            begin_handing(row, at)
        elif view.terms.handed == "code":
            keep_code(row)
        row.save()
        told_of(RewardTaken, row, at, by, "give" if is_gift else "take")
    return view_of(ROWS.get(id=row.id))


def _step(
    redemption: int, state: str, before: Sequence[str], at: datetime, by: Actor, *, tracking: str = ""
) -> TakenView:
    with transaction.atomic():
        row = _held(redemption)
        if row.state == state:
            return view_of(row)
        if row.state not in before or row.pay_until is not None:
            raise _not_so(row, _("it is not that far, or further already"))
        row.state = state
        setattr(row, f"{state}_at", at)
        row.tracking = tracking or row.tracking
        row.save()
        told_of(RewardHandedOver, row, at, by, state)
    return view_of(row)


def _price(view: RewardView, above: set[str]) -> int:
    """The best of the prices of the levels they are on or above."""
    return min((price for place, price in view.terms.level_prices.items() if place in above), default=view.terms.price)


def _reached(standing: Iterable[Status]) -> set[str]:
    """Every level that they are on, or have passed, as "programme.tiers.level"."""
    return {
        f"{one.set.key}.{level.id}"
        for one in standing
        for level in one.set.tiers.levels
        if one.set.tiers.rank(level.id) <= one.rank
    }


def _taken(views: Sequence[RewardView], records: Sequence[int], at: datetime) -> Counter[int]:
    """How many of each they took in its period, gifts left out, and did not give back. Two queries."""
    shops = company.shop().zone
    since = {view.id: _since(view, view.zone or shops, at) for view in views if view.terms.most is not None}
    rows = (
        Redemption.objects.filter(reward_id__in=since, record_id__in=records, is_gift=False)
        .exclude(state="cancelled")
        .values_list("reward_id", "taken_at")
    )
    return Counter(reward for reward, taken_at in rows if taken_at >= since[reward])


def _since(view: RewardView, zone: str, at: datetime) -> datetime:
    """When the period began that a limit counts in at that moment."""
    clock, per = civil.zone(zone), view.terms.per
    day = civil.day_of(at, clock)
    first = ALWAYS if per == "ever" else day.replace(month=1, day=1) if per == "year" else beginning(day, per)
    return civil.start_of_day(first, clock)


def _one_at_a_time(customer: int) -> int:
    """The person, of whom nobody else takes anything until the transaction ends."""
    person = persons.held([customer])[customer]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.rewards'), %s::int)", [person % 2**31])
    return person


def _held(redemption: int) -> Redemption:
    # The person before the row: whoever takes a reward locks in that order.
    record = Redemption.objects.filter(id=redemption).values_list("record_id", flat=True).first()
    if record is None:
        raise _unknown(str(redemption))
    persons.held([record])
    return ROWS.select_for_update(of=("self",)).get(id=redemption)


def _not_so(row: Redemption, why: str) -> AlreadySo:
    return AlreadySo(f"redemption: {why}", field="redemption", value=row.state)


def _unknown(value: str) -> UnknownRedemption:
    return UnknownRedemption(_("redemption: there is no %(value)s") % {"value": value}, field="redemption", value=value)
