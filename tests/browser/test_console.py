"""A real browser walks the console: in by the first link, over every screen, in both languages, wide and narrow."""

import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from regulars.doors.console.tests.builders import PASSWORD, a_shop, people_twice, the_member
from regulars.doors.console.tests.sending import sent, sources_that_send
from regulars.facts.events import events
from regulars.facts.sources import quarantine, sources
from regulars.runtime.staff import operators
from tests.often import IS_WHOLE

pytestmark = [pytest.mark.browser, pytest.mark.longer]
SHOTS = Path(__file__).resolve().parents[2] / "test-results"
CHROMIUM = os.environ.get("REGULARS_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
#: Pictures for people: of four screens as far as one sees them; whole with `make slow`; of all screens, and in the
#: dark, with `make long`. A picture of a whole page costs more than the page.
IS_LONG = bool(os.environ.get("REGULARS_TEST_HEAVY"))
SCHEMES = ("light", "dark") if IS_LONG else ("light",)
PICTURED = ("today", "members", "member", "insight")
SIZES = {"desktop": (1366, 860), "phone": (360, 780)}
LEAFLET = {"type": "track", "event": "Leaflet Read", "anonymousId": "browser-9", "properties": {"chapter": "3"}}
HEADINGS = {
    "en": {
        "today": "Today",
        "members": "Members",
        "identity": "Identity review",
        "audiences": "Audiences",
        "insight": "Insight",
        "staff": "Staff",
        "sources": "Sources",
        "quarantine": "Quarantine",
        "live": "Live",
    },
    "zh-hans": {
        "today": "今日",
        "members": "会员",
        "identity": "身份核对",
        "audiences": "人群",
        "insight": "洞察",
        "staff": "员工",
        "sources": "来源",
        "quarantine": "隔离区",
        "live": "实时",
    },
}


@dataclass(frozen=True)
class House:
    """A shop behind a running server. The database is asked before the browser starts: it keeps an event loop in this
    thread, in which Django would open connections that nobody closes."""

    address: str
    link: str
    ines: str
    tomas: str
    web: str
    app: str
    held: int
    event: int
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Chromium:
    """One page for all tests, in which Marek has come in: each of its own would cost two seconds of a core.

    `said` is what a clean page never says: messages of its console, and calls to other hosts.
    """

    page: Page
    said: list[str]


@pytest.fixture(scope="module")
def house(fresh_database_of_module, tmp_path_factory) -> Iterator[House]:
    """A shop with history; nobody has come in yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.REGULARS_HOME", tmp_path_factory.mktemp("home"))
        a_shop()
        web = sources_that_send()
        app = sources.by_name("app")
        [held] = quarantine.search(code="no_identifier")
        event = events.recent(name="Product Added")[0]
        link = operators.first_link(at=datetime.now(UTC))
        assert link is not None
        server = LiveServer("127.0.0.1")
        yield House(
            address=str(server),
            link=f"{server}/console/welcome/{link.token}",
            ines=the_member("c000"),
            tomas=the_member("c001"),
            web=web.public_id,
            app=app.public_id,
            held=held.id,
            event=event.id,
            questions=tuple(people_twice()),
        )
        server.stop()


@pytest.fixture(scope="module")
def chromium(house) -> Iterator[Chromium]:
    """Chromium, in which Marek has come in by the first link."""
    if not Path(CHROMIUM).exists():
        message = f"no Chromium at {CHROMIUM}: the console is NOT walked. Install it or set REGULARS_CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    SHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        said: list[str] = []
        page = watched(found.new_page(locale="en-GB"), said)
        page.goto(house.link)
        page.screenshot(path=SHOTS / "welcome-en.png")
        page.get_by_label("Your name").fill("Marek Nowak")
        page.get_by_label("E-mail").fill("marek@shop.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Open the console").click()
        page.locator(".console").wait_for()
        assert heading(page) == "Today"
        assert said == []
        yield Chromium(page, said)
        found.close()


@pytest.fixture
def page(chromium) -> Page:
    """Marek's page, in English, wherever the test before has left it."""
    chromium.said.clear()
    wide(chromium.page)
    return chromium.page


@pytest.fixture
def said(chromium) -> list[str]:
    return chromium.said


def watched(page: Page, said: list[str]) -> Page:
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.on("request", lambda request: said.append(request.url) if "127.0.0.1" not in request.url else None)
    return page


def wide(page: Page, size: str = "desktop") -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


def too_wide(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def sign_in(page: Page, house: House) -> None:
    """By the form."""
    page.context.clear_cookies()
    page.goto(f"{house.address}/console/")
    page.screenshot(path=SHOTS / "sign-in-en.png")
    page.get_by_label("E-mail").fill("marek@shop.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator(".console").wait_for()


@pytest.mark.slow(shortened=True)
@pytest.mark.parametrize("language", HEADINGS)
def test_every_screen_stands_in_both_languages_wide_and_narrow(page, said, house, language):
    if language == "en" or IS_WHOLE:
        sign_in(page, house)
    else:
        page.goto(f"{house.address}/console/")
    page.locator(".me summary").click()
    page.locator(f'.menu button[value="{language}"]').click()
    screens = {
        "today": "/console/",
        "members": "/console/members/",
        "member": f"/console/members/{house.tomas}/",
        "profile": f"/console/members/{house.ines}/profile/",
        "consents": f"/console/members/{house.ines}/consent",
        "identity": "/console/identity/",
        "question": f"/console/identity/{house.questions[1]}/?order=likeliest",
        "audiences": "/console/audiences/",
        "audience-new": "/console/audiences/new",
        "insight": "/console/insight/",
        "sources": "/console/sources/",
        "source": f"/console/sources/{house.web}/",
        "source-new": f"/console/sources/{house.app}/",
        "quarantine": "/console/quarantine/",
        "quarantine-none": "/console/quarantine/?text=zebra",
        "quarantined": f"/console/quarantine/{house.held}/",
        "live": "/console/live/?paused=on",
        "live-none": "/console/live/?paused=on&name=zebra",
        "event": f"/console/live/{house.event}/",
        "staff": "/console/staff/",
    }
    if IS_LONG:
        screens |= {
            "standing": f"/console/members/{house.ines}/identity",
            "worn": f"/console/identity/{house.questions[-2]}/",
            "identity-rules": "/console/identity/rules",
        }
    if not IS_WHOLE:
        wanted = set(PICTURED)
    elif IS_LONG or language == "en":
        wanted = set(screens)
    else:
        wanted = set(HEADINGS[language])
    # Chinese words are short: where English has room, they have.
    sizes = SIZES if IS_LONG or language == "en" else ["phone"]
    pictured = screens if IS_LONG else PICTURED if IS_WHOLE and language == "en" else ()
    for name, path in screens.items():
        if name not in wanted:
            continue
        page.goto(house.address + path)
        # Parts of a member's page come after it; the word "networkidle" would wait half a second on every screen.
        expect(page.locator('[hx-trigger="load"]')).to_have_count(0)
        if name in HEADINGS[language]:
            assert heading(page) == HEADINGS[language][name]
        for size in sizes:
            wide(page, size)
            assert too_wide(page) <= 0, (name, size)
            for scheme in SCHEMES if name in pictured else ():
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=SHOTS / f"{name}-{size}-{scheme}-{language}.png", full_page=True)
            page.emulate_media(color_scheme="light")
        if name in PICTURED and name not in pictured:
            page.screenshot(path=SHOTS / f"{name}-seen-{language}.png")
    wide(page)
    page.locator(".me summary").click()
    page.locator('.menu button[value="en"]').click()
    page.locator(".console:lang(en)").wait_for()
    assert said == []


@pytest.mark.slow
def test_filters_sorting_and_paging_keep_their_state_in_the_address(page, said, house):

    page.goto(f"{house.address}/console/")
    page.get_by_role("link", name="See all").click()
    page.wait_for_url(re.compile("state=lapsing"))
    page.get_by_role("link", name="Members").first.click()
    page.wait_for_url("**/console/members/")
    page.get_by_label("Country").select_option("CN")
    page.wait_for_url(re.compile("country=CN"))
    page.locator("#list", has_text="2 members").wait_for()
    page.locator("thead").get_by_role("link", name="Last purchase").click()
    page.wait_for_url(re.compile("sort=last_purchase"))
    page.reload()
    assert page.get_by_label("Country").input_value() == "CN"
    page.go_back()
    page.wait_for_url(lambda url: "sort" not in url)
    page.locator("#list", has_text="2 members").wait_for()

    page.goto(f"{house.address}/console/members/")
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="First page").wait_for()
    page.goto(f"{house.address}/console/members/{house.ines}/")
    page.get_by_role("link", name="Older").click()
    page.wait_for_function("document.querySelectorAll('.moment').length > 25")

    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("c001")
    page.locator("a.hit").first.wait_for()
    assert said == []


@pytest.mark.slow
def test_questions_are_answered_by_keyboard_one_after_the_other_and_taken_back(page, said, house):
    first, second = house.questions[:2]
    page.goto(f"{house.address}/console/identity/?order=likeliest")
    page.get_by_role("link", name="Go through them").click()
    page.wait_for_url(f"**/{first}/?order=likeliest")
    page.keyboard.press("n")
    page.wait_for_url(f"**/{second}/?order=likeliest")
    page.keyboard.press("p")
    page.wait_for_url(f"**/{first}/?order=likeliest")
    page.keyboard.press("5")
    assert page.locator(".decide select").input_value() == "family"
    page.keyboard.press("a")
    page.wait_for_url(re.compile(f"{second}/.*done={first}"))
    page.get_by_text("The question before: two people").wait_for()
    page.keyboard.press("u")
    page.wait_for_url(f"**/{first}/?order=likeliest")
    page.get_by_role("button", name="Join: one person").wait_for()
    assert said == []


@pytest.mark.slow
def test_a_source_is_made_and_its_first_event_is_seen_to_come(page, said, house):
    """The form is sent by keyboard; the event appears on the page that is open, which can be paused."""
    page.goto(f"{house.address}/console/sources/")
    page.get_by_label("What it is called").fill("leaflet")
    page.keyboard.press("Enter")
    key = page.get_by_label("Write key").input_value()
    assert re.fullmatch(r"wk[0-9a-f]{32}", key)
    assert key in page.locator("pre").first.inner_text()
    page.screenshot(path=SHOTS / "source-made-en.png", full_page=True)
    page.reload()
    assert key not in page.content()

    page.goto(f"{house.address}/console/live/?name=Leaflet+Read")
    page.locator("#nothing").wait_for()
    with ThreadPoolExecutor(1) as desk:
        desk.submit(lambda: (sent(sources.by_name("leaflet"), LEAFLET, at=datetime.now(UTC)), connections.close_all()))
    page.locator("#events a", has_text="Leaflet Read").wait_for(timeout=8000)
    assert page.locator("#nothing").count() == 0
    page.get_by_role("link", name="Pause").click()
    page.get_by_role("link", name="Go on").wait_for()
    page.locator("#events a").first.click()
    page.locator("pre.data", has_text="chapter").wait_for()

    page.goto(f"{house.address}/console/quarantine/")
    page.get_by_label("Why").select_option("no_event")
    page.wait_for_url(re.compile("code=no_event"))
    page.wait_for_function("document.querySelectorAll('#list .name').length === 1")
    page.locator("#list .name").click()
    page.get_by_role("button", name="Open it").click()
    page.screenshot(path=SHOTS / "quarantined-open-en.png", full_page=True)
    text = page.locator("textarea").input_value()
    page.locator("textarea").fill(text.replace('"type"', '"event": "Tea Poured", "type"'))
    page.get_by_role("button", name="Send it again", exact=True).click()
    page.locator(".note", has_text="It is taken.").wait_for()
    assert too_wide(page) <= 0
    assert said == []


@pytest.mark.slow
def test_an_audience_is_built_by_clicking_and_saved(page, said, house):
    page.goto(f"{house.address}/console/audiences/")
    page.get_by_role("button", name="Make it Sleeping customers").click()
    page.get_by_role("heading", level=1, name="Sleeping customers").wait_for()

    page.goto(f"{house.address}/console/audiences/new")
    page.get_by_label("What it is called").fill("Twice lately, not sleeping")
    page.get_by_role("button", name="something they did").click()
    page.get_by_label("What they did").select_option("commerce.orders")
    page.get_by_label("How much").select_option("count")
    page.get_by_label("Number", exact=True).fill("2")
    page.get_by_label("When", exact=True).select_option("last:days")
    page.get_by_label("How many").fill("90")
    page.get_by_role("button", name="another audience").click()
    page.get_by_label("In or not").select_option("out")
    page.locator(".part.audience.wrong", has=page.locator("option[value=out][selected]")).wait_for()
    page.locator("select[name$='.audience']").select_option(label="Sleeping customers")
    page.locator("footer", has_text="in the last 90 days and not (is in “Sleeping customers”)").wait_for()
    assert page.get_by_label("What it is called").input_value() == "Twice lately, not sleeping"
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", level=1, name="Twice lately, not sleeping").wait_for()
    assert said == []


@pytest.mark.slow
def test_everything_works_without_scripts(page, house):
    without = page.context.new_cdp_session(page)
    without.send("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.goto(f"{house.address}/console/members/")
        # What scripts are not to do is asked of the page by one, which the page does not see.
        assert page.evaluate("typeof htmx") == "undefined"
        page.locator("select[name=state]").select_option("lapsing")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(re.compile("state=lapsing"))
        page.locator("a.name").first.click()
        page.locator(".moment summary").first.click()
        assert page.get_by_role("heading", level=1).is_visible()
        assert page.locator(".moment .lines").first.is_visible()
    finally:
        without.send("Emulation.setScriptExecutionDisabled", {"value": False})
        without.detach()


def test_the_keyboard_reaches_everything(page, house):
    page.goto(f"{house.address}/console/members/")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(e => e.tagName + ':' + (e.getAttribute('href') ?? e.name ?? ''))(document.activeElement)")
        )
    assert reached[0] == "A:#content"
    for wanted in ("A:/console/insight/", "SUMMARY:", "INPUT:q", "SELECT:segment"):
        assert any(stop.startswith(wanted) for stop in reached), (wanted, reached)
