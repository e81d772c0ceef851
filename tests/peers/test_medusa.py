"""A real Medusa beside us: its history is read, its module tells us what happens, a poll finds what it could not tell.

Outside CI and the suite, for it wants Node, npm and some minutes: `make peer-medusa`. What was seen stands in
`docs/validation.md`.
"""

import os
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from regulars.doors.connectors import polling, shops, taking, writing
from regulars.doors.connectors.calling import SETTING
from regulars.facts.commerce import goods_returns, orders, prices, products, stock, variants
from regulars.facts.company import stores
from regulars.facts.customers import customers, profiles
from regulars.facts.sources import connections, cursors, inbox
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import rights as wanted
from regulars.oversight.outbound import writing as rights
from regulars.oversight.outbound.rights import Terms
from regulars.runtime.database import clock
from tests.clients.serving import Server
from tests.loudly import skip_loudly
from tests.peers.medusa import Lacking, Medusa, free_port, packages, say, shop
from tests.peers.shopkeeper import Shopkeeper

pytestmark = pytest.mark.skipif(
    os.environ.get("REGULARS_PEERS") != "1", reason="a real shop beside us is started by `make peer-medusa` alone"
)


@dataclass
class Peers:
    """Both, and what binds them."""

    keeper: Shopkeeper
    ours: Server
    connection: Connection

    def settle(self, quiet: float = 6, most: float = 120) -> None:
        """Wait until no more messages come for so many seconds, and take them."""
        end, still_since, came = time.monotonic() + most, time.monotonic(), self.came()
        while time.monotonic() - still_since < quiet and time.monotonic() < end:
            time.sleep(0.2)
            if (now := self.came()) != came:
                came, still_since = now, time.monotonic()
        taking.take_waiting(connection=self.connection.id, limit=10_000)
        wrong = inbox.search(connection=self.connection.id, state="not_understood")
        assert not wrong, [(one.topic, one.code, one.why) for one in wrong]

    def came(self) -> int:
        """How many messages, each once."""
        return len(inbox.search(connection=self.connection.id, limit=10_000))

    def read(self, *, is_all: bool) -> None:
        """Back-fill, or poll, up to now: what happened this very moment is asked for as if it had settled."""
        at = clock.now() + shops.of("medusa").settles_for + timedelta(seconds=1)
        begin = polling.begin_backfill if is_all else polling.begin_polls
        begin(connection=self.connection, at=at)
        for stream in shops.of("medusa").streams:
            came: polling.Came = "more"
            while came == "more":
                came = polling.walk(connection=self.connection.id, stream=stream.name)
            assert came == "ended", (stream.name, came, cursors.of(self.connection.id))

    def gaps(self) -> dict[str, int]:
        return {one.stream: one.gaps_mended for one in cursors.of(self.connection.id)}


@pytest.fixture(scope="module")
def peers(fresh_database_of_module: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    try:
        packages()
    except Lacking as lacking:
        skip_loudly(str(lacking))
    folder = tmp_path_factory.mktemp("medusa")
    home = tmp_path_factory.mktemp("home")
    port, secret = free_port(), "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    ours = Server(os.environ | fresh_database_of_module | {"REGULARS_HOME": str(home)}, home=home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.REGULARS_HOME", home)
        patch.setenv(SETTING, "127.0.0.1")
        try:
            ours.start()
            now = clock.now()
            made = connections.connect(
                name="teas",
                kind="medusa",
                zone="Europe/London",
                # The shop's key comes when it is open.
                credentials={"api_key": "none yet", "secret": secret},
                settings={"address": f"http://127.0.0.1:{port}"},
                at=now,
                by=SYSTEM,
            )
            hook = f"{ours.address}/hooks/medusa/{made.public_id}"
            with shop(folder, hook_url=hook, secret=secret, port=port) as medusa:
                connections.rotate_secret(
                    connection=made.id, credentials={"api_key": medusa.key}, at=clock.now(), by=SYSTEM
                )
                yield Peers(_opened(medusa), ours, connections.get(made.id))
        finally:
            ours.close()


def _opened(medusa: Medusa) -> Shopkeeper:
    say(f"Medusa {medusa.version} is open at {medusa.address}")
    keeper = Shopkeeper(medusa)
    keeper.open()
    return keeper


