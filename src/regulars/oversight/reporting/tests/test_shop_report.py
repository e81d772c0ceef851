import re
from html import escape
from html.parser import HTMLParser
from string import Formatter

import pytest

from regulars.kit.languages import Language
from regulars.oversight.reporting import charts, report_page
from regulars.oversight.reporting._report_texts import EN, ZH
from regulars.oversight.reporting.shop_report import FileNotes
from regulars.oversight.reporting.tests.builders import a_report, bought

INES, TOMAS, PRIYA = 1, 2, 3
WEEKLY = [bought(TOMAS, f"2026-01-{day:02}") for day in (1, 8, 15, 22)]
A_SHOP = [*WEEKLY, bought(INES, "2026-01-03"), bought(PRIYA, "2026-04-01"), bought(None, "2026-04-02", 700)]
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", Tags(html.split("</style>")[1]).text)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time, and the words are the same without."""
    for kind in ("bars", "line", "heatmap", "grid"):
        monkeypatch.setattr(charts, kind, lambda *_, alt_text, **__: f"<svg><title>{escape(alt_text)}</title></svg>")


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_who_came_back_and_who_slips_away():
    said = words_of(report_page.page(a_report(A_SHOP, names={TOMAS: "T-17"})))
    assert "3 customers bought from you. One of them came back on another day: 33.3%." in said
    assert "One is a regular" in said
    assert "who spent £40.00 with you" in said
    assert "T-17" in said
    assert "22 Jan 2026" in said
    assert "Orders that name no customer: 1 (£7.00)" in said
    assert "Everything is seen from 2 Apr 2026" in said


@pytest.mark.usefixtures("undrawn")
def test_and_says_it_in_chinese():
    said = words_of(report_page.page(a_report(A_SHOP, language="zh")))
    assert "有 3 位顾客在您这里买过东西。其中 1 位在另一天又回来购买：33.3%。" in said
    assert "面临流失的价值" in said
    assert "2026年1月22日" in said


def test_little_shops_can_be_drawn():
    for orders, drawings in (([bought(INES, "2026-01-01")], 1), ([*WEEKLY, bought(INES, "2026-02-01")], 4)):
        assert report_page.page(a_report(orders)).count("<svg ") == 2 * drawings


@pytest.mark.usefixtures("undrawn")
def test_one_cohort_is_shown_month_after_month():
    said = words_of(report_page.page(a_report([bought(INES, "2026-01-01"), bought(INES, "2026-03-01")])))
    assert "Jan 2026: 1 customers; 1: 0%, 2: 100%" in said
    assert "at least two months" not in said


@pytest.mark.usefixtures("undrawn")
def test_who_is_not_watched_long_enough_leaves_a_gap_that_is_told():
    said = words_of(report_page.page(a_report([bought(INES, "2026-01-01"), bought(PRIYA, "2026-02-20")])))
    assert "30 days: 0.0% (0.0% to 79.3%)" in said
    assert "90 days: nobody has been watched so long" in said
    assert "Nobody has been a customer for more than 30 of these days yet" in said


@pytest.mark.usefixtures("undrawn")
def test_too_few_customers_to_group_are_told_so():
    assert "3 customers are too few to compare with one another; from 25 on" in words_of(
        report_page.page(a_report(A_SHOP))
    )
    many = [bought(who, f"2026-01-{who % 28 + 1:02}") for who in range(30)]
    assert "Champions" in words_of(report_page.page(a_report(many)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_a_file_becomes_part_of_the_page(language: Language):
    notes = FileNotes(EVIL, rows=5, rejected=2, reasons=[(EVIL, 2)])
    html = report_page.page(a_report(A_SHOP, names={TOMAS: EVIL}, file=notes, language=language))
    seen = Tags(html).seen
    assert not {tag for tag, _ in seen} & {"script", "img", "iframe", "link", "object", "base", "form"}
    assert not [name for _, attributes in seen for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;" in html


def test_nothing_is_fetched():
    html = report_page.page(a_report(A_SHOP))
    assert not re.findall(r"(?:src|href)=|@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", html)
    assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("orders", "en", "zh"),
    [
        ([], "No purchase was found", "没有找到任何购买记录"),
        ([bought(None, "2026-01-01")], "does not say who bought", "没有写明是谁买的"),
        ([bought(INES, "2026-01-01")], "One customer bought from you. Nobody has come back", "还没有人在另一天回来"),
        ([bought(INES, "2026-01-01"), bought(INES, "2026-02-01")], "They came back on another day.", "又回来了"),
        ([bought(INES, "2026-01-01"), bought(TOMAS, "2026-01-02")], "Nobody has come back", "还没有人在另一天回来"),
        ([bought(INES, "2026-01-01", currency="CNY")], "Orders not in GBP: 1", "不是GBP"),
        ([bought(INES, "2026-01-01", 0, goods_minor=0)], "One customer", "有 1 位顾客"),
    ],
)
def test_little_files_get_kind_words(orders: list[dict[str, object]], en: str, zh: str):
    assert en in words_of(report_page.page(a_report(orders)))
    assert zh in words_of(report_page.page(a_report(orders, language="zh")))


@pytest.mark.usefixtures("undrawn")
def test_a_long_history_shows_its_latest_years():
    orders = [
        bought(who, f"{2016 + year}-{month:02}-03") for year in range(10) for month in range(1, 13) for who in (1,)
    ]
    orders += [bought(1000 + n, f"{2016 + n // 12}-{n % 12 + 1:02}-05") for n in range(120)]
    said = words_of(report_page.page(a_report(orders)))
    assert "The latest 36 months are shown." in said
    assert "The latest 13 months are shown." in said


def test_both_languages_say_the_same_things_with_the_same_values():
    def holes(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert set(EN) == set(ZH)
    for key in EN:
        assert holes(ZH[key]) <= holes(EN[key]) | {"share"}, key
        assert holes(EN[key]) - holes(ZH[key]) <= {"share"}, key
