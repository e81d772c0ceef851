"""Words without a break in them, such as a shop's references, do not make a list wider than its screen."""

from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import regulars.doors.console
from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.doors.console.tests.test_catalogue import a_product
from regulars.facts.commerce import orders
from regulars.facts.commerce.order_reports import LineReport, OrderReport
from regulars.kit.actors import SYSTEM
from tests.browser.test_console import CHROMIUM, too_wide

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CSS = Path(regulars.doors.console.__file__).parent / "static/console/console.css"
LONG = "cus_01M3Z4" * 11


@pytest.mark.slow
def test_long_words_break_in_the_catalogue_and_in_orders():
    a_product("cup", "Cup", brand=LONG, category=LONG)
    goods = [LineReport(1, "cup", Decimal(1), Decimal("12.50"), title="Cup")]
    told = OrderReport("willow", "o1", MONDAY, "GBP", goods, customer_ref=LONG, number="#1")
    orders.record(report=told, at=MONDAY, by=SYSTEM)
    client = signed_in("manager")
    pages = {name: client.get(f"/console/{name}/").content.decode() for name in ("catalogue", "orders")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        wide = {}
        for name, html in pages.items():
            for width in (360, 1280):
                page = browser.new_page(viewport={"width": width, "height": 800})
                page.route("**/*", lambda route: route.abort())
                page.set_content(html, wait_until="domcontentloaded")
                # Without its font the name of a symbol is a word; the rest is in the house's base style.
                page.add_style_tag(
                    content=CSS.read_text()
                    + "* { box-sizing: border-box; } body { margin: 0; } .symbol { width: 1em; overflow: hidden; }"
                )
                wide[name, width] = too_wide(page)
        browser.close()
    assert wide == dict.fromkeys(wide, 0)
