"""Rights written into shops on this machine, of each kind that can be written to over plain HTTP."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from regulars.doors.connectors import writing
from regulars.doors.connectors.medusa.tests import shopfront as medusa
from regulars.doors.connectors.tests.shopkeeping import LONG_AGO, MAREK, Asked, Told, caller, opened
from regulars.doors.connectors.woocommerce.tests import shopfront as woocommerce
from regulars.facts.customers import customers
from regulars.facts.sources import connections
from regulars.oversight.outbound import rights
from regulars.oversight.outbound import writing as queue
from regulars.oversight.outbound.rights import Terms
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FIVE = Terms(takes="amount", amount_minor=550, currency="GBP", least_minor=2000, starts_at=MONDAY)


@dataclass
class Coupons:
    """A WooCommerce shop's coupons and what it keeps of its customers."""

    kind = "woocommerce"
    is_bound = False
    credentials = {"secret": woocommerce.SECRET, "consumer_key": woocommerce.KEY} | {
        "consumer_secret": woocommerce.KEY_SECRET
    }
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=lambda: {"7": {}})
    failures: list[int] = field(default_factory=list)

    def respond(self, asked: Asked) -> Told:
        if self.failures:
            return Told({"message": "no"}, self.failures.pop(0))
        match asked.path.removeprefix("/wp-json/wc/v3/").split("/"):
            case ["data", "currencies", "current"]:
                return Told({"code": "GBP"})
            case ["coupons"] if asked.method == "GET":
                return Told([one for one in self.rows.values() if one["code"] == asked.query["code"].lower()])
            case ["coupons"]:
                told = asked.document()
                if any(one["code"] == told["code"].lower() for one in self.rows.values()):
                    return Told({"message": "The coupon code already exists"}, 400)
                number = str(len(self.rows) + 1)
                self.rows[number] = told | {"id": int(number), "code": told["code"].lower()}
                return Told(self.rows[number], 201)
            case ["coupons", number]:
                told = asked.document()
                self.rows[number] |= told | {"code": told.get("code", self.rows[number]["code"]).lower()}
                return Told(self.rows[number])
            case ["customers", number] if number in self.kept:
                for one in asked.document().get("meta_data", []):
                    self.kept[number].pop(one["key"], None)
                    if one["value"] is not None:
                        self.kept[number][one["key"]] = one["value"]
                meta = [{"key": name, "value": value} for name, value in self.kept[number].items()]
                return Told({"id": int(number), "meta_data": meta})
        return Told({"code": "woocommerce_rest_invalid_id"}, 404)

    def live(self) -> dict[str, str]:
        """Codes that work, with what they take off."""
        return {one["code"].upper(): one["amount"] for one in self.rows.values() if one["status"] == "publish"}

    def have(self, code: str) -> None:
        """One of the shop's own."""
        self.rows["900"] = {"id": 900, "code": code.lower(), "status": "publish", "amount": "1", "meta_data": []}


