"""What the stories of all connectors share: a shop on this machine, a bad post office, and a look at what we know."""

import json
import os
import random
import resource
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.db import connection as database
from django.db import transaction
from django.test import Client

from regulars.doors.connectors import polling, shops, taking
from regulars.doors.connectors.calling import SETTING, Caller
from regulars.facts.commerce import goods_returns, orders, prices, shipments, stock, variants
from regulars.facts.company import stores
from regulars.facts.customers import customers, profiles
from regulars.facts.sources import cursors, inbox
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Actor

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
MAREK = Actor("operator", "7")
OWN = ("127.0.0.1",)
#: How many seeds a story is tried with; `REGULARS_CONNECTOR_EXAMPLES=40` for a long look.
EXAMPLES = int(os.environ.get("REGULARS_CONNECTOR_EXAMPLES", "1"))
#: Orders of the past in the long form of a story, which `make shopfronts` runs; 0: it is passed over.
LONG_PAST = int(os.environ.get("REGULARS_CONNECTOR_ORDERS", "0"))
T = TypeVar("T")
__all__ = ("EXAMPLES", "LONG_PAST", "SETTING")


@dataclass(frozen=True)
class Asked:
    """One call at a shop. Names of `headers` are in small letters. `query` has a name's last value, `queries` all."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    queries: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def document(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Told:
    """What a shop answers: JSON, unless it is bytes."""

    doc: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Front(Protocol):
    """A shop that can be called."""

    def respond(self, asked: Asked) -> Told: ...


@dataclass
class Message:
    """One delivery on its way to our door."""

    body: bytes
    headers: dict[str, str]
    content_type: str = "application/json"


@contextmanager
def kept(is_long: bool) -> Iterator[None]:
    """A try of a story is undone at its end; a long one is committed as it would be, in a database of its own."""
    if is_long:
        # What is only loaded once is no part of it.
        Client().get("/healthz")
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def measured(what: str, is_long: bool) -> Iterator[None]:
    """Of a long one, print what it took: on the clock, in this process (with the shop in it), in its database, and the
    memory at most."""
    if not is_long:
        yield
        return
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    began, spent, there = time.monotonic(), time.process_time(), _cpu_of(backend)
    yield
    ours, its = time.process_time() - spent, _cpu_of(backend) - there
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = time.monotonic() - began
    print(
        f"{what}: {took:.0f} s, of CPU {ours:.0f} here and {its:.0f} in the database, {most:.0f} MB at most", flush=True
    )


def _cpu_of(process: int) -> float:
    """Seconds of CPU so far; 0 where the database is not on this machine."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def opened(front: Front) -> Iterator[str]:
    """The shop's address while it is open."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body in two packets would wait for each other.
        wbufsize = -1
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, parse_qs(parts.query))
            with lock:
                told = front.respond(asked)
            written = told.doc if isinstance(told.doc, bytes) else json.dumps(told.doc).encode()
            self.send_response_only(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as the base class looks them up

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def caller() -> Caller:
    """One that calls this machine, and does not really wait."""
    return Caller(own=OWN, patience=10**6, sleep=lambda seconds: None)


def send(connection: Connection, message: Message, **headers: str) -> int:
    """Post it at our door; the status it is answered with."""
    told = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (message.headers | headers).items()}
    path = f"/hooks/{connection.kind}/{connection.public_id}"
    extra: dict[str, Any] = told
    return Client().post(path, data=message.body, content_type=message.content_type, **extra).status_code


def send_badly(connection: Connection, messages: Sequence[Message], seed: int, lost: float = 0.05) -> None:
    """Post them as they may arrive, and take them: some are lost, some come twice, in any order."""
    for message in badly(messages, seed, lost):
        assert send(connection, message) == 200
    taking.take_waiting(connection=connection.id, limit=10_000)
    assert not inbox.search(connection=connection.id, state="not_understood")
    assert not inbox.search(connection=connection.id, state="waiting")


def badly(messages: Sequence[T], seed: int, lost: float = 0.05) -> list[T]:
    """As they may arrive: some lost, some twice, in any order."""
    chance = random.Random(seed)
    kept = [message for message in messages if chance.random() >= lost]
    kept += [message for message in kept if chance.random() < 0.2]
    chance.shuffle(kept)
    return kept


def backfill(connection: Connection, at: datetime) -> None:
    """Read the shop's whole history, up to `at` by its clock."""
    polling.begin_backfill(connection=connection, at=at)
    walk_all(connection)


