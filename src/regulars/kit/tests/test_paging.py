import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit import paging
from regulars.kit.refusals import Refusal

keys = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text("aZ09é回\U0001f375 '\"\\{}\n", max_size=20)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, max_value=10**12, min_value=-(10**12)),
    max_size=5,
)


def test_the_row_too_many_says_there_is_more() -> None:
    page = paging.cut(["Ines", "Li", "Priya"], 2, of="members", key=lambda name: (name,))
    assert page.items == ("Ines", "Li")
    assert page.next is not None
    assert paging.decode(page.next, "members", str) == ("Li",)
    assert paging.cut(["Ines", "Li"], 2, of="members", key=lambda name: (name,)).next is None
    assert paging.cut([], 2, of="members", key=lambda name: (name,)) == paging.Page((), None)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "hello",
        "====",
        "é",
        "A" * 5000,
        paging.encode("orders", ["Li"]),
        paging.encode("members", [1]),
        paging.encode("members", [True]),
        paging.encode("members", ["Li", "Li"]),
        paging.encode("members", []),
    ],
)
def test_a_cursor_of_another_list_or_none_is_refused(cursor: str) -> None:
    with pytest.raises(Refusal, match="start from the first page"):
        paging.decode(cursor, "members", str)


def test_a_day_is_no_instant_and_a_flag_no_number() -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert paging.decode(paging.encode("x", [noon, None]), "x", datetime, int | None) == (noon, None)
    for key, kind in (([noon], date), ([date(2026, 3, 4)], datetime), ([True], int), ([Decimal(1)], int)):
        with pytest.raises(Refusal):
            paging.decode(paging.encode("x", key), "x", kind)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("Li\x00", str),
        ("\ud800", str),
        (2**63, int),
        (-(2**63) - 1, int),
        ({"n": "NaN"}, Decimal),
        ({"n": "-Infinity"}, Decimal),
        ({"n": "1e999999"}, Decimal),
        ({"t": "2026-03-04T12:00:00"}, datetime),
    ],
)
def test_what_the_database_would_choke_on_is_no_cursor(part: object, kind: type) -> None:
    text = json.dumps(["members", part])
    with pytest.raises(Refusal, match="start from the first page"):
        paging.decode(base64.urlsafe_b64encode(text.encode()).decode(), "members", kind)


@pytest.mark.parametrize("size", [0, -1, 201])
def test_a_page_has_a_size(size: int) -> None:
    with pytest.raises(Refusal, match="from 1 to 200"):
        paging.check_size(size)
    assert paging.check_size(50) == 50


@given(keys)
def test_every_key_comes_back(key: list[paging.Key]) -> None:
    cursor = paging.encode("list", key)
    assert cursor.isascii()
    assert paging.decode(cursor, "list", *map(type, key)) == tuple(key)


@given(st.text(max_size=60))
def test_no_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(Refusal):
        paging.decode(text, "list", int)