@dataclass
class Promotions:
    """A Medusa shop's promotions and what it keeps of its customers."""

    kind = "medusa"
    is_bound = True
    credentials = {"secret": "a secret", "api_key": medusa.KEY}
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=lambda: {"7": {}})
    failures: list[int] = field(default_factory=list)
    made: int = 0
    #: They outlive their promotions.
    campaigns: set[str] = field(default_factory=set)

    def respond(self, asked: Asked) -> Told:
        if self.failures:
            return Told({"message": "no"}, self.failures.pop(0))
        basic = "Basic " + base64.b64encode(f"{medusa.KEY}:".encode()).decode()
        assert asked.headers["authorization"] == basic
        told = asked.document() if asked.method == "POST" else {}
        match asked.path.removeprefix("/admin/").split("/"):
            case ["promotions"] if asked.method == "GET":
                found = [one for one in self.rows.values() if one["code"] == asked.query["code"]]
                return Told({"promotions": found, "count": len(found)})
            case ["promotions"]:
                if any(one["code"] == told["code"] for one in self.rows.values()):
                    return Told({"type": "invalid_data", "message": "already exists."}, 400)
                if told["campaign"]["campaign_identifier"] in self.campaigns:
                    return Told({"type": "invalid_data", "message": "Campaign with such an identifier exists."}, 400)
                self.campaigns.add(told["campaign"]["campaign_identifier"])
                self.made += 1
                number = f"promo_{self.made}"
                rules = [
                    one | {"values": [{"value": value} for value in one["values"]]} for one in told.get("rules", [])
                ]
                campaign = told["campaign"] | {"id": f"procamp_{self.made}"}
                self.rows[number] = told | {"id": number, "rules": rules, "campaign": campaign}
                return Told({"promotion": self.rows[number]})
            case ["promotions", number] if asked.method == "DELETE":
                return Told({"id": number, "deleted": self.rows.pop(number) is not None})
            case ["promotions", number]:
                method = self.rows[number]["application_method"] | told.pop("application_method", {})
                self.rows[number] |= told | {"application_method": method}
                return Told({"promotion": self.rows[number]})
            case ["campaigns", number]:
                [one] = [one for one in self.rows.values() if one["campaign"]["id"] == number]
                one["campaign"] |= told
                return Told({"campaign": one["campaign"]})
            case ["customers", number] if number in self.kept:
                for name, value in told.get("metadata", {}).items():
                    self.kept[number].pop(name, None)
                    if value:
                        self.kept[number][name] = value
                return Told({"customer": {"id": number, "metadata": self.kept[number]}})
        return Told({"type": "not_found", "message": "not found"}, 404)

    def live(self) -> dict[str, str]:
        """Codes that work, with what they take off."""
        return {
            one["code"]: str(one["application_method"]["value"])
            for one in self.rows.values()
            if one["status"] == "active"
        }

    def have(self, code: str) -> None:
        """One of the shop's own."""
        method = {"type": "fixed", "target_type": "order", "value": 1}
        self.rows["promo_0"] = {"id": "promo_0", "code": code, "status": "active", "application_method": method}


@pytest.fixture(params=[Coupons, Promotions], ids=["woocommerce", "medusa"])
def shop(request):
    front = request.param()
    with opened(front) as address:
        made = connections.connect(
            name="teas",
            kind=front.kind,
            zone="UTC",
            credentials=front.credentials,
            settings={"address": address},
            at=LONG_AGO,
            by=MAREK,
        )
        front.connection = made.id
        queue.allow(connection=made.id, codes=True, attributes=True, at=clock.now(), by=MAREK)
        yield front


def want(key="coupon-1", code="LI-5-OFF", terms=FIVE, customer=None):
    return rights.want_code(
        key=key, code=code, title="Five off", terms=terms, customer=customer, at=clock.now(), by=MAREK
    )


def write(shop):
    return writing.write_due(connection=shop.connection, caller=caller())


def states(shop):
    return sorted((row.what, row.state, row.error) for row in queue.of_connection(shop.connection))


def li(ref="7"):
    return customers.resolve_many(namespace="teas", refs=[ref], at=MONDAY, by=MAREK, origin="live")[ref]


