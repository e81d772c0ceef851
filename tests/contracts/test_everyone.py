"""What rooms offer says the same of everyone, in SQL over what is published, as of each one from the database."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport
from regulars.facts.company import company
from regulars.facts.customers import (
    consent,
    customers,
    households,
    identity,
    persons,
    preferences,
    profiles,
    tags,
    traits,
)
from regulars.facts.customers.households import Role
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.traits import Kind
from regulars.facts.events.following import follow_everything
from regulars.facts.events.tests.shoppers import a_source, sent
from regulars.insight.measures import refreshing
from regulars.insight.warehouse import publishing
from regulars.insight.warehouse.session import Session
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime import rooms
from regulars.runtime.database.offered import Wanted
from regulars.runtime.staff import operators

MAREK = Actor("operator", "7")
MONDAY = datetime(2026, 8, 31, 9, tzinfo=UTC)
NAMES = ("anna", "bo", "chen", "dora", "emil", "fei")
PRODUCTS = ("coat", "tea", "mug", "chess")
TYPES = {
    "int64": "int64",
    "money": "int64",
    "decimal": "decimal",
    "text": "string",
    "texts": "string",
    "date": "date",
    "timestamp": "timestamp",
    "bool": "boolean",
}
NUMBERS = count(1)


def _somebody_works_here(name: str) -> str:
    handed = operators.invite(email=f"{name}@shop.example", name=name, role="agent", at=MONDAY, by=MAREK)
    return str(operators.choose_password(token=handed.token, password="a long walk in the wood", at=MONDAY))


class Town:
    """People who do whatever comes to their minds, and a shop that keeps record of it."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        company.settle(
            name="Town", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK
        )
        self.sources = [a_source("web"), a_source("app")]
        for code, kind in (
            ("size", "number"),
            ("club", "text"),
            ("likes", "list"),
            ("met_on", "date"),
            ("vip", "yes_no"),
        ):
            traits.define(code=code, kind=Kind(kind), names={"en": code}, is_personal=False, at=MONDAY, by=MAREK)
        self.staff = [_somebody_works_here(name) for name in ("ada", "ben")]
        self.who = customers.resolve_many(namespace="shop", refs=list(NAMES), at=MONDAY, by=MAREK, origin="live")
        self.pairs: list[tuple[int, int]] = []
        self.acts = [getattr(self, name) for name in dir(self) if name.startswith("they_")]

    def lives(self, acts: int) -> None:
        for _ in range(acts):
            self.name = self.luck.choice(NAMES)
            self.number = self.who[self.name]
            self.key = f"k{next(NUMBERS)}"
            self.at = MONDAY + timedelta(hours=self.luck.randrange(24 * 80))
            # What the shop refuses did not happen.
            with suppress(Refusal), transaction.atomic():
                self.luck.choice(self.acts)()
        follow_everything()

    def they_buy(self) -> None:
        some, lines = self.luck, []
        for number in range(1, some.randrange(1, 4)):
            quantity, price = Decimal(some.choice(["1", "2.5"])), Decimal(some.choice(["0", "9.99", "120"]))
            lines.append(
                LineReport(
                    number,
                    some.choice(PRODUCTS),
                    quantity,
                    price,
                    title=some.choice([None, "A thing"]),
                    category=some.choice([None, "Home > Kitchen"]),
                    sku=some.choice(["", "S-1"]),
                )
            )
        report = OrderReport(
            namespace="shop",
            ref=some.choice([self.key, "again"]),
            customer_ref=some.choice([self.name, self.name, None]),
            placed_at=self.at,
            currency=some.choice(["GBP", "GBP", "GBP", "EUR"]),
            lines=lines or [LineReport(1, "tea", Decimal(1), Decimal(4))],
            channel=some.choice(["web", "app"]),
            store=some.choice([None, "leeds"]),
            shipping_minor=some.choice([0, 495]),
            fulfilment=some.choice([None, "ship"]),
            source_updated_at=self.at,
        )
        orders.record(report=report, at=self.at, by=MAREK)

    def they_cancel(self) -> None:
        mine = [one for one in orders.of_customer(persons.of(self.number), limit=50) if one.cancelled_at is None]
        if mine:
            orders.cancel(order=mine[0].id, at=self.at, by=MAREK)

    def they_bring_back(self) -> None:
        goods_returns.record(
            report=ReturnReport(
                namespace="shop",
                ref=self.key,
                customer_ref=self.name,
                order_ref=self.luck.choice([None, "again", "unheard"]),
                returned_at=self.at,
                currency="GBP",
                lines=[ReturnLineReport(self.luck.choice(PRODUCTS), Decimal(1), 999)],
                reason=self.luck.choice(["", "too_small"]),
                store=self.luck.choice([None, "leeds"]),
                is_void=self.luck.random() < 0.2,
            ),
            at=self.at,
            by=MAREK,
        )

    def they_look_around(self) -> None:
        some = self.luck
        told: list[dict[str, Any]] = []
        for _ in range(some.randrange(1, 5)):
            who = {"userId": self.name} if some.random() < 0.6 else {}
            who |= (
                {"anonymousId": some.choice(["tablet", "laptop", f"of-{self.name}"])}
                if some.random() < 0.7 or not who
                else {}
            )
            told.append(who | some.choice(self._said()))
        sent(some.choice(self.sources), *told, at=self.at)

    def _said(self) -> list[dict[str, Any]]:
        some = self.luck
        ware = {"product_id": some.choice(PRODUCTS), "category": "Home", "price": some.choice([5, "7.499", None])}
        track = {"type": "track"}
        return [
            track | {"event": "Product Viewed", "properties": ware | {"quantity": 2}},
            track | {"event": "viewed_product", "properties": ware},
            track | {"event": "Order Completed", "properties": {"total": 12.345, "products": [ware, {"sku": "x"}]}},
            track | {"event": "Checkout Started", "properties": {"value": 1, "currency": "USD", "products": []}},
            track | {"event": "Products Searched", "properties": {"query": some.choice(["tea pot", "me@example.com"])}},
            track | {"event": "Sang", "properties": {"rating": "4.5", "coupon": ["no"], "store": 7}},
            {"type": "page", "name": "Home"},
            {"type": "identify", "traits": {"colour": "green"}} if some.random() < 0.5 else track | {"event": "Sang"},
        ]

    def they_tell(self) -> None:
        some = self.luck
        told: dict[str, Any] = {
            "email": some.choice([f"{self.name}@example.com", ""]),
            "phone": f"+4420794600{NAMES.index(self.name):02}",
            "country": some.choice(["GB", "CN"]),
            "language": some.choice(["en", "zh-Hans"]),
            "birthday": some.choice(["1990-02-28", "2015-06-01"]),
            "preferred_channel": "email",
            "cared_by": some.choice(self.staff),
            "is_employee": some.random() < 0.5,
            "interests": some.choice([[], ["tea", "chess"], ["tea"]]),
            "traits": {
                "size": some.choice(["41.5", "-7"]),
                "club": some.choice(["", "O'Neill's"]),
                "likes": some.choice(["", "red;blue"]),
                "met_on": some.choice(["", "2024-02-29"]),
                "vip": some.choice(["yes", "no", ""]),
            },
        }
        profile = Profile(**{name: told[name] for name in some.sample(sorted(told), 4)})
        profiles.describe(customer=self.number, profile=profile, key=self.key, at=self.at, by=MAREK)

    def they_answer(self) -> None:
        acts: list[Any] = [consent.give, consent.withdraw]
        act = self.luck.choice(acts)
        act(
            customer=self.number,
            purpose=self.luck.choice(
                ["marketing", "marketing", "personalisation", "*"][: 3 if act is consent.give else 4]
            ),
            channel=self.luck.choice(["email", "sms", "*"]),
            place="web_form",
            key=self.key,
            at=self.at,
            by=MAREK,
        )

    def they_wish(self) -> None:
        wishes = {"is_personalised": self.luck.random() < 0.5}
        preferences.change(customer=self.number, wishes=wishes, place="app", key=self.key, at=self.at, by=MAREK)

    def they_are_tagged(self) -> None:
        told = tags.Told(self.number, self.luck.choice(["vip", "press"]), self.luck.random() < 0.7, self.key, self.at)
        tags.tell_many(told=[told], by=MAREK, origin="live")

    def they_move(self) -> None:
        households.leave(customer=self.number, key=self.key, at=self.at, by=MAREK)
        others = [name for name in NAMES if households.of(self.who[name])]
        if self.luck.random() < 0.3:
            return
        if others and self.luck.random() < 0.7:
            home = households.of(self.who[self.luck.choice(others)])
            assert home is not None
            households.add(
                household=home.public_id,
                customer=self.number,
                role=Role.OTHER,
                key=f"{self.key}a",
                at=self.at,
                by=MAREK,
            )
        else:
            households.form(members={self.number: Role.HEAD}, key=f"{self.key}f", at=self.at, by=MAREK)

    def they_are_one(self) -> None:
        other = self.who[self.luck.choice(NAMES)]
        if persons.of(other) != persons.of(self.number) and len(self.pairs) < 2:
            identity.join(one=self.number, other=other, why=Reason.ASKED, key=self.key, at=self.at, by=MAREK)
            self.pairs.append((self.number, other))

    def they_are_two(self) -> None:
        one, two = self.pairs.pop() if self.pairs else (self.number, self.number)
        if one != two:
            identity.undecide(one=one, other=two, why=Reason.MISTAKE, key=self.key, at=self.at, by=MAREK)

    def people(self) -> list[int]:
        return sorted({persons.of(number) for number in self.who.values()})


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value


