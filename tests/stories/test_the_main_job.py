"""Somebody with a real order file learns who their regulars are: in the console, and on a page to send round."""

import html
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from django.test import Client

from regulars.doors.imports import mapping, orders, report
from regulars.insight.measures import readings, refreshing
from regulars.kit.actors import SYSTEM, Actor
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators

DATA = Path(os.environ.get("REGULARS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
#: In the suite one customer of forty; all of them in the long form.
WHOLE = bool(os.environ.get("REGULARS_TEST_HEAVY"))


def signed_in(now: datetime) -> Client:
    handed = operators.invite(email="marek@shop.example", name="Marek", role="owner", language="en", at=now, by=SYSTEM)
    operators.choose_password(token=handed.token, password="seven green teapots", at=now)
    browser = Client()
    browser.post("/console/sign-in", {"email": "marek@shop.example", "password": "seven green teapots"})
    return browser


def words(page: bytes | str) -> str:
    """What a reader sees, in one line."""
    text = page.decode() if isinstance(page, bytes) else page
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


@pytest.mark.longer
@pytest.mark.data
def test_from_an_order_file_to_the_regulars(fresh_database, tmp_path, settings):
    path = DATA / "online_retail" / "online_retail.parquet"
    if not path.exists():
        pytest.skip(f"THE REAL DATA IS NOT HERE: {path}; set REGULARS_TEST_DATA")
    if not WHOLE:
        some = pl.read_parquet(path).filter(pl.col("CustomerID").cast(pl.Int64, strict=False) % 40 == 0)
        path = tmp_path / "online_retail.parquet"
        some.write_parquet(path)
    settings.REGULARS_HOME = tmp_path
    now = datetime.now(UTC)
    orders.import_orders(path, mapping.load("online_retail"), at=now, by=Actor("import", "the test"))
    refreshing.refresh(at=now, by=SYSTEM)
    page = report.make(path, mapping.load("online_retail"), language="en", now=now)
    browser = signed_in(now)

    repeat, regulars = page.shop["repeat_rate"]["came_back"], page.shop["regulars_at_stake"]
    insight, today = words(browser.get("/console/insight/").content), words(browser.get("/console/").content)
    sent = words(page.html)
    told = f"{repeat.count:,} of {repeat.n:,} customers"
    assert f"Repeat rate {formats.percent(repeat.value)}" in insight
    assert told in insight
    assert formats.percent(repeat.value) in sent
    stake = formats.round_money(regulars["at_stake_minor"], "GBP")
    assert f"{stake} at stake" in insight
    assert f"{stake} is what" in today
    for regular in page.lapsing[:3]:
        each = formats.money(regular["at_stake_minor"], "GBP")
        assert f"{regular['ref']} {each} " in today
        assert each in sent
    grid = readings.shop("rfm_grid")
    assert grid is not None
    assert [(c["r"], c["f"], c["customers"]) for c in grid.value["cells"]] == [
        (c["r"], c["f"], c["customers"]) for c in page.shop["rfm_grid"]["cells"]
    ]
    if WHOLE:
        assert "Repeat rate 64.3%" in insight
        assert told == "2,790 of 4,338 customers"
