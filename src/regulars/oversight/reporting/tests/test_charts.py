import re
from xml.etree import ElementTree

import pytest

from regulars.oversight.reporting import charts
from regulars.oversight.reporting.charts import Cell, Point, Series

EVIL = '<script>alert("1")</script> & "co"'
SVG = "{http://www.w3.org/2000/svg}"


def all_kinds(width: int = charts.WIDE, name: str = "Ines") -> list[str]:
    return [
        charts.bars(["Jan", name], [Series(name, "accent", [1, 2])], alt_text=name, axis=name, width=width),
        charts.line([Point(name, 0.5, 0.4, 0.6, 9), Point("b", None, 0, 1, 0)], alt_text=name, axis=name, width=width),
        charts.heatmap([name], ["1"], [Cell(name, "1", 0.5, name, "3")], alt_text=name, across=name, width=width),
        charts.grid([name], ["1"], [Cell(name, "1", 0.5, "7", name)], alt_text=name, across="x", down="y", width=width),
    ]


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_a_chart_scales_with_its_place_and_says_what_it_shows(width: int):
    for svg in all_kinds(width):
        root = ElementTree.fromstring(svg)
        assert (root.get("width"), root.get("height"), root.get("role")) == ("100%", None, "img")
        assert root.get("viewBox")
        title = root.find(f"{SVG}title")
        assert title is not None
        assert (title.text, title.get("id")) == ("Ines", root.get("aria-labelledby"))


def test_nothing_is_fetched_and_nothing_runs():
    for svg in all_kinds(name=EVIL):
        root = ElementTree.fromstring(svg)
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert not tags & {"script", "image", "use", "style", "foreignObject", "a"}
        assert not re.search(r"(?:href|src)=|@import|url\((?!#)", svg)
        assert EVIL not in svg
        assert EVIL in {element.text for element in root.iter()}


def test_two_charts_on_a_page_share_no_id():
    one, other = all_kinds(name="Ines")[0], all_kinds(name="Tomas")[0]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_chart_of_nothing_is_still_a_chart():
    for svg in (
        charts.bars([], [Series("a", "accent", [])], alt_text="none", axis=""),
        charts.line([], alt_text="none", axis=""),
        charts.heatmap([], [], [], alt_text="none", across=""),
    ):
        assert ElementTree.fromstring(svg).get("role") == "img"


def test_same_values_same_drawing():
    assert all_kinds() == all_kinds()
