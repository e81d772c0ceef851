"""The demo shop: a home furnished with simulated shoppers, who come in through the import door like everyone else."""

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from regulars.doors.imports import cost_files, costs, events, mapping, orders, ware_files, wares
from regulars.doors.imports.ware_files import What
from regulars.facts.commerce import attributes, categories, variants
from regulars.facts.company import channels, company, stores
from regulars.facts.customers import customers, profiles
from regulars.facts.customers.profiles import Profile
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.insight.audiences import ready_made
from regulars.insight.measures import margins, refreshing
from regulars.kit.actors import SYSTEM, Actor
from regulars.levers.loyalty import (
    catalogues,
    earning,
    mission_walks,
    programme_files,
    programmes,
    requalifying,
    rewards,
)
from regulars.levers.loyalty.earning import Posted
from regulars.simulator import catalogue, files, homes, perks, presents, shelves, spending, visits
from regulars.simulator.chance import Chance
from regulars.simulator.homes import Shop
from regulars.simulator.people import Person, people
from regulars.simulator.world import Plan, World, make

Say = Callable[[str], None]

#: The source of everything simulated: orders' and customers' references belong to it.
NAMESPACE = "demo"
PROGRAMME = "classic"
#: With a fee, beside the other: plans and what they give.
CLUB = "paid_club"
#: Followed from the first moment on, as most shops would.
AUDIENCES = ("lifecycle.new", "lifecycle.active", "lifecycle.sleeping", "lifecycle.lost", "rfm.must_keep")
ACTOR = Actor("import", "demo")
_AT_ONCE = 2000
HALF_A_YEAR = timedelta(days=183)


def plan(shop: Shop) -> Plan:
    """Of the world that the shop's orders come from."""
    return Plan(shop.shoppers, date.fromisoformat(shop.until), shop.years, shop.seed)


def furnish(*, home: Path, wanted: Shop, say: Say) -> Shop:
    """Make the shop in the database that Django uses, or leave the one that is there as it is.

    Started again after an interruption it makes the same shop, and what came in before is found on record. Returns
    the shop there is, which may be another than `wanted`.
    """
    shop = homes.claim(home, wanted)
    if shop.is_furnished:
        say(f"the demo shop is there already: {shop}; --fresh makes it anew")
        return shop
    began = time.monotonic()
    _settle(plan(shop))
    world = make(plan(shop))
    say(f"{shop.shoppers:,} shoppers have bought {world.orders.at.size:,} times since {world.plan.start}")
    _bring_in(home, world, say)
    _fill_shelves(home, world.plan, say)
    _describe(world, say)
    _look_around(home, world, say)
    _reckon(home, world)
    _promise(world, say)
    refreshing.refresh(at=_now(), by=ACTOR)
    for code in AUDIENCES:
        ready_made.take(code=code, language="zh", at=_now(), by=ACTOR)
    say(f"readings are computed; the shop is ready after {time.monotonic() - began:.0f} s")
    return homes.furnished(home, shop)


def _promise(world: World, say: Say) -> None:
    """The classic programme, with the points of all their orders and where everybody stands; what points buy; and the
    paid club beside it. Then what members make of all that."""
    at = _now()
    for code in (PROGRAMME, CLUB):
        made = programmes.draft(text=programme_files.text_of(code), at=at, by=ACTOR)
        programmes.approve(programme=code, version=made.number, cost=0, at=at, by=SYSTEM, why="the demo shop")
        # In force for half a year, so that there are missions that were done and some under way.
        programmes.activate(programme=code, version=made.number, at=at - HALF_A_YEAR, by=ACTOR)
    posted = sum(earning.backfill(programme=PROGRAMME, at=at, by=ACTOR), Posted())
    looked = requalifying.everyone(at=at, by=ACTOR)
    for code in (PROGRAMME, CLUB):
        catalogues.bring(programme=code, at=at, by=ACTOR, is_open=True)
    for code, terms in presents.REWARDS.items():
        rewards.put(code=code, terms=terms, at=at, by=ACTOR)
        rewards.set_state(code=code, state="open", at=at, by=ACTOR)
    rewards.add_codes(code="coffee", codes=presents.codes(), at=at, by=ACTOR)
    done = mission_walks.everyone(at=_now(), by=ACTOR)
    say(f"{posted.awards:,} awards of points are posted, {looked.moves:,} moves between levels are known")
    say(f"missions were done {done.changed:,} times")
    did = perks.live(world, namespace=NAMESPACE, at=_now(), by=ACTOR)
    say(f"{did.rewards:,} rewards were taken, {did.uses:,} benefits used, {did.members:,} plans joined")


def _settle(plan: Plan) -> None:
    at = _now()
    company.settle(
        name=catalogue.SHOP_NAME,
        currency=plan.currency,
        zone=plan.zone.key,
        language="zh-hans",
        country="CN",
        at=at,
        by=ACTOR,
    )
    channels.describe(code=catalogue.WEB, name=catalogue.WEB, kind="web", at=at, by=ACTOR)
    channels.describe(code=catalogue.STORE, name=catalogue.STORE, kind="store", at=at, by=ACTOR)
    for store in catalogue.STORES:
        made = stores.describe(code=store.code, name=store.name, at=at, by=ACTOR, channel=catalogue.STORE)
        stores.locate(store=made.id, place=shelves.PLACES[store.code], offers_pickup=True, at=at, by=ACTOR)
        stores.set_hours(store=made.id, week=shelves.week(), at=at, by=ACTOR)
        stores.set_exceptions(store=made.id, days=shelves.short_days(plan), at=at, by=ACTOR)


