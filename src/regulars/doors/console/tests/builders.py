"""People at work in a shop, and their browsers."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
from django.test import Client

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnBatch
from regulars.facts.commerce.orders import OrderBatch
from regulars.facts.company import company
from regulars.facts.customers import consent, customers, profiles, reviews, suggesting, tags
from regulars.facts.customers.profiles import Profile
from regulars.facts.events import intake, messages
from regulars.facts.events.following import follow_everything
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.sources import import_runs, sources
from regulars.insight.measures import refreshing
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.secrets import lookup
from regulars.runtime.staff import operators

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSWORD = "seven green teapots"


def an_operator(name: str, role: str, *, language: str = "") -> int:
    """Somebody who was invited, came and chose PASSWORD. Their number; the address is <name>@shop.example."""
    handed = operators.invite(
        email=f"{name}@shop.example", name=name, role=role, language=language, at=MONDAY, by=SYSTEM
    )
    return operators.choose_password(token=handed.token, password=PASSWORD, at=MONDAY)


def signed_in(role: str, *, language: str = "", name: str = "") -> Client:
    """The browser of somebody with this role, signed in through the form."""
    name = name or role.replace("_", "-")
    an_operator(name, role, language=language)
    client = Client()
    answer = client.post("/console/sign-in", {"email": f"{name}@shop.example", "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


#: (name, first and last day of buying, days between purchases); who was last seen long ago slips away.
PEOPLE = (
    ("Ines Duarte", "2025-02-03", "2026-05-28", 14),
    ("Tomas Nowak", "2025-01-15", "2026-01-20", 18),
    ("Priya Patel", "2025-03-02", "2026-05-25", 21),
    ("王小明", "2025-01-20", "2026-02-11", 20),
    ("李娜", "2025-04-06", "2026-05-30", 25),
    ("Grace O'Neill", "2025-06-01", "2026-05-20", 30),
)
GOODS = (
    ("tea-01", "Jasmine tea, 100 g", "Tea", "12.50"),
    ("tea-02", "Aged pu’er, 357 g", "Tea", "38.00"),
    ("loaf-1", "Sourdough loaf", "Bread", "5.40"),
    ("loaf-2", "Rye & caraway <loaf>", "Bread", "6.20"),
    ("pot-01", "Clay teapot", "Ware", "54.00"),
    ("cup-01", "Celadon cup", "Ware", "16.00"),
)
TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
EMAIL_CANARY, PHONE_CANARY, NAME_CANARY = "ines.duarte@canary.example", "+447400123456", "Ines Duarte"


def a_shop() -> None:
    """A tea and bread shop with 120 customers over 17 months, some with names, and readings as of its last day.

    It commits: give it a database of its own.
    """
    chance = random.Random(7)
    company.settle(
        name="Willow & Loaf", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=SYSTEM
    )
    visits: list[tuple[str, date]] = []
    for number, (_name, first, last, gap) in enumerate(PEOPLE):
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            visits.append((f"c{number:03}", day))
            day += timedelta(days=max(1, round(chance.gauss(gap, gap / 5))))
    for number in range(len(PEOPLE), 120):
        day = date(2025, 1, 1) + timedelta(days=chance.randrange(500))
        for _visit in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            if day <= date(2026, 5, 31):
                visits.append((f"c{number:03}", day))
            day += timedelta(days=chance.randrange(12, 60))
    visits += [("", date(2026, 2, 1) + timedelta(days=9 * n)) for n in range(8)]
    heads, lines = [], []
    for number, (who, day) in enumerate(sorted(visits, key=lambda visit: visit[1]), 1):
        ref = f"A{number:05}"
        heads.append(
            {
                "ref": ref,
                "customer_ref": who or None,
                "country": "CN" if who in {"c003", "c004"} else "GB",
                "channel": chance.choice(("web", "web", "shop")),
                "placed_at": datetime(day.year, day.month, day.day, 9 + chance.randrange(9), 30, tzinfo=UTC),
                "placed_on": day,
                "currency": "GBP",
                "is_adjustment": False,
                "shipping_minor": 350 if number % 3 == 0 else 0,
            }
        )
        for place, (product, title, category, price) in enumerate(chance.sample(GOODS, chance.randrange(1, 5)), 1):
            count = chance.randrange(1, 4)
            lines.append(
                {
                    "ref": ref,
                    "number": place,
                    "product_ref": product,
                    "title": title,
                    "category": category,
                    "quantity": Decimal(count),
                    "unit_price": Decimal(price),
                    "amount_minor": int(count * Decimal(price) * 100),
                    "discount_minor": 0,
                }
            )
    importer = Actor("import", "1")
    orders.record_many(
        batch=OrderBatch(
            "till", pl.DataFrame(heads, schema=orders.ORDERS), pl.DataFrame(lines, schema=orders.LINES), "history"
        ),
        at=TODAY,
        by=importer,
    )
    last = [head for head in heads if head["customer_ref"] == "c000"][-1]
    back = next(line for line in lines if line["ref"] == last["ref"])
    goods_returns.record_many(
        batch=ReturnBatch(
            "till",
            pl.DataFrame(
                [
                    {
                        "ref": "R00001",
                        "customer_ref": "c000",
                        "returned_at": last["placed_at"] + timedelta(days=2),
                        "returned_on": last["placed_on"] + timedelta(days=2),
                        "currency": "GBP",
                    }
                ],
                schema=goods_returns.RETURNS,
            ),
            pl.DataFrame(
                [{**back, "ref": "R00001", "quantity": Decimal(1), "amount_minor": int(back["unit_price"] * 100)}],
                schema=goods_returns.LINES,
            ),
            "history",
        ),
        at=TODAY,
        by=importer,
    )
    known = customers.resolve_many(
        namespace="till", refs=[f"c{n:03}" for n in range(len(PEOPLE))], at=TODAY, by=importer, origin="history"
    )
    for number, (name, *_rest) in enumerate(PEOPLE):
        profiles.describe(
            customer=known[f"c{number:03}"],
            profile=Profile(
                display_name=name,
                email=EMAIL_CANARY if number == 0 else f"person{number}@mail.example",
                phone=PHONE_CANARY if number == 0 else f"+4474001234{number:02}",
            ),
            key=f"told-{number}",
            at=TODAY,
            by=importer,
        )
    _visits()
    refreshing.refresh(at=TODAY, by=SYSTEM)
    run = import_runs.start(
        source="till", kind="orders", file_name="orders-2026-05.csv", digest="a" * 64, at=TODAY, by=importer
    )
    import_runs.finish(
        run=run.id,
        rows_read=len(lines) + 3,
        rows_good=len(lines),
        rejects=3,
        rejects_file="orders-2026-05.rejects.csv",
        totals={},
        at=TODAY,
        by=importer,
    )


def the_member(ref: str = "c000") -> str:
    """The public id of one of them."""
    [number] = customers.find_by_ref(ref=ref)
    return customers.get(number).public_id


def people_twice() -> list[str]:
    """Ines once more with slips; her husband with her phone; a till's phone. The questions they ask, by public id,
    the likeliest first."""
    told = {"birthday": "1988-04-03", "address": "14 Willow Row, London NW1", "phone": PHONE_CANARY}
    [ines] = customers.find_by_ref(ref="c000")
    by = Actor("import", "1")
    profile = Profile(given_name="Ines", family_name="Duarte", language="pt", interests=("tea", "pottery"), **told)
    profiles.describe(customer=ines, profile=profile, key="ines", at=TODAY, by=by)
    tags.define(code="regular guest", at=TODAY, by=by)
    tags.tag(customer=ines, tag="regular guest", key="ines", at=TODAY, by=by)
    for purpose, channel in (("marketing", "email"), ("marketing", "sms"), ("service", "email")):
        key = f"ines-{purpose}-{channel}"
        consent.give(customer=ines, purpose=purpose, channel=channel, place="store", key=key, at=TODAY, by=by)
    twins = {
        "web-881": Profile(
            display_name="Inez Duarte", birthday="1988-03-04", address="14 Willow Row, London", language="en", phone=""
        ),
        "web-902": Profile(display_name="Rui Duarte", birthday="1985-11-20", phone=PHONE_CANARY, language="pt"),
        "web-903": Profile(display_name="欧阳明华", birthday="1991-06-01", address="上海市静安区南京西路1601号"),
        "web-904": Profile(display_name="欧阳明化", birthday="1991-06-01", address="上海市静安区南京西路1601号"),
    }
    twins |= {f"web-{950 + number}": Profile(phone="+447400999888") for number in range(6)}
    made = customers.resolve_many(namespace="web", refs=list(twins), at=TODAY, by=by, origin="history")
    for ref, one in twins.items():
        profiles.describe(customer=made[ref], profile=one, key=ref, at=TODAY, by=by)
    marketing = {"purpose": "marketing", "channel": "email", "place": "web_form"}
    consent.withdraw(customer=made["web-881"], **marketing, key="inez", at=TODAY, by=by)
    suggesting.suggest(at=TODAY, by=by)
    return [one.public_id for one in reviews.listed(order="likeliest")]


def _visits() -> None:
    """Ines and Tomas looked around on the website, also before they signed in, and Ines came by."""
    web = sources.make(name="web", kind="web", namespace="till", zone="Europe/London", at=MONDAY, by=SYSTEM)
    sender = Sender(web.id, web.namespace, ZoneInfo(web.zone), lookup.key_of("events"))
    deeds: list[dict[str, object]] = []
    asked = {"query": "oolong"}
    for number, who in enumerate(("c000", "c001")):
        browser = f"browser-{number}"
        for day in (1, 2, 9, 40):
            began = TODAY - timedelta(days=day, hours=2)
            pages = ("Home", "Teas", "Home", "Basket")
            told: list[dict[str, object]] = [{"type": "page", "name": name, "anonymousId": browser} for name in pages]
            told += [
                {
                    "event": "Products Searched",
                    "userId": who,
                    "anonymousId": browser,
                    "properties": asked,
                },
                *({"event": "Product Viewed", "userId": who, "properties": _product(place)} for place in (0, 1, 4)),
            ]
            if day == 2:
                told.append({"event": "Product Added", "userId": who, "properties": _product(4)})
            if day == 9:
                told = [{"event": "Store Visited", "userId": who, "properties": {"store_id": "Marylebone"}}]
            if day == 1:
                told.append({"event": "Tasting Booked", "userId": who})
            for minute, one in enumerate(told):
                at = (began + timedelta(minutes=minute)).isoformat()
                deeds.append({"type": "track", "messageId": f"{who}-{day}-{minute}", "timestamp": at, **one})
    read = [messages.read(json.dumps(one).encode(), envelope=Envelope({}, None, TODAY), sender=sender) for one in deeds]
    intake.take_many(told=read, received_at=TODAY)
    follow_everything()


def _product(place: int) -> dict[str, object]:
    ref, title, category, price = GOODS[place]
    return {"product_id": ref, "name": title, "category": category, "price": price}