def test_a_real_shop_and_what_we_know_of_it_are_equal(peers: Peers):
    keeper = peers.keeper
    past(keeper)
    peers.read(is_all=True)
    is_equal(peers, "history read")

    before = peers.came()
    live(keeper)
    peers.settle()
    is_equal(peers, f"{peers.came() - before} messages taken")

    # Nobody answers while this happens, and the module gives up on it.
    peers.ours.kill()
    unheard(keeper)
    found = peers.gaps()
    peers.read(is_all=False)
    mended = {stream: number - found[stream] for stream, number in peers.gaps().items()}
    is_equal(peers, f"polled, gaps mended: {mended}")
    assert mended["orders"] >= 2
    peers.read(is_all=False)
    again = {stream: number - found[stream] for stream, number in peers.gaps().items()}
    assert again == mended
    peers.ours.start()


def test_what_is_wanted_stands_in_the_real_shop_and_works_there(peers: Peers, monkeypatch: pytest.MonkeyPatch):
    keeper, where, now = peers.keeper, peers.connection.id, clock.now()
    known, by = keeper.customers[0], SYSTEM
    customer = customers.resolve_many(namespace="teas", refs=[known], at=now, by=by, origin="live")[known]
    rights.allow(connection=where, codes=True, attributes=True, at=now, by=by)
    terms = Terms(takes="amount", amount_minor=150, currency="GBP", least_minor=200, starts_at=now)
    wanted.want_code(key="coupon-1", code="LI150OFF", title="1.50 off", terms=terms, at=now, by=by)
    wanted.want_attributes(customer=customer, told={"tier": "Gold", "points": "120"}, at=now, by=by)
    assert writing.write_due(connection=where) == 2
    assert rights.counts(where) == {"written": 2}

    def takes_off() -> Decimal:
        order = keeper.order_in_the_shop("somebody@mail.example", [(0, 3)], code="gbp", promotion="LI150OFF")
        return Decimal(str(keeper.see(f"orders/{order}?fields=discount_total")["order"]["discount_total"]))

    assert (takes_off(), takes_off()) == (Decimal("1.5"), Decimal(0))
    assert said_of(keeper, known) == {"regulars_tier": "Gold", "regulars_points": "120"}

    # Somebody of the shop changes it by hand; a day later it is seen.
    keeper.do(f"customers/{known}", {"metadata": {"regulars_tier": "Platinum"}})
    monkeypatch.setattr(rights, "CHECKED_EACH", timedelta(0))
    assert writing.check(connection=where) == 1
    assert writing.write_due(connection=where) == 1
    assert said_of(keeper, known)["regulars_tier"] == "Gold"

    wanted.take_back(key="coupon-1", at=now, by=by, why="spent")
    wanted.want_attributes(customer=customer, told={"tier": ""}, at=now, by=by)
    assert writing.write_due(connection=where) == 2
    assert said_of(keeper, known) == {"regulars_points": "120"}
    [promotion] = keeper.see("promotions?code=LI150OFF")["promotions"]
    assert promotion["status"] == "inactive"
    say("codes and customers written, used up, mended and taken back")


def said_of(keeper: Shopkeeper, customer: str) -> dict[str, Any]:
    return dict(keeper.see(f"customers/{customer}")["customer"]["metadata"] or {})


def past(keeper: Shopkeeper) -> None:
    """What was before we listened: the module tells of it, too, and is not yet heard."""
    for place in range(6):
        code = ("gbp", "eur")[place % 2]
        keeper.order_in_the_shop(
            f"guest{place % 4}@mail.example",
            [(place, 2), ((place + 1) % 6, 1)],
            code=code,
            promotion="TENOFF" if place % 3 == 1 else "",
        )
    keeper.order_by_hand(keeper.customers[0], 4, 3)
    for number in keeper.orders[:4]:
        keeper.capture(number)
    keeper.refund(keeper.orders[0], "1.50")
    keeper.ship(keeper.orders[1], "RM100GB", is_delivered=True)
    keeper.do(f"orders/{keeper.orders[5]}/cancel")


def live(keeper: Shopkeeper) -> None:
    keeper.order_in_the_shop("li@mail.example", [(0, 1), (3, 2)], code="eur", promotion="TENOFF")
    keeper.order_by_hand(keeper.customers[1], 2, 1)
    keeper.capture(keeper.orders[4])
    keeper.refund(keeper.orders[3], "2.00")
    keeper.refund(keeper.orders[1], keeper.take_back(keeper.orders[1]))
    keeper.refund(keeper.orders[1], keeper.exchange(keeper.orders[1], 0))
    keeper.ship(keeper.orders[2], "RM200GB")
    keeper.do(f"customers/{keeper.customers[0]}", {"last_name": "Patel"})
    keeper.do(f"products/{keeper.products[0]}", {"title": "Fine green tea"})
    change_price(keeper, 1, 17.45)
    count(keeper, 2, 77)


