"""Tier and points into a Youzan shop on this machine; codes it makes itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from regulars.doors.connectors import writing
from regulars.doors.connectors.calling import SETTING
from regulars.doors.connectors.tests.shopkeeping import LONG_AGO, MAREK, Asked, Told, caller, opened
from regulars.doors.connectors.youzan.tests.shopfront import CLIENT, ROOT, SECRET, good
from regulars.facts.customers import customers
from regulars.facts.sources import connections
from regulars.facts.sources.connections import Connection
from regulars.oversight.outbound import rights
from regulars.oversight.outbound import writing as queue
from regulars.oversight.outbound.rights import Terms
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@dataclass
class People:
    """What the shop says of its customers."""

    tags: dict[str, list[str]] = field(default_factory=lambda: {"yz7": ["VIP: own", "loves tea"]})
    points: dict[str, int] = field(default_factory=lambda: {"yz7": 12})
    synced: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def respond(self, asked: Asked) -> Told:
        if asked.path == "/auth/token":
            until = int((datetime.now(UTC) + timedelta(days=7)).timestamp() * 1000)
            return Told(good({"access_token": "token", "expires": until}))
        wanted, name = asked.document(), asked.path.removeprefix("/api/").partition("/")[0]
        self.asked.append(name.removeprefix("youzan."))
        user = wanted.get("user") or wanted
        who = user["account_id"]
        if user["account_type"] != (5 if "user" in wanted else "YzOpenId"):
            return Told({"success": False, "code": 141500101, "message": "account type"})
        if who not in self.tags:
            return Told({"success": False, "code": 142400105 if "tag" in name else 141001107, "message": "nobody"})
        return self.answer(name, who, wanted)

    def answer(self, name: str, who: str, wanted: dict[str, Any]) -> Told:
        named = [one["tag_name"] for one in wanted.get("tags", [])]
        if any(len(one) > 32 for one in named):
            return Told({"success": False, "code": 142400101, "message": "too long"})
        match name:
            case "youzan.scrm.tag.relation.get":
                return Told(good({"tags": [{"tag_name": one, "tag_id": 1} for one in self.tags[who]]}))
            case "youzan.scrm.tag.relation.add":
                self.tags[who] += named
            case "youzan.scrm.tag.relation.delete":
                self.tags[who] = [one for one in self.tags[who] if one not in named]
            case "youzan.crm.customer.points.get":
                return Told(good({"points": self.points[who]}))
            case "youzan.crm.customer.points.sync":
                if wanted["biz_value"] in self.synced:
                    return Told({"success": False, "code": 142100106, "message": "again"})
                self.synced.add(wanted["biz_value"])
                self.points[who] = wanted["points"]
        return Told(good(True))


@pytest.fixture
def front() -> People:
    return People()


@pytest.fixture
def teas(front: People, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        made = connections.connect(
            name="teas",
            kind="youzan",
            zone="Asia/Shanghai",
            credentials={"client_secret": SECRET},
            settings={"address": address, "kdt_id": ROOT, "client_id": CLIENT, "points": "points"},
            at=LONG_AGO,
            by=MAREK,
        )
        queue.allow(connection=made.id, codes=True, attributes=True, at=MONDAY, by=MAREK)
        yield made


def somebody(ref: str) -> int:
    return customers.resolve_many(namespace="teas", refs=[ref], at=MONDAY, by=MAREK, origin="live")[ref]


def write(teas: Connection) -> dict[str, int]:
    writing.write_due(connection=teas.id, caller=caller())
    return {state: count for state, count in queue.counts(teas.id).items() if count}


def test_tier_is_a_tag_and_points_are_points(teas, front):
    mei = somebody("yz7")
    rights.want_attributes(customer=mei, told={"tier": "Gold", "points": "340"}, at=MONDAY, by=MAREK)
    assert write(teas) == {"written": 1}
    assert (front.tags["yz7"], front.points["yz7"]) == (["VIP: own", "loves tea", "tier: Gold"], 340)

    rights.want_attributes(customer=mei, told={"tier": "Platinum", "points": "340"}, at=MONDAY, by=MAREK)
    assert write(teas) == {"written": 1}
    assert (front.tags["yz7"], front.points["yz7"]) == (["VIP: own", "loves tea", "tier: Platinum"], 340)

    rights.want_attributes(customer=mei, told={"tier": "", "points": ""}, at=MONDAY, by=MAREK)
    assert write(teas) == {"written": 1}
    assert (front.tags["yz7"], front.points["yz7"]) == (["VIP: own", "loves tea"], 340)


def test_what_somebody_changed_in_the_shop_is_found_a_day_later_and_mended(teas, front, monkeypatch):
    rights.want_attributes(customer=somebody("yz7"), told={"tier": "Gold", "points": "5"}, at=MONDAY, by=MAREK)
    write(teas)
    front.points["yz7"] = 6
    later = clock.now() + timedelta(hours=25)
    monkeypatch.setattr(writing.clock, "now", lambda: later)
    assert writing.check(connection=teas.id, caller=caller()) == 1
    write(teas)
    assert front.points["yz7"] == 5


def test_who_is_gone_is_left_and_codes_and_other_words_have_no_place(teas, front):
    rights.want_attributes(customer=somebody("yz8"), told={"tier": "Gold"}, at=MONDAY, by=MAREK)
    rights.want_attributes(customer=somebody("yz7"), told={"colour": "green"}, at=MONDAY, by=MAREK)
    terms = Terms(takes="percent", percent=Decimal(10), starts_at=MONDAY)
    rights.want_code(key="spring", code="SPRING10", title="Spring", terms=terms, at=MONDAY, by=MAREK)
    assert write(teas) == {"dropped": 1, "unsupported": 2}


def test_points_that_are_no_number_are_refused(teas, front):
    rights.want_attributes(customer=somebody("yz7"), told={"points": "many"}, at=MONDAY, by=MAREK)
    assert write(teas) == {"refused": 1}
    assert front.points["yz7"] == 12
