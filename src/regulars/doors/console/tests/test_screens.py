"""The screens on a living shop: who may see what, at what cost, masked, escaped, in both languages."""

import html
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from regulars.doors.console import insight, members
from regulars.doors.console.tests.builders import (
    EMAIL_CANARY,
    NAME_CANARY,
    PASSWORD,
    PHONE_CANARY,
    a_shop,
    an_operator,
    the_member,
)
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.insight.audiences import audiences
from regulars.insight.measures import margins
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock
from regulars.runtime.staff import policy
from regulars.runtime.staff.roles import ALLOWED, Role
from regulars.runtime.trail import trail
from tests.often import IS_WHOLE

ROLES = [role.value for role in Role]


@pytest.fixture(scope="module")
def _shop(fresh_database_of_module, tmp_path_factory):
    # Not by hand: Django keeps its hashers, and forgets them only when it is told that the setting has changed.
    with override_settings(
        REGULARS_HOME=tmp_path_factory.mktemp("home"),
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ):
        a_shop()
        for role in ROLES:
            an_operator(role.replace("_", "-"), role)
        # By role, the cookie of who has signed in.
        yield {}


@pytest.fixture
def at_work(_shop):
    """Gives the browser of somebody with a role."""

    def come(role: str, language: str = "en") -> Client:
        client = Client()
        if role not in _shop:
            email = f"{role.replace('_', '-')}@shop.example"
            assert client.post("/console/sign-in", {"email": email, "password": PASSWORD}).status_code == 302
            _shop[role] = client.cookies["sessionid"].value
        client.cookies["sessionid"] = _shop[role]
        client.cookies["django_language"] = language
        return client

    return come


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def routes() -> list[tuple[str, str]]:
    """Every route of the console that needs an action, with that action."""
    found = []
    for where, view in policy.routes(get_resolver().url_patterns):
        told = policy.of(view)
        if where.startswith("console/") and told is not None and told.action is not None:
            found.append((where, told.action))
    return found


@pytest.mark.slow(shortened=True)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_routes_and_no_others(at_work, role):
    client, member = at_work(role), the_member()
    seen, allowed = [], 0
    for where, action in routes():
        is_allowed = role in ALLOWED[action]
        allowed += is_allowed
        # The owner sees every second page open, the others theirs by turns: to show one takes longer than to refuse it.
        turns = 2 if role == "owner" else len(ROLES) - 1
        if not IS_WHOLE and is_allowed and allowed % turns != ROLES.index(role) % turns:
            continue
        path = "/" + where.replace("<str:public_id>", member)
        path = re.sub(r"<slug:\w+>", "none", re.sub(r"<int:\w+>", "999999999", path))
        answer = client.get(path)
        if answer.status_code == 405:
            answer = client.post(path, {"purpose": "nothing"})
        assert (answer.status_code == 403) is not is_allowed, (path, answer.status_code)
        assert answer.status_code < 500
        seen.append(where)
    assert len(seen) >= 12


@pytest.mark.usefixtures("_shop")
def test_a_stranger_is_sent_to_the_sign_in_page():
    sent = {}
    for where, _action in routes():
        path = "/" + re.sub(r"<\w+:\w+>", "1", where)
        answer = Client().get(path)
        if answer.status_code == 405:
            answer = Client().post(path)
        sent[where] = answer.get("Location", "").partition("=")[0]
    assert sent == dict.fromkeys(sent, "/console/sign-in?next")


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_shows_what_one_may_open(at_work, role):
    page = read(at_work(role), "/console/members/")
    for path, action in (("insight/", "insight.read"), ("staff/", "staff.read")):
        assert (f'href="/console/{path}"' in page) is (role in ALLOWED[action])


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/console/", 34),
        ("/console/members/", 13),
        ("/console/members/{member}/", 18),
        ("/console/insight/", 12),
        ("/console/insight/figures", 6),
        ("/console/insight/groups", 6),
        ("/console/insight/habits", 10),
        ("/console/insight/acquisition", 8),
        ("/console/insight/runs", 4),
    ],
)
def test_pages_cost_what_they_say(at_work, path, queries):
    client = at_work("owner")
    # Somebody looked: the page that says who costs a query more than where nobody did.
    if "{member}" in path:
        client.post(f"/console/members/{the_member()}/reveal", {"purpose": "service"})
    path = path.format(member=the_member())
    read(client, path)
    with CaptureQueriesContext(connection) as spent:
        read(client, path)
    assert len(spent) == queries, [query["sql"][:90] for query in spent]


