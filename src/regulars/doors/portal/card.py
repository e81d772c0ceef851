"""The member's card: the level with its ring, how far the next one is, what keeps it, points and until when, what they
can have for them, missions and badges."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.portal import card_membership, members
from regulars.facts.company import company
from regulars.facts.customers import persons
from regulars.kit import civil
from regulars.kit.points import Points
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    benefit_words,
    benefits,
    mission_words,
    missions,
    pictures,
    points,
    programmes,
    redemptions,
    rewards,
    tier_words,
    tiers,
    wallets,
)
from regulars.levers.loyalty.benefits import Entitlement
from regulars.levers.loyalty.missions import BadgeView, Progress
from regulars.levers.loyalty.redemptions import Offer
from regulars.levers.loyalty.rules.tier_progress import OfLevel, Part
from regulars.levers.loyalty.rules.tier_sets import Need
from regulars.levers.loyalty.tiers import SetView, Status
from regulars.levers.loyalty.wallets import Wallet
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff.policy import open_to_everyone

#: Around the ring, in its own units: 2 π 52.
AROUND = 326.726
PLAIN = "#4a6b57"
LINES, DAYS, OFFERS = 6, 4, 3
#: Around a mission's little ring.
AROUND_ONE = 94.248


@dataclass(frozen=True)
class Ring:
    """A status as its member sees it. `dash`: how much of the ring is drawn."""

    title: str
    level: str
    picture: str
    colour: str
    dash: str
    share: int
    headline: str
    ways: tuple[str, ...]
    keep: str
    until: str
    steps: tuple[tuple[str, str, bool, bool], ...]
    asks: str
    counted: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Reach:
    """A reward, what it costs them, and what they have too little of; empty where they can have it."""

    title: str
    price: str
    missing: str
    share: int


@dataclass(frozen=True)
class MissionShown:
    """A mission as its member sees it: what comes next, until when, and what there is to win."""

    key: tuple[str, str]
    title: str
    about: str
    next: str
    left: str
    prize: str
    share: int
    dash: str
    steps: tuple[tuple[str, bool], ...]
    is_done: bool
    is_surprise: bool
    may_join: bool


@dataclass(frozen=True)
class BadgeShown:
    """A badge, with the day it is theirs since; empty of one that is not."""

    title: str
    sign: str
    colour: str
    since: str


@require_safe
@open_to_everyone(because="shows nothing but to the browser that a member's link opened, of that member alone")
def card(request: HttpRequest) -> HttpResponse:
    """The card of whose browser it is; to a stranger, how to come in."""
    visitor = members.visitor(request)
    shop = company.shop()
    with translation.override(members.language(request)), persons.remembered():
        told: dict[str, Any] = {
            "shop": shop.name,
            "languages": members.LANGUAGES.items(),
            "here": translation.get_language(),
            "brand": members.brand(request),
        }
        if visitor is None:
            answer = render(request, "portal/stranger.html", told, status=401)
        else:
            who, now = visitor.customer, timezone.now()
            brand = members.brand(request)
            standing = [one.of_brand(brand) for one in tiers.of(customer=who.id, at=now)]
            known = pictures.digests({tier_words.image(one.set, one.level) for one in standing})
            seen = benefits.overview(customer=who.id, at=now, standing=standing)
            within_reach = _within_reach(redemptions.offers(customer=who.id, at=now, standing=standing), now)
            told |= {
                "rings": [ring(one, known.get(tier_words.image(one.set, one.level), "")) for one in standing],
                "wallets": [
                    _wallet(who.id, one, now, civil.zone(shop.zone))
                    for one in wallets.of(customer=who.id, at=now)
                    if one.is_open
                ],
                "benefits": [_benefit(one) for one in seen.entitlements],
                "saved": [formats.money(one.minor, one.currency) for one in seen.saved],
                "rewards": within_reach,
                "has_now": any(not one.missing for one in within_reach),
                "missions": [
                    *(keep for one in standing if (keep := _to_keep(one)) is not None),
                    *_missions(missions.of(customer=who.id, at=now)),
                ],
                "badges": [_badge(one) for one in missions.badges(customer=who.id, at=now)],
                **card_membership.shown(visitor, brand, now),
                "key": uuid4().hex,
                "looks": visitor.only_looks,
                "since": who.first_seen_at and formats.day(who.first_seen_at.date()),
            }
            answer = render(request, "portal/card.html", told)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_POST
@open_to_everyone(because="joins a mission for the member alone whose browser a link opened")
def join(request: HttpRequest) -> HttpResponse:
    """They take part in a mission. A stranger, and who asks for what is not there, is shown the card again."""
    visitor = members.who_acts(request)
    if visitor is not None:
        told = {"programme": request.POST.get("programme", ""), "mission": request.POST.get("mission", "")}
        # What is over since they looked, the card says.
        with suppress(Refusal):
            key = f"portal:{request.POST.get('key', '')[:40] or uuid4().hex}:{told['mission'][:40]}"
            missions.join(customer=visitor.customer.id, key=key, at=clock.now(), by=visitor.by, **told)
    return members.to_card(request, "#missions")


def ring(one: Status, picture: str = "") -> Ring:
    """A status in words; `picture`: where its level's is."""
    view, upward, keeping = one.set, one.upward, one.keeping
    share, shown = int(upward.share * 100) if upward else 100, upward or keeping
    level = tier_words.level_title(view, one.level)
    title = tier_words.in_words(view.tiers.titles)
    return Ring(
        title=title,
        level=level or _("Not on a level yet"),
        picture=picture,
        colour=next((each.colour for each in view.tiers.levels if each.id == one.level), PLAIN),
        dash=f"{AROUND * share / 100:.1f}",
        share=share,
        headline=_("To %(level)s") % {"level": tier_words.level_title(view, upward.level)}
        if upward
        else _("You are at the top"),
        ways=tuple(tier_words.missing(part, view, formats.money) for part in upward.nearest) if upward else (),
        keep=_keep(one, level),
        until=_until(one),
        steps=tuple(
            (tier_words.in_words(each.titles), each.colour, place <= one.rank, place == one.rank)
            for place, each in enumerate(view.tiers.levels, 1)
        ),
        asks=_asks(view, upward),
        counted=tuple(
            (
                tier_words.so_far(part, view, formats.money)
                if part.left
                else tier_words.has(part, view, formats.money),
                int(part.share * 100),
            )
            for part in _each_once(shown.parts if shown else ())
        ),
    )