def unheard(keeper: Shopkeeper) -> None:
    keeper.capture(keeper.orders[7])
    keeper.refund(keeper.orders[0], "0.75")
    keeper.order_in_the_shop("hana@mail.example", [(5, 1)], code="gbp")
    keeper.do(f"customers/{keeper.customers[1]}", {"last_name": "Kowalski"})
    change_price(keeper, 3, 8.99)
    count(keeper, 4, 33)


def change_price(keeper: Shopkeeper, place: int, amount: float) -> None:
    [variant] = keeper.see(f"product-variants?id={keeper.variants[place]}&fields=product_id")["variants"]
    both = [{"currency_code": code, "amount": amount} for code in ("gbp", "eur")]
    keeper.do(f"products/{variant['product_id']}/variants/{keeper.variants[place]}", {"prices": both})


def count(keeper: Shopkeeper, place: int, quantity: int) -> None:
    item = keeper.item_of(keeper.variants[place])
    keeper.do(f"inventory-items/{item}/location-levels/{keeper.place}", {"stocked_quantity": quantity})


def is_equal(peers: Peers, when: str) -> None:
    wanted = peers.keeper.state()
    found = recorded(peers, wanted)
    for kind, things in wanted.items():
        wrong = {key: (found[kind].get(key), one) for key, one in things.items() if found[kind].get(key) != one}
        assert not wrong, (when, kind, wrong)
        assert found[kind].keys() == things.keys(), (when, kind)
    say(f"{when}: " + ", ".join(f"{len(things)} {kind}" for kind, things in wanted.items()) + " are equal")


def recorded(peers: Peers, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is on record, by the names of `wanted`."""
    space, tomorrow = peers.connection.namespace, clock.now() + timedelta(days=1)
    people = customers.find_many(namespace=space, refs=sorted(wanted["people"]))
    names = {number: ref for ref, number in people.items()}
    shown = profiles.opened(sorted(people.values()), ["family_name"])
    forms = variants.find_many(namespace=space, refs=sorted({ref for ref, _ in wanted["prices"]}))
    codes = {one.id: one.code for one in stores.every()}
    levels = stock.levels_of([form for form, _ in forms.values()], at=tomorrow)
    found: dict[str, Any] = {
        "orders": {},
        "stock": {
            (ref, codes[level.store].removeprefix(f"{space}-")): int(level.on_hand)
            for ref, (form, _) in forms.items()
            for level in levels[form]
        },
        "prices": {
            (ref, code): price.list_minor
            for ref, code in wanted["prices"]
            if (price := prices.at(product=forms[ref][1], currency=code, at=tomorrow, variant=forms[ref][0]))
        },
        "products": titles(wanted, forms),
        "people": {ref: shown.get(number, {}).get("family_name") for ref, number in people.items()},
    }
    for ref, one in wanted["orders"].items():
        view = orders.by_ref(namespace=space, ref=ref)
        if view is None:
            continue
        # Medusa's parts and its total, reckoned by two ways, are the same.
        assert view.differs_minor == 0, (ref, view.total_minor, view.expected_minor)
        came, stands = goods_returns.of_order(view.id), orders.standing(view.id)
        off = sum(refund.amount_minor for refund in came)
        assert (stands.kept_minor, stands.over_refunded_minor) == (one["paid"] - one["back"], 0), (ref, stands)
        found["orders"][ref] = {
            "number": view.number,
            "customer": names.get(view.customer_id) if view.customer_id else None,
            "currency": view.currency,
            "is_cancelled": view.cancelled_at is not None,
            "paid": view.paid_minor,
            "back": view.refunded_minor,
            # What of it is sold still: all, less what goods and good will took off, whatever money moved.
            "worth": None if view.cancelled_at else about(view.total_minor - off, one["worth"]),
            "refunds": {back.ref: back.paid_back_minor for back in came if back.ref in one["refunds"]},
            "lines": sorted((line.variant_ref, int(line.quantity)) for line in view.lines),
        }
        if one["paid"]:
            due = view.total_minor - stands.set_off_minor
            assert about(due, view.paid_minor) == view.paid_minor, (
                ref,
                view.total_minor,
                stands.set_off_minor,
                view.paid_minor,
            )
    return found


def about(ours: int, theirs: int) -> int:
    """Theirs where both are the same but for cents: Medusa keeps fractions of them where we round each document."""
    return theirs if abs(ours - theirs) <= 2 else ours


def titles(wanted: dict[str, Any], forms: dict[str, tuple[int, int]]) -> dict[str, str]:
    numbers = {product for _, product in forms.values()}
    return {one.ref: one.title for one in products.get_many(sorted(numbers)).values() if one.ref in wanted["products"]}