@pytest.mark.parametrize("role", ROLES)
def test_lists_and_pages_hold_no_contact_in_clear(at_work, role):
    client = at_work(role)
    pages = [
        client.get(path).content.decode()
        for path in ("/console/", "/console/members/", f"/console/members/{the_member()}/", "/console/insight/")
    ]
    pages.append(client.get("/console/search?s=ines").content.decode())
    for page in pages:
        for canary in (EMAIL_CANARY, PHONE_CANARY, NAME_CANARY, "7400123456", "Duarte"):
            assert canary not in page


def test_a_reveal_needs_a_purpose_and_is_written_down(at_work):
    agent, member = at_work("agent"), the_member()

    without = agent.post(f"/console/members/{member}/reveal", {"purpose": ""}, follow=True).content.decode()
    shown = agent.post(f"/console/members/{member}/reveal", {"purpose": "refund"})

    assert EMAIL_CANARY not in without
    assert EMAIL_CANARY in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    [line, *_] = [line for line in trail.of(f"customer:{customers.by_public_id(member).id}") if "reveal" in line.verb]
    assert line.why == "refund"
    assert "looked at the contacts" in read(at_work("owner"), f"/console/members/{member}/")


def test_today_names_the_money_at_stake_and_leads_to_the_people(at_work):
    page = read(at_work("manager"), "/console/")
    assert "Regulars slipping away" in page
    assert "T** N**" in page
    assert "/console/members/?state=lapsing" in page
    assert "3 rows rejected" in page


@pytest.mark.parametrize(
    ("asked", "names", "not_names"),
    [
        ("q=ines.duarte@canary.example", ["I** D**"], ["T** N**"]),
        ("q=%2B447400123456", ["I** D**"], ["T** N**"]),
        ("q=07400 123456", ["I** D**"], ["T** N**"]),
        ("q=tom", ["T** N**"], ["I** D**"]),
        ("q=王", ["王*"], ["I** D**"]),
        ("q=c000", ["I** D**"], ["T** N**"]),
        ("country=CN", ["王*", "李*"], ["I** D**"]),
        ("state=lapsing", ["T** N**", "王*"], ["I** D**"]),
        ("state=regular&segment=champions", ["I** D**"], ["T** N**"]),
        ("last_to=2026-02-28&orders_from=10", ["T** N**"], ["I** D**"]),
        ("spend_from=4000", ["I** D**"], ["T** N**"]),
    ],
)
def test_members_are_found(at_work, asked, names, not_names):
    page = read(at_work("analyst"), f"/console/members/?{asked}")
    for name in names:
        assert name in page
    for name in not_names:
        assert name not in page


def test_spend_is_asked_in_the_currency_that_it_was_computed_in(at_work, monkeypatch):
    monkeypatch.setattr(members, "shop_of", lambda request: replace(company.shop(), currency="JPY"))

    page = read(at_work("analyst"), "/console/members/?spend_from=4000")
    assert "I** D**" in page
    assert "T** N**" not in page


def test_every_member_stands_on_exactly_one_page(at_work):
    client, seen, path = at_work("owner"), [], "/console/members/?sort=spend"
    while path:
        page = read(client, path)
        seen += re.findall(r'class="name" href="/console/members/(cus_\w+)/"', page)
        following = re.search(r'rel="next" href="(\?[^"]+)"', page)
        path = "/console/members/" + following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("sort", ["spend", "orders", "last_purchase", "newest"])
def test_each_order_turns_round(at_work, sort):
    def walk(way: str) -> list[str]:
        client, seen, path = at_work("owner"), [], f"/console/members/?sort={sort}{way}"
        while path:
            page = read(client, path)
            seen += re.findall(r'class="name" href="/console/members/(cus_\w+)/"', page)
            following = re.search(r'rel="next" href="(\?[^"]+)"', page)
            path = "/console/members/" + following[1].replace("&amp;", "&") if following else ""
        return seen

    down = walk("")
    assert len(down) == 120
    assert walk("&dir=up") == down[::-1]


