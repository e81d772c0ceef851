import polars as pl
import pytest

from regulars.facts.customers import _candidates, likeness

LIN = {
    "given_name": "Lin",
    "family_name": "Wei",
    "birthday": "1990-03-04",
    "address": "12 Willow Street, Leeds",
    "postcode": "LS1 4AP",
    "phone": "+447700900123",
    "email": "lin.wei@example.com",
}


def a_shop(*more: dict[str, str | None]) -> pl.DataFrame:
    """Two hundred people who are nobody twice, and `more`."""
    given, family = (
        ["Ana", "Marek", "Priya", "Tom", "Yusuf", "Olga", "Ines", "Karl"],
        ["Novak", "Shah", "Brown", "Diaz"],
    )
    strangers = [
        {
            "given_name": given[number % 8],
            "family_name": family[number // 8 % 4] + "abcdefg"[number // 32],
            "birthday": f"{1950 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}",
            "address": f"{number} Road {number * 7919 % 1000}, York",
            "postcode": f"YO{number}",
            "phone": f"+4477{number * 104729 % 10**8:08}",
            "email": f"{number}@example.org",
        }
        for number in range(200)
    ]
    return pl.DataFrame([*strangers, *({**dict.fromkeys(LIN), **one} for one in more)])


def found(*more: dict[str, str | None]) -> list[dict[str, str]]:
    """The signs of each suggested pair."""
    got = likeness.likely(a_shop(*more))
    return [
        dict(likeness.signs(row)) for row in got.select(field.name for field in likeness.FIELDS).to_numpy().astype("i1")
    ]


@pytest.mark.parametrize(
    ("second", "sign"),
    [
        ({**LIN, "given_name": "Wei", "family_name": "Lin"}, ("given_name", "swapped")),
        ({**LIN, "birthday": "1990-04-03"}, ("birthday", "typo")),
        ({**LIN, "birthday": "1990-03-05"}, ("birthday", "typo")),
        ({**LIN, "phone": "07700 900123"}, ("phone", "same")),
        ({**LIN, "phone": "+447700900132"}, ("phone", "typo")),
        ({**LIN, "email": "lin.wei+shop@example.com"}, ("email", "mailbox")),
        ({**LIN, "address": "Leeds, 12 Willow Street"}, ("address", "same")),
        ({**LIN, "postcode": "LS1 4AQ"}, ("place", "close")),
    ],
)
def test_who_is_told_twice_with_a_slip_is_suggested_with_the_sign(
    second: dict[str, str | None], sign: tuple[str, str]
) -> None:
    (signs,) = found(LIN, second)

    assert signs[sign[0]] == sign[1]


def test_a_family_at_one_address_with_one_telephone_is_not_one_person() -> None:
    mother = LIN | {"given_name": "Mei", "birthday": "1961-11-20", "email": "mei@example.com"}

    assert found(LIN, mother) == []


def test_a_name_alone_suggests_nobody() -> None:
    assert found(LIN, {"given_name": "Lin", "family_name": "Wei"}) == []


def test_strangers_are_not_suggested_and_an_empty_shop_is_no_trouble() -> None:
    assert found() == []
    assert len(likeness.likely(a_shop().head(0))) == 0
    assert len(likeness.likely(a_shop().head(1))) == 0


def test_the_order_of_records_changes_nothing() -> None:
    there = a_shop(LIN, LIN | {"birthday": "1990-04-03"})
    back = there.reverse()

    (one,), (other,) = likeness.likely(there).to_dicts(), likeness.likely(back).to_dicts()

    assert one["score"] == pytest.approx(other["score"])
    assert {one["one"], one["other"]} == {200, 201}
    assert {other["one"], other["other"]} == {0, 1}


def test_pairs_that_share_a_key_come_once_however_many_keys_they_share_and_large_groups_make_none() -> None:
    several = _candidates.hashed(pl.Series(["a", "a", None, "b", "b", "c"]))
    crowded = _candidates.hashed(pl.Series(["x", "x", "x", "y", "y", "x"]))

    for size in (1, 100):
        lots = list(_candidates.lots([several, crowded, several], [100, 3, 100], size))
        found = [(int(a), int(b)) for one, other in lots for a, b in zip(one, other, strict=True)]
        assert sorted(found) == [(0, 1), (3, 4)]
    lots = list(_candidates.lots([several, crowded], [100, 4], 2))
    assert sum(len(one) for one, _ in lots) == 7


def test_a_block_that_would_make_too_many_pairs_leaves_its_largest_groups_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_candidates, "_LEAST_PAIRS", 2)
    monkeypatch.setattr(_candidates, "_PAIRS_A_RECORD", 0)
    keys = _candidates.hashed(pl.Series(["a", "a", "b", "b", "b"]))

    [(one, other)] = _candidates.lots([keys], [100], 10)

    assert (one.tolist(), other.tolist()) == ([0], [1])
