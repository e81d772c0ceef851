"""A simulated year comes into a shop through its doors, some weeks at a time, as it would have come."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import polars as pl
from django.db import connection

from regulars.doors.imports.customers import import_customers
from regulars.doors.imports.orders import import_orders
from regulars.doors.ingest import protocol
from regulars.facts.company import company
from regulars.facts.customers import customers, identity, kinds
from regulars.facts.customers.identity import Observation
from regulars.facts.events import intake, messages
from regulars.facts.events.following import follow_everything
from regulars.facts.events.messages import Sender
from regulars.facts.sources import sources
from regulars.kit.actors import SYSTEM
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import lookup
from regulars.simulator.omnichannel import BEFORE, DAYS, Message, Proof, Purchase, Ref, Row, Year

#: Namespaces whose systems send events; those of the others come as files.
SENDERS = ("web", "outlet", "app", "mini-shop", "mini-club", "mini-outlet", "till")
#: Messages in one request to the event door.
_BATCH = 500
#: Acts of evidence in one transaction.
_LOT = 400

Progress = Callable[[int, int], None]
T = TypeVar("T", Message, Row, Purchase)


@dataclass
class Came:
    """What the doors said: messages by verdict, rows that were left out, identifiers that were refused by kind."""

    verdicts: Counter[str] = field(default_factory=Counter)
    rows_bad: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def live(
    year: Year, *, folder: Path, days: int, progress: Progress = lambda done, of: None
) -> tuple[Came, dict[Ref, int]]:
    """Everything that happened, `days` at a time; what the doors said, and the record each reference became."""
    shop = company.shop()
    began = year.plan.start - timedelta(days=BEFORE)
    senders = {
        name: Sender(
            sources.make(
                name=name, kind="web", namespace=name, zone="UTC", is_order_feed=False, at=began, by=SYSTEM
            ).id,
            name,
            ZoneInfo("UTC"),
            lookup.key_of("events"),
        )
        for name in SENDERS
    }
    came, waiting, looked = Came(), list[Proof](), 0
    for day in range(0, BEFORE + DAYS, days):
        since, until = began + timedelta(days=day), began + timedelta(days=day + days)
        part = folder / f"day-{day}"
        part.mkdir()
        _rows(_between(year.rows, since, until), part, until, came)
        _messages(_between(year.messages, since, until), senders, until, came)
        follow_everything()
        _orders(_between(year.purchases, since, until), part, until, shop.currency or "CNY")
        waiting = _prove([*waiting, *(one for one in year.proofs if since <= one.at < until)], came)
        looked = _look_again(looked, until)
        progress(min(day + days, BEFORE + DAYS), BEFORE + DAYS)
    return came, _records(year.owners)


def _between(told: Sequence[T], since: datetime, until: datetime) -> list[T]:
    return [one for one in told if since <= one.at < until]


def _rows(told: Sequence[Row], folder: Path, at: datetime, came: Came) -> None:
    """The customer files of the systems that send one."""
    for namespace in sorted({row.record.namespace for row in told}):
        path = folder / f"{namespace}.csv"
        mine = [row for row in told if row.record.namespace == namespace]
        pl.DataFrame(
            {
                "customer": [row.record.ref for row in mine],
                "name": [row.name for row in mine],
                "phone": [row.phone for row in mine],
                "birthday": [row.birthday for row in mine],
                "updated_at": [row.at.isoformat() for row in mine],
            }
        ).write_csv(path)
        done = import_customers(path, None, at=at, by=SYSTEM, source=namespace, zone="UTC")
        came.rows_bad += done.rows_bad


def _messages(told: Sequence[Message], senders: dict[str, Sender], at: datetime, came: Came) -> None:
    """As requests to the event door: read by its protocol, taken in by its verb."""
    for source in SENDERS:
        mine = [one for one in told if one.source == source]
        for start in range(0, len(mine), _BATCH):
            body = json.dumps({"batch": [dict(one.body) for one in mine[start : start + _BATCH]]}).encode()
            request = protocol.read("/v1/batch", body, received_at=at)
            read = messages.read_many(request.messages, envelope=request.envelope, sender=senders[source])
            came.verdicts.update(one.said for one in intake.take_many(told=read, received_at=at))


def _orders(told: Sequence[Purchase], folder: Path, at: datetime, currency: str) -> None:
    for namespace in sorted({one.namespace for one in told}):
        path = folder / f"{namespace}-orders.csv"
        mine = [one for one in told if one.namespace == namespace]
        pl.DataFrame(
            {
                "order": [one.ref for one in mine],
                "ordered_at": [one.at.isoformat() for one in mine],
                "customer": [one.record.ref if one.record else "" for one in mine],
                "product": ["COAT"] * len(mine),
                "quantity": [1] * len(mine),
                "unit_price": ["80.00"] * len(mine),
            }
        ).write_csv(path)
        import_orders(path, None, at=at, by=SYSTEM, source=namespace, zone="UTC", currency=currency)


def _prove(told: Iterable[Proof], came: Came) -> list[Proof]:
    """What the shop's programs tell of identity. Returns what is told of records that nobody has met yet."""
    told = list(told)
    numbers = _records({one.record for one in told})
    later, good, region = list[Proof](), list[Observation](), company.shop().country
    for place, one in enumerate(told):
        if one.record not in numbers:
            later.append(one)
            continue
        try:
            kinds.named(one.kind, one.scope, one.value, region=region)
        except Refusal:
            came.refused[one.kind] += 1
            continue
        key = f"{one.at.isoformat()}:{one.record.namespace}:{one.record.ref}:{one.kind}:{place}"
        good.append(
            Observation(
                numbers[one.record], one.kind, one.scope, one.value, one.evidence, one.record.namespace, one.at, key
            )
        )
    for start in range(0, len(good), _LOT):
        identity.observe_many(observations=good[start : start + _LOT], by=SYSTEM)
    return later


def _look_again(after: int, at: datetime) -> int:
    """The worker: names and birthdays that were told since. Returns up to which job."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, args::text FROM procrastinate_jobs WHERE task_name = 'customers.look_again' AND id > %s"
            " ORDER BY id",
            [after],
        )
        jobs = cursor.fetchall()
    records = sorted({record for _, args in jobs for record in json.loads(args)["records"]})
    for start in range(0, len(records), _LOT):
        identity.look_again(records=records[start : start + _LOT], at=at, by=SYSTEM)
    return max((number for number, _ in jobs), default=after)


def _records(of: Iterable[Ref]) -> dict[Ref, int]:
    by_namespace: dict[str, list[str]] = {}
    for one in of:
        by_namespace.setdefault(one.namespace, []).append(one.ref)
    return {
        Ref(namespace, ref): number
        for namespace, refs in by_namespace.items()
        for ref, number in customers.find_many(namespace=namespace, refs=refs).items()
    }
