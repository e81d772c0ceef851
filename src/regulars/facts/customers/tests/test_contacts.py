from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.customers import contacts
from regulars.kit.refusals import Refusal


@pytest.mark.parametrize(
    ("typed", "shown", "key"),
    [
        ("Li.Wei+tea@Example.COM", "Li.Wei+tea@example.com", "li.wei+tea@example.com"),
        (" ines@example.com ", "ines@example.com", "ines@example.com"),
        ("li＠example．com", "li@example.com", "li@example.com"),
        ("王@例子.中国", "王@例子.中国", "王@xn--fsqu00a.xn--fiqs8s"),
        ("li@BÜCHER.de", "li@bücher.de", "li@xn--bcher-kva.de"),
        ("li@xn--bcher-kva.de", "li@bücher.de", "li@xn--bcher-kva.de"),
    ],
)
def test_an_address_has_one_key_and_keeps_its_dots_and_tags(typed: str, shown: str, key: str) -> None:
    assert contacts.email(typed) == contacts.Email(shown, key)
    assert contacts.email(contacts.email(typed).shown).key == key


@pytest.mark.parametrize(
    "typed", ["", "li", "li@", "@example.com", "li@localhost", "Li <li@example.com>", "a@b@c.com", "x" * 500]
)
def test_what_is_no_address_is_refused_without_showing_it(typed: str) -> None:
    with pytest.raises(Refusal, match=r"write it like name@example\.com") as refused:
        contacts.email(typed)
    assert "li" not in refused.value.message.replace("e-mail", "").replace("like", "")


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("138 1234 1234", "CN", "+8613812341234"),
        ("+86 138-1234-1234", "GB", "+8613812341234"),
        ("１３８１２３４１２３４", "CN", "+8613812341234"),
        ("021-6123 4567", "CN", "+862161234567"),
        ("07400 123456", "GB", "+447400123456"),
        ("0044 7400 123456", "CN", "+447400123456"),
    ],
)
def test_a_number_is_read_where_it_is_dialled(typed: str, region: str, number: str) -> None:
    assert contacts.phone(typed, region) == number
    assert contacts.phone(number, "US") == number


@pytest.mark.parametrize("typed", ["", "12345", "abc", "138123412341234", "+", "+999 1234567", "13812341234 转 8"])
def test_what_is_no_number_is_refused_without_showing_it(typed: str) -> None:
    with pytest.raises(Refusal, match="country code") as refused:
        contacts.phone(typed, "CN")
    assert len(typed) < 3 or typed not in refused.value.message


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        (contacts.masked_email("li@example.com"), "l***@example.com"),
        (contacts.masked_phone("+8613812341234"), "138****1234"),
        (contacts.masked_phone("+447400123456"), "+44 ****3456"),
        (contacts.masked_phone("+862161234567"), "+86 ****4567"),
        (contacts.masked_name("Li Wei"), "L** W**"),
        (contacts.masked_name("王小丽"), "王*"),
        (contacts.masked_name("Ána"), "Á**"),
        (contacts.masked_name(""), ""),
    ],
)
def test_lists_show_the_mask(shown: str, masked: str) -> None:
    assert shown == masked


@given(st.text(max_size=40))
def test_no_text_crashes_the_readers(text: str) -> None:
    for read in (contacts.email, lambda typed: contacts.phone(typed, "CN")):
        with suppress(contacts.BadEmail, contacts.BadPhone):
            read(text)
    assert all(len(word) <= 3 for word in contacts.masked_name(text).split())