def poll(connection: Connection, at: datetime) -> None:
    """Read what changed."""
    polling.begin_polls(connection=connection, at=at)
    walk_all(connection)


def walk_all(connection: Connection) -> None:
    """Every walk under way to its end."""
    for _ in range(200):
        left = {one.stream for one in cursors.of(connection.id) if one.walk}
        if not left:
            return
        for stream in shops.of(connection.kind).streams:
            if stream.name in left:
                polling.walk(connection=connection.id, stream=stream.name, caller=caller())
    raise AssertionError(cursors.of(connection.id))


def gaps(connection: Connection) -> list[int]:
    """How many each stream's polls have found; every one of them was mended, and nothing went wrong."""
    streams = cursors.of(connection.id)
    assert not any(one.problem for one in streams)
    assert all(one.gaps_found == one.gaps_mended for one in streams)
    return [one.gaps_found for one in streams]


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[object]:
    """Where what we know is not what the shop says: (kind, key, ours, the shop's)."""
    return [
        (kind, key, found[kind].get(key), wanted[kind].get(key))
        for kind in wanted
        for key in sorted(found[kind].keys() | wanted[kind].keys())
        if found[kind].get(key) != wanted[kind].get(key)
    ]


def recorded_orders(space: str, refs: Iterable[str], people: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is on record of the shop's orders, by their refs."""
    numbers = customers.find_many(namespace=space, refs=sorted(people))
    names = {number: ref for ref, number in numbers.items()}
    found = {}
    for ref in refs:
        view = orders.by_ref(namespace=space, ref=ref)
        if view is not None:
            found[ref] = {
                "number": view.number,
                "customer": names.get(view.customer_id) if view.customer_id else None,
                "total": view.total_minor,
                "currency": view.currency,
                "kind": view.kind,
                "is_cancelled": view.cancelled_at is not None,
                "paid": view.paid_minor,
                "back": view.refunded_minor,
                "refunds": sorted((one.ref, one.amount_minor) for one in goods_returns.of_order(view.id)),
                "lines": [(line.product_ref, int(line.quantity), line.amount_minor) for line in view.lines],
                "tenders": sorted((one.ref, one.state, one.amount_minor) for one in view.tenders),
                "differs": view.differs_minor or view.lines_differ_minor or view.tenders_differ_minor,
            }
    return found


def recorded_shipments(space: str, refs: Iterable[str]) -> dict[str, tuple[str, dict[int, int], str, str]]:
    """What is on record of the shipments of these orders, by their own refs: state, lines, carrier, tracking."""
    views = [view for ref in refs if (view := orders.by_ref(namespace=space, ref=ref)) is not None]
    return {
        one.ref: (one.state, {line: int(many) for line, many in one.lines.items()}, one.carrier, one.tracking)
        for some in shipments.of_orders([view.id for view in views]).values()
        for one in some
    }


def recorded_stock(space: str, refs: Iterable[str], at: datetime) -> dict[tuple[str, str], int]:
    """How many are on record, by form and store."""
    forms = variants.find_many(namespace=space, refs=sorted(refs))
    codes = {one.id: one.code for one in stores.every()}
    levels = stock.levels_of([number for number, _ in forms.values()], at=at)
    return {(ref, codes[level.store]): int(level.on_hand) for ref, (form, _) in forms.items() for level in levels[form]}


def recorded_prices(
    space: str, refs: Iterable[str], currency: str, at: datetime
) -> dict[str, tuple[int, int | None] | None]:
    """What each form costs, and what it is reduced to."""
    found: dict[str, tuple[int, int | None] | None] = {}
    for ref, (form, product) in variants.find_many(namespace=space, refs=sorted(refs)).items():
        price = prices.at(product=product, currency=currency, at=at, variant=form)
        found[ref] = None if price is None else (price.list_minor, price.sale_minor)
    return found


def recorded_people(space: str, refs: Iterable[str], field: str = "family_name") -> dict[str, str | None]:
    """One field of each person's profile."""
    people = customers.find_many(namespace=space, refs=sorted(refs))
    shown = profiles.opened(sorted(people.values()), [field])
    return {ref: shown[number].get(field) for ref, number in people.items()}
