from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit.money import Money, currencies, exponent, text, texts, to_minor, total
from regulars.kit.refusals import Refusal

amounts = st.integers(-(10**15), 10**15)
codes = st.sampled_from(sorted(currencies()))
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.34", "GBP", 1234),
        ("12.3", "CNY", 1230),
        ("12.340000", "GBP", 1234),
        ("-0.01", "USD", -1),
        ("+5", "EUR", 500),
        (".5", "EUR", 50),
        ("1234", "JPY", 1234),
        ("1234.00", "KRW", 1234),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        (" 7.10 ", "GBP", 710),
        (Decimal("1E+2"), "GBP", 10000),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.of(text, currency) == Money(minor, currency)


@given(st.lists(st.integers(-(10**12), 10**12)), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_very_many_are_written_as_each_is(minors: list[int], currency: str) -> None:
    assert texts(minors, currency) == [str(Money(one, currency)) for one in minors]


@pytest.mark.parametrize(
    ("amount", "currency", "code", "mend"),
    [
        ("12.345", "GBP", "number.too_fine", "round it first"),
        ("0.5", "JPY", "number.too_fine", "check the currency"),
        ("1,234.50", "GBP", "number.not_a_number", "without grouping"),
        ("£5", "GBP", "number.not_a_number", "plain number"),
        ("1e3", "GBP", "number.not_a_number", "plain number"),
        ("٣", "GBP", "number.not_a_number", "plain number"),
        ("", "GBP", "number.not_a_number", "plain number"),
        ("NaN", "GBP", "number.not_a_number", "plain number"),
        (Decimal("Infinity"), "GBP", "number.not_a_number", "finite"),
        (Decimal("1E+999999"), "GBP", "number.not_a_number", "finite"),
        (12.34, "GBP", "number.not_exact", "text or a Decimal"),
        (True, "GBP", "number.not_exact", "text or a Decimal"),
        ("99999999999999999999", "GBP", "number.too_large", "64 bits"),
        ("5", "gbp", "money.unknown_currency", "write GBP"),
        ("5", "RMB", "money.unknown_currency", "ISO 4217"),
        ("5", "", "money.unknown_currency", "ISO 4217"),
        ("5", None, "money.unknown_currency", "ISO 4217"),
    ],
)
def test_what_is_not_exact_money_is_refused_with_its_mend(amount: object, currency: str, code: str, mend: str) -> None:
    with pytest.raises(Refusal) as refused:
        Money.of(amount, currency)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert mend in refused.value.message
    assert refused.value.facts["field"] in refused.value.message


def test_pounds_and_yen_do_not_mix() -> None:
    for act in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__):
        with pytest.raises(Refusal, match="JPY cannot be added to or compared with GBP"):
            act(Money(1, "GBP"), Money(1, "JPY"))
    assert Money(1, "GBP") != Money(1, "JPY")


@pytest.mark.parametrize("other", [1.5, 1, Decimal(1), None])
def test_money_meets_money_only(other: object) -> None:
    with pytest.raises(TypeError):
        Money(1, "GBP") + other  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1, "GBP") * 1.5  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1.0, "GBP")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.125", "GBP", 13),
        ("-0.125", "GBP", -13),
        ("0.001", "GBP", 0),
        ("0.5", "JPY", 1),
        ("-0.5", "JPY", -1),
        ("2.675", "CNY", 268),
    ],
)
def test_bulk_rounding_sends_halves_away_from_zero(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert to_minor(Decimal("0.125"), "GBP", ROUND_HALF_EVEN) == 12


@pytest.mark.parametrize(
    ("minor", "by", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [3, 7], [2, 3]),
        (1, [0, 1, 1], [0, 1, 0]),
        (0, [1, 2], [0, 0]),
        (10, [Decimal("0.5"), Decimal("0.25"), Decimal("0.25")], [5, 3, 2]),
    ],
)
def test_the_largest_remainder_gets_the_odd_penny(minor: int, by: list[int | Decimal], shares: list[int]) -> None:
    assert [share.minor for share in Money(minor, "GBP").allocate(by)] == shares


@pytest.mark.parametrize("by", [[], [0, 0], [1, -1], [1.5], [True]])
def test_nothing_to_allocate_by(by: list[int]) -> None:
    with pytest.raises(Refusal):
        Money(100, "GBP").allocate(by)


@given(amounts, codes)
def test_the_decimal_reads_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.of(money.decimal, currency) == money
    assert Money.of(str(money).split()[0], currency) == money
    assert text(minor, currency) == str(money)
    assert -money.decimal.as_tuple().exponent == exponent(currency)
    assert to_minor(money.decimal, currency) == minor


@given(amounts, weights)
def test_shares_add_up_and_stay_within_a_penny(minor: int, by: list[int]) -> None:
    whole = Money(minor, "CNY")
    shares = whole.allocate(by)
    assert total(shares, "CNY") == whole
    assert all(abs(share.minor * sum(by) - minor * weight) < sum(by) for share, weight in zip(shares, by, strict=True))
    assert all(not share for share, weight in zip(shares, by, strict=True) if weight == 0)
    assert (-whole).allocate(by) == tuple(-share for share in shares)
    assert whole.allocate([weight * 3 for weight in by]) == shares


@given(amounts, amounts, amounts)
def test_sums_are_sums(a: int, b: int, c: int) -> None:
    first, second, third = Money(a, "EUR"), Money(b, "EUR"), Money(c, "EUR")
    assert (first + second) + third == total([third, second, first], "EUR")
    assert first - second == first + -second
    assert (first < second) is (a < b)
