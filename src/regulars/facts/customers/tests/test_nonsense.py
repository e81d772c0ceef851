import pytest

from regulars.facts.customers import nonsense


@pytest.mark.parametrize(
    "address",
    [
        "test@test.com",
        "test@firm.cn",
        "noemail@shop.cn",
        "no-reply@shop.cn",
        "null@qq.com",
        "guest@hotel.cn",
        "li@test.cn",
        "li@invalid",
        "li@nomail.com",
        "priya.shah@mailinator.com",
        "abc@abc.com",
        "na@na.na",
        "no@no.com",
        "123@123.com",
        "aaa@bbb.com",
        "a@a.cn",
        "abc@gmail.com",
        "12345@163.com",
        "111@qq.com",
    ],
)
def test_what_people_type_to_be_let_through_is_nobodys(address):
    assert nonsense.is_evidence_of_nobody(address)
    assert nonsense.is_nobodys(address)


@pytest.mark.parametrize(
    "address",
    [
        "88888@qq.com",
        "12345@qq.com",
        "abc@qq.com",
        "abc@firm.cn",
        "na@shop.cn",
        "n.a@shop.cn",
        "no@firm.co.jp",
        "123@firm.cn",
        "aaaaaa@gmail.com",
        "x@firm.cn",
        "me@me.com",
        "tester@firm.cn",
        "nora@no.com",
    ],
)
def test_what_may_be_somebodys_is_left_to_how_many_use_it(address):
    assert not nonsense.is_evidence_of_nobody(address)
    assert not nonsense.is_nobodys(address)


def test_the_domains_kept_for_examples_are_no_evidence_and_may_be_somebodys():
    assert nonsense.is_evidence_of_nobody("li.na@example.com")
    assert not nonsense.is_nobodys("li.na@example.com")
    assert nonsense.is_nobodys("test@example.com")
