"""What members of the demo shop make of their points, levels and plans: rewards taken and handed over, benefits used,
memberships joined, paid, rested and left. Through the verbs, as doors do it: what is spent is spent now; memberships,
which go by days, are told again as of the days on which they happened."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from regulars.facts.customers import customers
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import benefits, memberships, points, redemptions, rewards
from regulars.levers.loyalty.memberships import Consent, MembershipView
from regulars.levers.loyalty.redemptions import TakenView
from regulars.simulator.chance import Chance
from regulars.simulator.people import customer_ref
from regulars.simulator.world import World

CURRENCY = "points"
SHIPPING = "classic.free_shipping"
PARCEL = 1200
_MOST_REWARDS, _MOST_USES, _MOST_MEMBERS = 110, 40, 36


@dataclass(frozen=True)
class Did:
    """So many rewards were taken, benefits used and plans joined."""

    rewards: int
    uses: int
    members: int


@dataclass(frozen=True)
class Story:
    """A plan joined `days` ago; what happened then, each so many days ago. Each time it is told again all of that was
    `spread` days before."""

    plan: str
    days: int
    spread: int = 0
    then: tuple[tuple[str, int], ...] = ()


#: One after the other, so that there is some of each state however few there are.
STORIES = (
    Story("plus_year", 118, 9, (("paid", 88), ("shipping", 0), ("shipping", 0))),
    Story("plus_month", 33, 1, (("paid", 33), ("failed", 2))),
    Story("plus_year", 11, 5),
    Story("plus_month", 40, 1, (("paid", 40), ("paid", 9), ("shipping", 0))),
    Story("plus_year", 95, 6, (("paid", 65), ("paused", 8))),
    Story("plus_year", 160, 7, (("paid", 130), ("cleaning", 0), ("shipping", 0), ("shipping", 0), ("shipping", 0))),
    Story("plus_year", 80, 8, (("paid", 50), ("left", 3))),
    Story("plus_month", 12, 4, (("paid", 12), ("shipping", 0))),
    Story("plus_year", 24, 2, (("left", 5),)),
    Story("plus_month", 50, 3, (("paid", 50), ("ended", 36))),
    Story("plus_month", 0),
    Story("plus_year", 3, 2),
)


def live(world: World, *, namespace: str, at: datetime, by: Actor) -> Did:
    """All of it, of those who bought most often first. Begun again it is the same: each act has its key."""
    shoppers = world.shoppers
    ranked = sorted(range(shoppers.orders.size), key=lambda one: -int(shoppers.orders[one]))
    refs = [customer_ref(one) for one in ranked if not shoppers.is_guest[one]]
    known = customers.find_many(namespace=namespace, refs=refs)
    people = [known[ref] for ref in refs if ref in known]
    chance = Chance(world.plan.seed)
    # One commit for hundreds of acts: nobody else is there yet.
    with transaction.atomic():
        return Did(
            rewards=_take(people, chance, at, by), uses=_use(people, at, by), members=_join(people, chance, at, by)
        )


def _take(people: Sequence[int], chance: Chance, at: datetime, by: Actor) -> int:
    most = min(_MOST_REWARDS, len(people) // 6)
    has = {one: found.spendable for one, found in points.balances(people, currency=CURRENCY, at=at).items()}
    terms = {one.code: one.terms for one in rewards.every(open_at=at) if one.terms.currency == CURRENCY}
    prices = {code: one.price for code, one in terms.items() if not one.cash and not one.from_level}
    drawn = chance.stream("rewards").uniform(2 * len(people))
    rich = sorted(people, key=lambda one: -has[one])
    turn = sorted((float(drawn[place]), one) for place, one in enumerate(people) if has[one] >= min(prices.values()))
    done = 0
    for (_luck, one), fate in zip(turn[:most], drawn[len(people) :], strict=False):
        within = [code for code, price in sorted(prices.items()) if price <= has[one]]
        code = within[one % len(within)]
        # Of some the stock or the time is over by now, or theirs is a level below: they take none.
        with suppress(Refusal):
            taken = redemptions.take(customer=one, reward=code, key=f"demo:reward:{one}", at=at, by=by)
            _hand(taken, terms[code].handed, int(float(fate) * 100), at, by)
            done += 1
    # What costs money as well: the first who may have it has not paid yet, the next has.
    waits = 0
    for one in rich[: max(most // 4, 3)]:
        for code in [code for code, told in terms.items() if told.cash]:
            # As above.
            with suppress(Refusal):
                taken = redemptions.take(customer=one, reward=code, key=f"demo:{code}:{one}", at=at, by=by)
                waits, done = waits + 1, done + 1
                if waits > 1:
                    redemptions.pay(redemption=taken.id, payment=f"demo-{taken.id}", at=at, by=by)
        if waits == 3:
            break
    return done


def _hand(taken: TakenView, handed: str, fate: int, at: datetime, by: Actor) -> None:
    """How far it came: `fate` from 0 to 99."""
    if handed == "sent" and 22 <= fate < 86:
        redemptions.ship(redemption=taken.id, at=at, by=by, tracking=f"SF{taken.id + 1_020_304_050:012d}")
    elif handed == "done" and 30 <= fate < 92:
        redemptions.hand_over(redemption=taken.id, at=at, by=by)
    if 48 <= fate < 86:
        redemptions.use(redemption=taken.id, at=at, by=by)
    elif fate >= 92 and handed != "code":
        redemptions.cancel(redemption=taken.id, why="by_member", at=at, by=by, is_by_member=handed == "sent")


def _use(people: Sequence[int], at: datetime, by: Actor) -> int:
    most, done = min(_MOST_USES, len(people) // 12), 0
    for one in people[: 2 * most]:
        # Who is on no level has none, and whoever used this month's waits for the next.
        with suppress(Refusal):
            for nth in range(1 + one % 3):
                used = benefits.use(
                    customer=one,
                    benefit=SHIPPING,
                    key=f"demo:benefit:{one}:{nth}",
                    at=at,
                    by=by,
                    about=f"SF{one * 7 + nth + 1_050_607_080:012d}",
                    saved=Money(PARCEL, "CNY"),
                )
                done += 1
                if one % 17 == 0:
                    benefits.give_back(use=used.id, why="not_done", at=at, by=by)
        if done >= most:
            break
    return done


def _join(people: Sequence[int], chance: Chance, at: datetime, by: Actor) -> int:
    many = min(_MOST_MEMBERS, len(people) // 12)
    order = chance.stream("plans").uniform(len(people)).argsort()
    for place, number in enumerate(order[:many].tolist()):
        _tell(people[number], STORIES[place % len(STORIES)], place // len(STORIES), at, by)
    return many


def _tell(customer: int, story: Story, nth_time: int, at: datetime, by: Actor) -> None:
    def ago(days: int) -> datetime:
        return at - timedelta(days=days + story.spread * nth_time if days else 0)

    consent = Consent(version="1", language="zh", where="card")
    key = f"demo:plan:{customer}"
    one = memberships.join(
        customer=customer, plan=f"paid_club.{story.plan}", consent=consent, key=key, at=ago(story.days), by=by
    )
    for nth, (what, days) in enumerate(story.then):
        _step(one, customer, what, f"{key}:{nth}", ago(days), by)


def _step(one: MembershipView, customer: int, what: str, key: str, at: datetime, by: Actor) -> None:
    if what == "paid" or what == "failed":
        state: memberships.PaymentState = "paid" if what == "paid" else "failed"
        memberships.tell_payment(membership=one.id, payment=key, state=state, money=one.price, at=at, by=by)
    elif what == "paused":
        memberships.pause(membership=one.id, at=at, by=by, key=key)
    elif what == "left" or what == "ended":
        memberships.cancel(membership=one.id, at=at, by=by, at_once=what == "ended", key=key)
    else:
        saved = Money(PARCEL if what == "shipping" else 6800, "CNY")
        benefits.use(customer=customer, benefit=f"paid_club.plus_{what}", key=key, at=at, by=by, saved=saved)