def _benefit(one: Entitlement) -> dict[str, Any]:
    """A benefit in words: what is left of it, and until when."""
    left = _("as often as you like")
    if one.most is not None:
        left = _("%(left)s of %(most)s left") % {
            "left": formats.number(one.left or 0),
            "most": formats.number(one.most),
        }
    ends = one.until if one.given_by in ("gift", "partner") else None
    when = ""
    if one.frees_on is not None:
        when = _("again from %(day)s") % {"day": formats.day(one.frees_on)}
    elif ends is not None:
        when = _("through %(day)s") % {"day": formats.day(ends - timedelta(days=1))}
    return {
        "title": benefit_words.title(one.view.benefit.titles),
        "said": " · ".join(filter(None, (benefit_words.gives(one.view, formats.money), _source(one), when))),
        "left": left,
        "is_up": one.left == 0,
    }


def _source(one: Entitlement) -> str:
    """Whom it comes from, to the member."""
    return {
        "tier": _("with your level"),
        "plan": _("with your membership"),
        "gift": _("a present from us"),
        "partner": _("from a partner"),
    }[one.given_by]


def _asks(view: SetView, upward: OfLevel | None) -> str:
    """All that the next level asks, where that is more than one thing."""
    level = next((one for one in view.tiers.levels if upward is not None and one.id == upward.level), None)
    if level is None or isinstance(level.asks, Need | None):
        return ""
    return tier_words.asked_in_all(level.asks, view, formats.money)


def _each_once(parts: Sequence[Part]) -> list[Part]:
    """Of what is counted twice the first: the way that asks most of it."""
    found: dict[str, Part] = {}
    for part in parts:
        found.setdefault(part.need.counter, part)
    return list(found.values())


def _keep(one: Status, level: str) -> str:
    """Until when the level is theirs, and what would keep it."""
    if not one.level:
        return ""
    if one.is_frozen:
        return _("%(level)s stays yours for now.") % {"level": level}
    if one.next_on is None or one.set.tiers.rank(one.next_level or "") >= one.rank:
        return _("%(level)s stays yours.") % {"level": level}
    last = formats.day(one.next_on - timedelta(days=1))
    said = _("%(level)s is yours through %(day)s.") % {"level": level, "day": last}
    if one.to_keep is None:
        return said
    told = {"level": level, "day": last, "missing": _missing(one)}
    return _("%(level)s is yours through %(day)s. To keep it longer: %(missing)s.") % told


def _missing(one: Status) -> str:
    parts = one.to_keep.missing if one.to_keep is not None else ()
    return _(", ").join(tier_words.missing(part, one.set, formats.money) for part in parts)


