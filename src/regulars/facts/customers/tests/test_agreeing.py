"""Names and birthdays that speak for one person, against it, or not at all."""

import pytest

from regulars.facts.customers.agreeing import Words, birthday, compare, name


def called(text):
    family, _, given = text.rpartition(",")
    return Words(frozenset({name(given=given if family else "", family=family, display="" if family else text)}) - {""})


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("王小兰", "王 小兰", "same"),
        ("王,小兰", "王小兰", "same"),
        ("王小兰", "小兰", "same"),
        ("王小兰", "王小红", "other"),
        ("王小兰", "Wang Xiaolan", "silent"),
        ("王小兰", "王*兰", "silent"),
        ("王小兰", "微信用户", "silent"),
        ("Priya Sharma", "SHARMA, Priya", "same"),
        ("Zoë Brandt", "Zoe Brandt", "same"),
        ("Priya Sharma", "Pria Sharma", "silent"),
        ("Priya Sharma", "P. Sharma", "silent"),
        ("Priya Sharma", "Priya", "silent"),
        ("Priya", "Priya", "silent"),
        ("Priya Sharma", "Amit Sharma", "other"),
        ("Priya Sharma", "Priya Okafor", "other"),
        ("Priya Sharma", "Guest", "silent"),
        ("Priya Sharma", "", "silent"),
    ],
)
def test_names(one, other, verdict):
    assert compare([called(one)], [called(other)]) == compare([called(other)], [called(one)]) == verdict


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("1994-05-17", "1994-05-17", "same"),
        ("1994-05-17", "1994-05-71", "silent"),
        ("1994-05-17", "1994-05-18", "silent"),
        ("1994-05-17", "1968-11-02", "other"),
        ("1994-05-17", "--05-17", "silent"),
        ("--05-17", "--05-17", "silent"),
    ],
)
def test_birthdays(one, other, verdict):
    told = [Words(birthdays=frozenset({birthday(text)}) - {""}) for text in (one, other)]
    assert compare(told[:1], told[1:]) == verdict


def test_one_word_against_it_outweighs_all_for_it():
    li, twin = (Words(called(who).names, frozenset({"1994-05-17"})) for who in ("王小兰", "王小红"))
    assert compare([li], [twin]) == "other", "twins"
    assert compare([li, Words()], [Words(called("王小兰").names)]) == "same"
    assert compare([li], [Words(called("王小兰").names), Words(called("李小兰").names)]) == "same", "her married name"
    assert compare([], [li]) == "silent"
    both = Words(called("王小兰").names | called("Wang Xiaolan").names)
    assert compare([both], [called("Xiaolan Wang")]) == "same", "of two spellings one is enough"
    assert compare([both], [called("王小红")]) == "other", "her name in letters does not drown her sister's"
