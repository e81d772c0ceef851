"""Numbers, ids and times as shops write them: exactly, or not at all."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors import reading
from regulars.doors.connectors.reading import NotUnderstood, marked

LONDON = ZoneInfo("Europe/London")
NINE = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)


def test_numbers_are_read_as_they_stand():
    doc = reading.document(b'{"id": 820982911946154508, "price": 0.1, "big": 12345678901234567890.123456789}')
    assert reading.ref(doc["id"], "id") == "820982911946154508"
    assert reading.number(doc["price"], "price") == Decimal("0.1")
    assert doc["big"] == Decimal("12345678901234567890.123456789")


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("19.99", "GBP", 1999),
        (19, "GBP", 1900),
        (Decimal("0.005"), "GBP", 1),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
    ],
)
def test_amounts_are_minor_units(value, currency, minor):
    assert reading.minor(value, currency, "price") == minor


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-07-01T09:00:00Z", NINE),
        ("2026-07-01T10:00:00+01:00", NINE),
        ("2026-07-01T10:00:00", NINE),  # on the clock of London in summer
        ("2026-07-01 10:00:00", NINE),
        ("2026-07-01T09:00:00.123456789Z", NINE + timedelta(microseconds=123456)),
    ],
)
def test_times_have_a_zone(text, instant):
    assert reading.instant(text, LONDON, "updated_at") == instant


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("not_json", lambda: reading.document(b"\xff\xfe{")),
        ("not_json", lambda: reading.document(b'{"a":' * 3)),
        ("not_json", lambda: reading.document(b"[" * 100_000)),
        ("not_an_object", lambda: reading.document(b"[1]")),
        ("bad_number", lambda: reading.document(b'{"total": NaN}')),
        ("too_deep", lambda: reading.document(b'{"a":' * 100 + b"1" + b"}" * 100)),
        ("bad_ref", lambda: reading.ref(Decimal("8.209829119461545E+17"), "id")),
        ("bad_ref", lambda: reading.ref(True, "id")),
        ("bad_ref", lambda: reading.ref("x" * 201, "id")),
        ("no_ref", lambda: reading.ref(None, "id")),
        ("bad_number", lambda: reading.number("1e400", "price")),
        ("bad_number", lambda: reading.number("NaN", "price")),
        ("bad_number", lambda: reading.number("12,50", "price")),
        ("bad_number", lambda: reading.number(True, "price")),
        ("no_currency", lambda: reading.currency(None, "currency")),
        ("bad_currency", lambda: reading.currency("XBT", "currency")),
        ("bad_time", lambda: reading.instant("2024-09-16T03:50:1500:00", LONDON, "created_at")),
        ("bad_time", lambda: reading.instant("2026-02-30T10:00:00Z", LONDON, "created_at")),
        ("bad_time", lambda: reading.instant("0001-01-01T00:00:00+14:00", LONDON, "created_at")),
        ("bad_time", lambda: reading.instant(1782896400, LONDON, "created_at")),
        ("no_time", lambda: reading.instant(None, LONDON, "created_at")),
    ],
)
def test_what_cannot_be_read_says_which_field_and_why(code, read):
    with pytest.raises(NotUnderstood) as refused:
        read()
    assert refused.value.code == code


def test_of_one_tick_a_poll_counts_before_what_was_asked_and_that_before_a_message():
    tick = timedelta(seconds=1)
    marks = [marked(NINE, tick, hand) for hand in (0, 1, 2)]
    assert marks == sorted(marks)
    assert marks[0] == NINE
    assert marks[2] < marked(NINE + tick, tick, 0)


def test_half_a_character_becomes_the_sign_for_it_and_is_no_id():
    doc = reading.document(b'{"note\\ud800": ["so \\ud83d", "\\ud83d\\ude00"]}')
    assert doc == {"note\ufffd": ["so \ufffd", "\U0001f600"]}
    with pytest.raises(NotUnderstood):
        reading.ref(reading.document(b'{"id": "a\\udc00"}')["id"], "id")