def test_the_head_of_a_column_says_and_turns_its_order(at_work):
    down = read(at_work("owner"), "/console/members/?sort=spend")
    up = read(at_work("owner"), "/console/members/?sort=spend&dir=up")
    assert re.search(r'aria-sort="descending"><a href="\?sort=spend&amp;dir=up"', down)
    assert re.search(r'aria-sort="ascending"><a href="\?sort=spend"', up)


def test_every_filter_is_a_chip_that_takes_it_away(at_work):
    page = read(at_work("owner"), "/console/members/?country=CN&orders_from=2&r=5&sort=orders")
    chips = dict(re.findall(r'class="chip" href="([^"]+)"[^>]*>([^<]+?) <i', page))
    assert chips == {
        "?r=5&amp;orders_from=2&amp;sort=orders": "Country: China",
        "?country=CN&amp;r=5&amp;sort=orders": "Orders from: 2",
        "?country=CN&amp;orders_from=2&amp;sort=orders": "Recency score: 5",
    }


def test_a_square_of_the_grid_leads_to_its_own_people(at_work):
    client = at_work("owner")
    squares = re.findall(
        r'href="(/console/members/\?r=\d&amp;f=\d)" title="[^"]*"><b>(\d+)</b>', read(client, "/console/insight/")
    )
    assert len(squares) == 25
    assert sum(int(count) for _address, count in squares) == 120
    for address, count in squares:
        page = read(client, address.replace("&amp;", "&"))
        assert (f"<b>{count} member" in page) if int(count) else ("No member fits" in page)


def test_every_cohort_stands_in_the_table(at_work):
    page = read(at_work("owner"), "/console/insight/")
    rows = re.findall(r'<tr><th scope="row">(\w+ 20\d\d)</th>', page)
    assert rows[0] == "May 2026"
    assert rows[-1] == "Jan 2025"
    assert 'role="region" tabindex="0"' in page


def test_cohorts_left_out_are_counted_and_can_be_had(at_work, monkeypatch):
    monkeypatch.setattr("regulars.doors.console.insight.MOST_COHORTS", 3)
    client = at_work("owner")
    page = read(client, "/console/insight/")
    [left_out] = re.findall(r"(\d+) older months are not shown", page)
    rows = r'<tr><th scope="row">\w+ 20\d\d</th>'
    assert len(re.findall(rows, page)) == 3
    assert len(re.findall(rows, read(client, "/console/insight/?cohorts=all"))) == 3 + int(left_out)


def test_pages_say_when_their_readings_were_computed(at_work):
    for path in ("/console/", "/console/members/", "/console/insight/"):
        assert "computed 1 Jun 2026 13:00" in read(at_work("owner"), path)


def test_what_cannot_be_read_is_said_and_left_out(at_work):
    page = read(at_work("owner"), "/console/members/?orders_from=many&last_from=2026-05-01&last_to=2026-04-01&after=x")
    assert page.count('role="alert"') == 2
    assert "I** D**" in page


@pytest.mark.parametrize("asked", ["last_to=9999-12-31", "last_from=0001-01-01", "last_from=9999-12-31"])
def test_a_day_beyond_all_shops_is_said_and_left_out(at_work, asked):
    page = read(at_work("owner"), f"/console/members/?{asked}")
    assert page.count('role="alert"') == 1
    assert "I** D**" in page


def test_nobody_fits_is_said(at_work):
    assert "No member fits" in read(at_work("owner"), "/console/members/?orders_from=9999")


def test_htmx_gets_the_list_alone_and_a_reload_the_whole_page(at_work):
    client = at_work("owner")
    part = client.get("/console/members/?country=CN", headers={"HX-Request": "true", "HX-Target": "list"}).content
    assert b"<html" not in part
    assert b"<table" in part


def test_a_member_page_tells_why(at_work):
    page = read(at_work("analyst"), f"/console/members/{the_member('c001')}/")
    assert re.search(r"Away for \d+ days, more than 2 × [\d.]+ = [\d.]+ days\.", page)
    assert "Show the contacts for" not in page


def test_places_and_doers_are_named_as_people_name_them(at_work):
    english = read(at_work("owner"), f"/console/members/{the_member()}/")
    chinese = read(at_work("owner", "zh-hans"), f"/console/members/{the_member()}/")
    assert "· Web shop" in english
    assert "· 网店" in chinese
    assert "import:1" not in english + chinese
    assert "Import of orders-2026-05.csv wrote down the profile" in english