def test_a_code_is_made_changed_and_ended_as_it_is_wanted(shop):
    want(customer=li())
    assert write(shop) == 1
    assert {code: Decimal(worth) for code, worth in shop.live().items()} == {"LI-5-OFF": Decimal("5.5")}
    [made] = shop.rows.values()
    assert ("7" in str(made.get("rules"))) is shop.is_bound
    percent = Terms(
        takes="percent", percent=Decimal("12.49"), starts_at=MONDAY, ends_at=MONDAY + timedelta(days=3000), uses=3
    )
    for terms, worth in ((percent, "12.49"), (Terms(takes="shipping", starts_at=MONDAY), None)):
        want(terms=terms, customer=li())
        assert write(shop) == 1
        [told] = shop.live().values()
        assert worth is None or Decimal(told) == Decimal(worth)
        assert len(shop.rows) == 1
    rights.take_back(key="coupon-1", at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert (shop.live(), states(shop)) == ({}, [("LI-5-OFF", "written", "")])
    # Wanted once more, it is the same code again.
    want(customer=li())
    write(shop)
    assert list(shop.live()) == ["LI-5-OFF"]
    assert len(shop.rows) == 1


def test_a_code_whose_making_was_never_heard_of_is_found_and_not_made_twice(shop):
    want()
    write(shop)
    [right] = queue.of_connection(shop.connection)
    queue.again(right=right.id, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert len(shop.rows) == 1


def test_the_shops_own_code_is_left_alone(shop):
    shop.have("SUMMER")
    before = dict(shop.rows)
    want(code="SUMMER")
    assert write(shop) == 1
    assert (shop.rows, states(shop)) == (before, [("SUMMER", "refused", "code_taken")])


def test_a_code_of_somebody_the_shop_does_not_know_is_not_written_for_everybody(shop):
    stranger = customers.resolve_many(namespace="elsewhere", refs=["x"], at=MONDAY, by=MAREK, origin="live")["x"]
    want(customer=stranger)
    write(shop)
    [row] = queue.of_connection(shop.connection)
    assert (shop.rows, row.state, row.due_at > clock.now()) == ({}, "waiting", True)


def test_a_code_that_was_deleted_there_comes_back(shop, monkeypatch):
    want()
    write(shop)
    shop.rows.clear()
    monkeypatch.setattr(queue, "CHECKED_EACH", timedelta(0))
    assert writing.check(connection=shop.connection, caller=caller()) == 1
    assert write(shop) == 1
    assert (list(shop.live()), states(shop)) == (["LI-5-OFF"], [("LI-5-OFF", "written", "")])


def test_what_is_said_of_a_customer_stands_there_beside_what_others_say(shop):
    shop.kept["7"]["theirs"] = "x"
    rights.want_attributes(customer=li(), told={"tier": "Gold", "points": "120"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert shop.kept["7"] == {"theirs": "x", "regulars_tier": "Gold", "regulars_points": "120"}
    rights.want_attributes(customer=li(), told={"tier": "", "points": "80"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert shop.kept["7"] == {"theirs": "x", "regulars_points": "80"}
    rights.want_attributes(customer=li("4711"), told={"tier": "Gold"}, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert ("4711", "dropped", "gone") in states(shop)


def test_what_somebody_changed_in_the_shop_is_found_a_day_later_and_mended(shop, monkeypatch):
    want()
    rights.want_attributes(customer=li(), told={"tier": "Gold"}, at=clock.now(), by=MAREK)
    want("coupon-2", "TWELVE", Terms(takes="percent", percent=Decimal("12.49"), starts_at=MONDAY))
    write(shop)
    monkeypatch.setattr(queue, "CHECKED_EACH", timedelta(0))
    assert writing.check(connection=shop.connection, caller=caller()) == 0
    shop.kept["7"].clear()
    shop.rows.clear()
    assert writing.check(connection=shop.connection, caller=caller()) == 3
    assert write(shop) == 3
    assert (sorted(shop.live()), shop.kept["7"]) == (["LI-5-OFF", "TWELVE"], {"regulars_tier": "Gold"})


@pytest.mark.parametrize(("status", "problem"), [(403, "not_allowed"), (429, "rests"), (503, "")])
def test_a_shop_that_cannot_be_written_to_now_gets_it_later(shop, status, problem):
    rights.want_attributes(customer=li(), told={"tier": "Gold"}, at=clock.now(), by=MAREK)
    shop.failures = [status]
    write(shop)
    assert queue.of(shop.connection).problem == problem
    assert queue.counts(shop.connection) == {"waiting": 1}
    queue.again(right=queue.of_connection(shop.connection)[0].id, at=clock.now(), by=MAREK)
    assert write(shop) == 1
    assert shop.kept["7"] == {"regulars_tier": "Gold"}


@pytest.mark.parametrize("shop", [Coupons], indirect=True)
def test_a_coupon_has_no_beginning_so_it_is_made_when_it_begins(shop):
    begins = clock.now() + timedelta(days=2)
    want(terms=Terms(takes="shipping", starts_at=begins))
    assert write(shop) == 1
    [row] = queue.of_connection(shop.connection)
    assert (shop.rows, row.state, row.due_at) == ({}, "waiting", begins)
