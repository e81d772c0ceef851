"""What is gone from a shop without a word is found, and decided by people."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from regulars.doors.connectors import looking, taking
from regulars.doors.connectors.generic.tests.test_story import connected as own_program
from regulars.doors.connectors.tests.shopkeeping import MAREK, SETTING, backfill, caller, opened
from regulars.doors.connectors.tests.test_taking import order, person, told
from regulars.doors.connectors.woocommerce.tests.shopfront import Shopfront
from regulars.doors.connectors.woocommerce.tests.test_story import connected
from regulars.facts.commerce import catalogue, orders
from regulars.facts.sources import inbox, privacy_requests
from regulars.facts.sources.connections import Connection


@pytest.fixture
def front() -> Shopfront:
    shop = Shopfront(seed=7)
    shop.fill(6)
    shop.pass_time(120)
    return shop


@pytest.fixture
def teas(db: None, front: Shopfront, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        connection = connected(address)
        backfill(connection, front.now)
        yield connection


def standing(front: Shopfront) -> list[str]:
    views = [orders.by_ref(namespace="teas", ref=str(one)) for one in front.orders]
    return [one.ref for one in views if one is not None and one.cancelled_at is None]


def missing(connection: Connection) -> list[tuple[str, str]]:
    return [(one.topic, one.code) for one in inbox.search(connection=connection.id, state="not_understood")]


def test_a_deletion_of_which_no_message_came_is_found_and_waits_for_people(teas: Connection, front: Shopfront):
    lost, kept, *_ = standing(front)
    product = str(next(iter(front.products)))
    del front.orders[int(lost)], front.orders[int(kept)], front.products[int(product)]

    found = looking.look(connection=teas, at=front.now, caller=caller())
    assert (found.gone, found.asked > 6) == (3, True)
    assert looking.look(connection=teas, at=front.now, caller=caller()).gone == 0, "each is shown once"
    shown = [f"gone:orders:{lost}", f"gone:orders:{kept}", f"gone:products:{product}"]
    assert sorted(missing(teas)) == sorted((topic, "gone") for topic in shown)
    assert [one.cancelled_at for ref in (lost, kept) if (one := orders.by_ref(namespace="teas", ref=ref))] == [
        None,
        None,
    ]

    by_ref = {inbox.opened(number=one.id, at=front.now, by=MAREK): one.id for one in inbox.search(connection=teas.id)}
    inbox.set_aside(number=by_ref[f'{{"ref": "{kept}"}}'.encode()], at=front.now, by=MAREK)
    for ref in (lost, product):
        number = by_ref[f'{{"ref": "{ref}"}}'.encode()]
        inbox.replay(number=number, at=front.now, by=MAREK)
        assert taking.take(number) is True
    gone, stays = orders.by_ref(namespace="teas", ref=lost), orders.by_ref(namespace="teas", ref=kept)
    assert gone is not None
    assert stays is not None
    assert (gone.state, gone.deleted_at is not None, gone.cancelled_at is not None) == ("deleted", True, True)
    assert (stays.deleted_at, stays.cancelled_at) == (None, None)
    assert {one.what for one in orders.history(gone.id)} >= {"placed", "deleted", "cancelled"}
    [ware] = [one for one in catalogue.page(search=product).items if one.ref == product]
    assert ware.status == "discontinued"


def test_a_shop_that_knows_nothing_any_more_is_not_believed(
    teas: Connection, front: Shopfront, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(looking, "_SUSPICIOUS", 3)
    front.orders.clear()
    assert looking.look(connection=teas, at=front.now, caller=caller()).gone == 0
    assert missing(teas) == []


def test_over_some_days_everything_is_asked_for_once(teas: Connection, front: Shopfront):
    known = standing(front)
    parts = -(-len(known) // 2)
    days = [front.now + timedelta(days=day) for day in range(parts)]
    seen = [ref for day in days for ref in looking._today(teas, "orders", day, 2)]
    assert sorted(seen) == sorted(known)


def test_a_deleted_customer_is_asked_about_and_nothing_of_them_goes_by_itself(db: None):
    connection = own_program("own-till")
    told(connection, person("c7", "2026-03-02T09:00:00Z"), order("o1", customer_ref="c7"), key="1")
    gone = {"type": "deleted", "deleted_at": "2026-03-02T11:00:00Z"}
    told(connection, {**gone, "what": "customer", "ref": "c7"}, {**gone, "what": "customer", "ref": "c8"}, key="2")
    told(connection, {**gone, "what": "order", "ref": "o1"}, key="3")
    assert taking.take_waiting(connection=connection.id) == 3
    assert [(one.kind, one.ref) for one in privacy_requests.still_open()] == [("deleted", "c7")]
    found = orders.by_ref(namespace=connection.namespace, ref="o1")
    assert found is not None
    assert (found.state, found.customer_id is not None) == ("deleted", True)