def _to_keep(one: Status) -> MissionShown | None:
    """The mission that a level itself is: what keeps it, and by when."""
    if one.to_keep is None:
        return None
    share, told = int(one.to_keep.share * 100), {"level": tier_words.level_title(one.set, one.level)}
    return MissionShown(
        key=("", ""),
        title=_("Keep %(level)s") % told,
        about="",
        next=_missing(one),
        left=mission_words.days((one.to_keep.until - one.day).days),
        prize=_("%(level)s stays yours") % told,
        share=share,
        dash=f"{AROUND_ONE * share / 100:.1f}",
        steps=(),
        is_done=False,
        is_surprise=False,
        may_join=False,
    )


def _until(one: Status) -> str:
    """How long what is bought still counts in the present time."""
    if one.days_left is None or one.period_until is None:
        period = one.set.tiers.period
        return (
            _("What you bought in the last %(months)s months counts.") % {"months": period.months}
            if period.months
            else ""
        )
    days = ngettext("%(n)s day left in this period", "%(n)s days left in this period", one.days_left)
    return days % {"n": formats.number(one.days_left)}


def _wallet(customer: int, one: Wallet, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    page = points.statement(customer=customer, currency=one.currency, limit=LINES)
    return {
        "title": one.title,
        "spendable": _shown(one.balance.spendable, one.scale),
        "pending": _shown(one.balance.pending, one.scale) if one.balance.pending else "",
        "debt": _shown(one.balance.debt, one.scale) if one.balance.debt else "",
        "ends": _ends(customer, one, now),
        "lines": [
            (formats.day(civil.day_of(line.effective_at, zone)), line.because, _signed(moved, one.scale))
            for line in page.items
            if (moved := line.change.available + line.change.pending - line.change.debt)
        ],
    }


def _ends(customer: int, one: Wallet, now: datetime) -> Sequence[tuple[str, str]]:
    found = points.expiring(customer=customer, currency=one.currency, at=now)
    days = [(formats.day(each.on), each.available) for each in found if each.on is not None and each.available]
    return [(day, _shown(parts, one.scale)) for day, parts in days[:DAYS]]


def _signed(parts: int, scale: int) -> str:
    return f"{'+' if parts > 0 else '−'}{_shown(abs(parts), scale)}"


def _shown(parts: int, scale: int) -> str:
    return formats.number(Points(parts, scale).decimal, scale)


def _within_reach(offers: Sequence[Offer], now: datetime) -> list[Reach]:
    """What they can have now first, the best of it on top, then what is nearest. What is missing has to be such that
    somebody can still earn it."""
    earned = {one.programme.currency.code for one in programmes.active(now)}
    told = [one for one in offers if not one.why_not and (not one.missing or one.reward.terms.currency in earned)]
    has = sorted((one for one in told if not one.missing), key=lambda one: -one.price)
    names = {one.currency: (one.title, one.scale) for one in wallets.kinds()}
    found = []
    for one in (*has[:OFFERS], *[one for one in told if one.missing][:OFFERS]):
        name, scale = names[one.reward.terms.currency]
        price = _("%(amount)s %(name)s") % {"amount": _shown(one.price, scale), "name": name}
        if one.reward.terms.cash is not None:
            cash = one.reward.terms.cash
            price = _("%(points)s + %(cash)s") % {"points": price, "cash": formats.money(cash.minor, cash.currency)}
        missing = ""
        if one.missing:
            missing = _("%(amount)s %(name)s more") % {"amount": _shown(one.missing, scale), "name": name}
        share = 100 if not one.missing else min(100 * (one.price - one.missing) // max(one.price, 1), 99)
        found.append(Reach(tier_words.in_words(dict(one.reward.terms.titles)), price, missing, share))
    return found


def _missions(found: Sequence[Progress]) -> list[MissionShown]:
    wins_any = any(one.view.mission.prize.reward for one in found)
    called = {one.code: tier_words.in_words(dict(one.terms.titles)) for one in rewards.every()} if wins_any else {}
    return [
        MissionShown(
            key=(one.view.programme, one.view.mission.id),
            title=mission_words.title(one.view),
            about=mission_words.about(one.view),
            next=mission_words.next_step(one, formats.money),
            left="" if one.is_done else mission_words.days_left(one),
            prize=mission_words.prize(one.view, called),
            share=one.share,
            dash=f"{AROUND_ONE * one.share / 100:.1f}",
            steps=tuple(
                (mission_words.so_far(goal, seen, one.view, formats.money), seen.met_us is not None)
                for goal, seen in one.steps
            ),
            is_done=one.is_done,
            is_surprise=one.view.mission.is_surprise,
            may_join=one.has_joined is False,
        )
        for one in found
    ]


def _badge(one: BadgeView) -> BadgeShown:
    return BadgeShown(
        title=tier_words.in_words(one.badge.titles),
        sign=one.badge.sign,
        colour=one.badge.colour,
        since="" if one.since is None else formats.short_day(one.since),
    )