def fields_that_differ(session: Session, people: Sequence[int]) -> Iterator[str]:
    for name, field in rooms.fields().items():
        if field.everyone is None:
            assert field.is_personal, f"{name} is not asked of everyone"
            continue
        asked = session.select(field.everyone)
        kind = str(asked.schema()["value"])
        assert kind.startswith(TYPES[field.type]), f"{name} is {field.type}, of everyone {kind}"
        of_everyone: dict[int, Any] = {}
        for row in session.rows(asked):
            if field.type == "texts":
                of_everyone.setdefault(row["person"], set()).add(row["value"])
            else:
                assert row["person"] not in of_everyone, f"{name} is told twice of one"
                of_everyone[row["person"]] = row["value"]
        read = {
            person: set(value) if isinstance(value, tuple) else _plain(value)
            for person, value in field.read(people).items()
            if value != ()
        }
        if {person: value for person, value in of_everyone.items() if person in people} != read:
            yield f"{name}: {read} of everyone {of_everyone}"


def collections_that_differ(session: Session, people: Sequence[int]) -> Iterator[str]:
    for name, collection in rooms.collections().items():
        parts: dict[tuple[str, int], list[Any]] = {}
        for part in collection.parts:
            for row in session.rows(session.select(part.everyone)):
                values = {column.name: row[column.name] for column in part.columns}
                parts.setdefault((part.name, row["row"]), []).append(_known(values))
        of_everyone = Counter(
            (
                row["person"],
                row["at"],
                _known({column.name: row[column.name] for column in collection.columns}),
                tuple(
                    (part.name, tuple(sorted(map(str, parts.get((part.name, row["row"]), ())))))
                    for part in collection.parts
                ),
            )
            for row in session.rows(session.select(collection.everyone))
            if row["person"] in people
        )
        read = Counter(
            (
                person,
                _plain(row.at),
                _known(row.values),
                tuple(
                    (part.name, tuple(sorted(str(_known(one)) for one in row.parts.get(part.name, ()))))
                    for part in collection.parts
                ),
            )
            for person, rows in collection.read(people, Wanted()).items()
            for row in rows
        )
        if of_everyone != read:
            yield f"{name}: read {read - of_everyone}, of everyone {of_everyone - read}"


def _known(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (name, value.normalize() if isinstance(value, Decimal) else _plain(value))
        for name, value in sorted(values.items())
        if value is not None
    )


@pytest.mark.parametrize("seed", range(1, int(os.environ.get("REGULARS_TOWNS", "1")) + 1))
def test_of_everyone_is_said_what_is_said_of_each(
    seed: int, fresh_database: dict[str, str], tmp_path: Path, settings: Any
) -> None:
    settings.REGULARS_HOME = str(tmp_path)
    town = Town(seed)
    # Twice: first all is published, then what came.
    for acts in (25, 8):
        town.lives(acts)
        refreshing.refresh(at=MONDAY, by=MAREK)
        publishing.publish(tmp_path, at=MONDAY)
        people = town.people()
        with Session.from_published(tmp_path, threads=1) as session:
            assert [*fields_that_differ(session, people), *collections_that_differ(session, people)] == []
    told = publishing.publish(tmp_path, at=MONDAY, rebuilt=[table.name for table in publishing.published_tables()])
    assert [one.name for one in told if one.differs] == [], "what grew is what a whole reading gives"
    assert not any(one.is_whole for one in told if one.name not in {"shop", "refreshed"})
