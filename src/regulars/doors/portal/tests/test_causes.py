"""What was promised to good causes is told to everybody where the shop says so, and to nobody where it does not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import earning, pledges, programmes
from regulars.runtime.database import clock
from regulars.runtime.preferences.preferences import write

pytestmark = pytest.mark.django_db
PROGRAMME = "programme: kind\nmoney: GBP\nrules: [{id: trees, kind: donation, percent: 1, cause: 'Trees & <woods>'}]"


@pytest.fixture(autouse=True)
def _an_hour_ago_somebody_bought_for_80():
    cache.clear()
    at = clock.now() - timedelta(hours=1)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="kind", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="kind", version=made.number, at=at, by=SYSTEM)
    order = OrderReport(
        namespace="shop",
        ref="1",
        customer_ref="li",
        placed_at=at,
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(1), Decimal("8000.00"))],
    )
    number = orders.record(report=order, at=at, by=Actor("connector", "shop")).id
    earning.award_for_order(order=number, at=clock.now(), by=SYSTEM)
    yield
    cache.clear()


def test_nobody_sees_it_until_the_shop_says_so_and_then_everybody_in_their_language():
    assert Client().get("/causes/").status_code == 404
    write(pledges.PUBLIC, True, at=clock.now(), by=SYSTEM)
    answer = Client().get("/causes/", headers={"Accept-Language": "en"})
    words = answer.content.decode()
    assert answer.status_code == 200
    assert "£80.00" in words
    assert "Trees &amp; &lt;woods&gt;" in words
    for chinese in (
        Client().get("/causes/?lang=zh-hans"),
        Client().get("/causes/", headers={"Accept-Language": "zh-CN"}),
    ):
        assert "承诺捐给公益" in chinese.content.decode()
        assert 'lang="zh-hans"' in chinese.content.decode()
    assert Client().post("/causes/").status_code == 405


def test_it_runs_no_script_keeps_no_secret_and_may_be_cached(django_assert_num_queries):
    write(pledges.PUBLIC, True, at=clock.now(), by=SYSTEM)
    answer = Client().get("/causes/")
    assert "script" not in answer.content.decode() + answer["Content-Security-Policy"]
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer["Cache-Control"] == "public, max-age=60"
    assert "Set-Cookie" not in answer.headers
    # The switch and the shop; the totals are a minute old.
    with django_assert_num_queries(2):
        Client().get("/causes/")