def test_goods_of_others_are_shown_as_text(at_work):
    page = read(at_work("owner"), f"/console/members/{the_member()}/")
    assert "<loaf>" not in page
    assert "Rye &amp; caraway &lt;loaf&gt;" in page


def test_markup_in_the_address_stays_text(at_work):
    page = read(at_work("owner"), "/console/members/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in page


def test_an_unknown_member_is_a_page_of_the_house(at_work):
    client = at_work("owner")
    assert client.get("/console/members/cus_00000000000000000000000000/").status_code == 404
    assert client.get("/console/members/nonsense/").status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_insight_shows_every_rate_with_its_n_and_interval(at_work, language):
    page = read(at_work("analyst", language), "/console/insight/")
    assert {"en": "Repeat rate", "zh-hans": "复购率"}[language] in page
    assert re.search(r"\d+\.\d–\d+\.\d%", page)
    assert page.count("<svg") >= 3
    assert {"en": "of 120 customers", "zh-hans": "120 位顾客"}[language] in page
    # The shop's rhythm, and of how many customers it is.
    said = {
        "en": r"Between two purchases \S+ days pass on average \(\S+ · \d+ customers\)",
        "zh-hans": r"平均相隔 .+ 位顾客）",
    }
    assert re.search(said[language], page)


def test_the_palette_finds_a_member(at_work):
    page = read(at_work("agent"), "/console/search?s=c000&extended=1")
    assert "I** D**" in page
    assert the_member() in page


def test_chinese_pages_write_days_and_money_the_chinese_way(at_work):
    page = read(at_work("owner", "zh-hans"), "/console/")
    assert re.search(r"20\d\d年\d+月\d+日", page)
    assert "正在流失的回头客" in page


def test_charts_are_drawn_before_anybody_asks(at_work, monkeypatch):
    insight.draw()

    def too_late(*_told: object, **_more: object) -> str:
        raise AssertionError("it should have been drawn")

    monkeypatch.setattr("regulars.oversight.reporting.charts.line", too_late)
    monkeypatch.setattr("regulars.oversight.reporting.charts.bars", too_late)
    for language in ("en", "zh-hans"):
        assert "<svg" in read(at_work("owner", language), "/console/insight/")


def test_a_member_shows_visits_in_words_and_when_they_were_last_here(at_work):
    page = read(at_work("agent"), f"/console/members/{the_member()}/")
    for words in ("Last seen", "31 May 2026", "Put Clay teapot into the cart", "Visited the store Marylebone", "web"):
        assert words in page
    # Twelve page views in three visits are one sum, and no line of their own.
    assert re.search(r"<dt>Looked at a page</dt>\s*<dd>12</dd>", page)
    assert page.count("Looked at the page “Home”") == 6


def test_figures_are_shown_of_a_group_and_taken_away(at_work):
    analyst = at_work("analyst", "zh-hans")
    page = read(analyst, "/console/insight/figures?figure=retention&group=champions")
    assert "期初顾客" in page
    assert "<svg" in page
    # What nobody offers is answered with what is offered first.
    assert "复购率" in read(analyst, "/console/insight/figures?figure=<b>&group=<b>")
    for kind in ("csv", "xlsx", "parquet"):
        answer = analyst.get(f"/console/insight/figures/file.{kind}?group=champions")
        assert f"figures-champions.{kind}" in answer["Content-Disposition"]
        assert len(answer.content) > 1000
    assert analyst.get("/console/insight/figures/file.exe").status_code == 404


def test_figures_are_counted_of_an_audience_when_somebody_asks(at_work):
    now = clock.now()
    buyers = audiences.define(
        name="Buyers <b>",
        condition={"version": 1, "zone": "Europe/London", "if": {"did": "commerce.orders"}},
        key="figures of buyers",
        at=now,
        by=SYSTEM,
    )
    analyst, address = at_work("analyst", "zh-hans"), f"/console/insight/figures?group={buyers.id}"
    page = read(analyst, address)
    assert f'<option value="{buyers.id}" selected>Buyers &lt;b&gt;' in page
    assert "还没有人查看过该人群的指标" in page
    assert "hx-trigger" not in page.partition('id="explored"')[2].partition(">")[0]
    count = f"/console/insight/figures/of/{buyers.id}/count"
    assert analyst.post(count)["Location"] == address
    page = read(analyst, address)
    assert "正在统计该人群的指标" in page
    assert 'hx-trigger="every 2s"' in page.partition('id="explored"')[2].partition(">")[0]
    assert analyst.post("/console/insight/figures/of/aud_nonsense/count").status_code == 404


def test_the_grid_is_told_apart_by_days_in_a_store(at_work):
    analyst = at_work("analyst", "zh-hans")
    everybody, some = read(analyst, "/console/insight/"), read(analyst, "/console/insight/?visits=sometimes")
    assert "到店 1–2 天" in everybody
    assert everybody.count('href="/console/members/?r=') == 25
    assert some.count('href="/console/members/?r=') == 0
    assert read(analyst, "/console/insight/?visits=<b>").count('href="/console/members/?r=') == 25


def test_a_shop_tells_its_margin(at_work):
    manager = at_work("manager")
    for wrong in ("-1", "101", "much"):
        assert manager.post("/console/insight/figures/margin", {"percent": wrong}).status_code == 422
    assert manager.post("/console/insight/figures/margin", {"percent": "42.5"}).status_code == 302
    assert 'value="42.5"' in read(manager, "/console/insight/figures/margin")
    assert margins.told_percent() == Decimal("42.5")
    assert "/console/insight/figures/margin" in read(manager, "/console/insight/figures?figure=margin")
    assert manager.post("/console/insight/figures/margin", {"percent": ""}).status_code == 302
    assert margins.told_percent() is None
    assert at_work("agent").get("/console/insight/figures/margin").status_code == 403


def test_what_is_spent_to_win_customers_is_told_on_a_screen(at_work):
    manager, analyst = at_work("manager"), at_work("read-only")
    where = "/console/insight/acquisition"
    assert "Nobody told yet" in read(manager, where)
    for wrong in (
        {"month": "2999-01"},
        {"amount": "-1"},
        {"amount": "1.234"},
        {"channel": "nowhere"},
        {"month": "May"},
    ):
        told = {"month": "2026-01", "channel": "", "amount": "20.50"} | wrong
        assert manager.post(f"{where}/tell", told).status_code == 422
    assert manager.post(f"{where}/tell", {"month": "2026-01", "channel": "", "amount": "20.50"}).status_code == 302
    assert "20.50" in read(analyst, where)
    assert "Tell the shop's margin" in html.unescape(read(analyst, where))
    assert 'name="amount"' not in read(analyst, where)
    assert at_work("agent").post(f"{where}/tell", {}).status_code == 403


def test_groups_habits_and_runs_rest_on_something(at_work):
    analyst = at_work("analyst")
    groups = read(analyst, "/console/insight/groups")
    assert groups.count('class="heat moves"') == 1
    assert "Champions" in groups
    assert "Jasmine tea" in read(analyst, "/console/insight/habits")
    assert "within what is unsure" not in read(analyst, "/console/insight/runs?earlier=1&later=nonsense")


def test_scores_are_cut_anew_after_a_look_at_who_would_move(at_work):
    manager = at_work("manager")
    steps = {"recency_days": "5, 10, 20, 40", "regular_days": "", "money_minor": "10, 20.50, 40, 80"}
    looked = manager.post("/console/insight/groups/cuts", {**steps, "preview": "1"})
    assert "would be in another group" in looked.content.decode()
    for wrong in ({"recency_days": "5, 4, 3, 2"}, {"money_minor": "1, 2, 3, 4.001"}, {"regular_days": "=1+1"}):
        assert manager.post("/console/insight/groups/cuts", {**steps, **wrong}).status_code == 422
    assert 'value="10, 20.50' not in read(manager, "/console/insight/groups/cuts")
    assert manager.post("/console/insight/groups/cuts", steps).status_code == 302
    # Of two decimals, as the shop's money has.
    assert 'value="10.00, 20.50, 40.00, 80.00"' in read(manager, "/console/insight/groups/cuts")
    assert manager.post("/console/insight/groups/cuts", dict.fromkeys(steps, "")).status_code == 302
    assert at_work("agent").get("/console/insight/groups/cuts").status_code == 403