def _bring_in(home: Path, world: World, say: Say) -> None:
    file = home / "simulated" / "orders.parquet"
    file.parent.mkdir(exist_ok=True)
    files.write(files.order_frame(world), file)
    files.write(files.truth_frame(world), file.with_name("truth.parquet"))
    done = orders.import_orders(file, mapping.load("generic"), at=_now(), by=ACTOR, source=NAMESPACE)
    if not done.is_whole:
        raise RuntimeError(f"The import door left out rows of a simulated file; they are in {done.reject_file}.")
    say(f"{done.rows_good:,} rows came in through the import door, none was rejected")


def _fill_shelves(home: Path, plan: Plan, say: Say) -> None:
    frames: dict[What, pl.DataFrame] = {
        "products": shelves.catalogue_frame(),
        "prices": shelves.price_frame(plan),
        "stock": shelves.stock_frame(plan),
    }
    for what, frame in frames.items():
        file = home / "simulated" / f"{what}.parquet"
        files.write(frame, file)
        template = ware_files.load(what, "generic")
        done = wares.import_wares(what, file, template, at=_now(), by=ACTOR, source=NAMESPACE)
        if not done.is_whole:
            raise RuntimeError(f"The import door left out rows of simulated {what}; they are in {done.reject_file}.")
    at = _now()
    for one in catalogue.CATEGORIES:
        english, _, chinese = one.name.rpartition(" ")
        categories.name(path=one.name, titles={"en": english, "zh-hans": chinese}, at=at, by=ACTOR)
    for code, kind, titles, choices in shelves.ATTRIBUTES:
        attributes.define(code=code, kind=kind, titles=titles, choices=choices, at=at, by=ACTOR)
    likenesses = shelves.likenesses()
    numbers = variants.find_many(namespace=NAMESPACE, refs=list(likenesses))
    for ref, values in likenesses.items():
        attributes.describe(product=numbers[ref][1], values=values, at=at, by=ACTOR)
    counts = {what: frame.height for what, frame in frames.items()}
    say("{products:,} products, {prices:,} prices and {stock:,} shelves are told".format(**counts))


def _describe(world: World, say: Say) -> None:
    shoppers = world.shoppers
    known = [
        person for person, is_guest in zip(_people(world), shoppers.is_guest.tolist(), strict=True) if not is_guest
    ]
    at = _now()
    numbers = customers.resolve_many(
        namespace=NAMESPACE, refs=[person.ref for person in known], at=at, by=ACTOR, origin="history"
    )
    for start in range(0, len(known), _AT_ONCE):
        profiles.describe_many(
            profiles={
                numbers[person.ref]: Profile(
                    display_name=person.name,
                    email=person.email,
                    phone=person.phone or None,
                    country=person.country,
                    language=person.language,
                )
                for person in known[start : start + _AT_ONCE]
            },
            key=f"{NAMESPACE}:{world.plan.seed}"[:80],
            at=at,
            by=ACTOR,
            source=NAMESPACE,
        )
    say(f"{len(known):,} of them have a name, all made up and sealed; {int(np.sum(shoppers.is_guest)):,} are guests")


def site(plan: Plan) -> Source:
    """The web shop's pages, which tell who looks at what."""
    name = "leaf-and-lantern"
    return sources.make(name=name, kind="web", namespace=NAMESPACE, zone=plan.zone.key, at=_now(), by=ACTOR)


def _look_around(home: Path, world: World, say: Say) -> None:
    file = home / "simulated" / "visits.jsonl"
    seen = visits.past(world)
    lines = (json.dumps(message, ensure_ascii=False) for visit in seen for message in visits.told(visit))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = events.import_events(file, None, at=_now(), by=ACTOR, source=site(world.plan).name)
    if not done.is_whole:
        raise RuntimeError(f"The import door left out visits of a simulated file; they are in {done.reject_file}.")
    say(f"{len(seen):,} visits to the web shop of the last {visits.DAYS} days told {done.rows_good:,} events")


def _reckon(home: Path, world: World) -> None:
    """What is left of what is sold, and what newcomers cost: else no figure could say what a customer brings."""
    at = _now()
    margins.tell(percent=Decimal(spending.MARGIN_PERCENT), at=at, by=ACTOR)
    file = home / "simulated" / "costs.csv"
    files.write(spending.cost_frame(world), file)
    done = costs.import_costs(file, cost_files.load("generic"), at=at, by=ACTOR)
    if not done.is_whole:
        raise RuntimeError(f"The import door left out rows of simulated costs; they are in {done.reject_file}.")


def _people(world: World) -> list[Person]:
    return people(shoppers=world.plan.shoppers, chance=Chance(world.plan.seed))


def _now() -> datetime:
    return datetime.now(UTC)
