"""What could tell who somebody is, and what could not."""

import json
import re

import pytest

from regulars.facts.events import personal

#: Where it stands, what is told, what is left of it, what was taken.
CASES = {
    "a name": ("traits", {"name": "Li Wei"}, {}, {"traits.name": "Li Wei"}),
    "a name in parts": (
        "traits",
        {"name": {"first": "Wei", "last": "Li"}},
        {},
        {"traits.name": {"first": "Wei", "last": "Li"}},
    ),
    "a name deeper": (
        "traits",
        {"profile": {"details": {"first": "Wei"}}},
        {"profile": {"details": {}}},
        {"traits.profile.details.first": "Wei"},
    ),
    "a product's name": ("properties", {"name": "Coat", "title": "Warm"}, {"name": "Coat", "title": "Warm"}, {}),
    "a company's name": ("traits", {"company": {"name": "Acme"}}, {"company": {"name": "Acme"}}, {}),
    "a customer's name": (
        "properties",
        {"customer": {"name": "Li Wei", "tier": "gold"}},
        {"customer": {"tier": "gold"}},
        {"properties.customer.name": "Li Wei"},
    ),
    "told in any spelling": (
        "traits",
        {"First-Name": "Wei", "last_name": "Li", "E-Mail": "x", "phone 2": 138, "dateOfBirth": "1990-01-01"},
        {},
        {
            "traits.First-Name": "Wei",
            "traits.last_name": "Li",
            "traits.E-Mail": "x",
            "traits.phone 2": 138,
            "traits.dateOfBirth": "1990-01-01",
        },
    ),
    "told in Chinese": (
        "traits",
        {"手机号": "13800138000", "姓名": "李伟", "城市": "上海"},
        {"城市": "上海"},
        {"traits.手机号": "13800138000", "traits.姓名": "李伟"},
    ),
    "an address": (
        "properties",
        {"shipping_address": {"street": "1 High St", "city": "Leeds"}, "shipping": 4},
        {"shipping": 4},
        {"properties.shipping_address": {"street": "1 High St", "city": "Leeds"}},
    ),
    "empty ones stay": ("traits", {"email": None, "phone": ""}, {"email": None, "phone": ""}, {}),
    "local numbers in texts": (
        "properties",
        {
            "query": "ring 07700 900004 or 138 0013 8000, 86-13800138001",
            "label": "电话13800138002。",
            "url": "/x?phone=13800138003&q=at%2013800138004&p=020%207946%200958&n=415-555-0100",
            "path": "/call/(415) 555-0100/0221-1234567",
            "text": "13800138005",
            "member_id": "13800138006",
        },
        {
            "query": "ring (contact) or (contact), (contact)",
            "label": "电话(contact)。",
            "url": "/x?phone=(contact)&q=at%20(contact)&p=(contact)&n=(contact)",
            "path": "/call/(contact)/(contact)",
            "text": "(contact)",
            "member_id": "(contact)",
        },
        {
            "properties.query": "ring 07700 900004 or 138 0013 8000, 86-13800138001",
            "properties.label": "电话13800138002。",
            "properties.url": "/x?phone=13800138003&q=at%2013800138004&p=020%207946%200958&n=415-555-0100",
            "properties.path": "/call/(415) 555-0100/0221-1234567",
            "properties.text": "13800138005",
            "properties.member_id": "13800138006",
        },
    ),
    "digits that are no number to call": (
        "properties",
        {
            "order_id": "13800138000",
            "sku": "0123456789",
            "barcode": "4006381333931",
            "product_ids": ["13800138000", "07700900004"],
            "text": "order TG-13800138000 of 2026-11-20 09:00, 01.11.2026 09:15, 1763629200123, 4006381333931",
            "url": "/order/4155550100/x13800138000y?t=1763629200123&v=0.13800138000&g=00012345678",
            "amount": 13800138000,
            "member_id": "100234",
        },
        {
            "order_id": "13800138000",
            "sku": "0123456789",
            "barcode": "4006381333931",
            "product_ids": ["13800138000", "07700900004"],
            "text": "order TG-13800138000 of 2026-11-20 09:00, 01.11.2026 09:15, 1763629200123, 4006381333931",
            "url": "/order/4155550100/x13800138000y?t=1763629200123&v=0.13800138000&g=00012345678",
            "amount": 13800138000,
            "member_id": "100234",
        },
        {},
    ),
    "a number in a search": (
        "properties",
        {"query": "call +44 7700 900002 now", "url": "/x?p=%2B447700900007&q=a+1234567890", "+8613800138000": 1},
        {"query": "call (contact) now", "url": "/x?p=(contact)&q=a+1234567890"},
        {
            "properties.query": "call +44 7700 900002 now",
            "properties.url": "/x?p=%2B447700900007&q=a+1234567890",
            "properties.+8613800138000": 1,
        },
    ),
    "a time and a sum are no number": (
        "properties",
        {"at": "2026-11-22T10:00:00+10:00", "more": "1+12345678"},
        {"at": "2026-11-22T10:00:00+10:00", "more": "1+12345678"},
        {},
    ),
    "what people write": (
        "properties",
        {"question": "Where is it?", "body": "Hello", "ship_to": {"name": "Li Wei", "city": "Leeds"}},
        {"ship_to": {"city": "Leeds"}},
        {
            "properties.question": "Where is it?",
            "properties.body": "Hello",
            "properties.ship_to.name": "Li Wei",
        },
    ),
    "an address in a search": (
        "properties",
        {"query": "order of li@example.com please"},
        {"query": "order of (contact) please"},
        {"properties.query": "order of li@example.com please"},
    ),
    "an address in a page's address": (
        "context",
        {"page": {"url": "https://shop/?e=li%40example.com&p=2"}},
        {"page": {"url": "https://shop/?e=(contact)&p=2"}},
        {"context.page.url": "https://shop/?e=li%40example.com&p=2"},
    ),
    "an address in a list of lists": (
        "properties",
        {"told": [["a", "li@example.com"]]},
        {"told": [["a", "(contact)"]]},
        {"properties.told.0.1": "li@example.com"},
    ),
    "an address as a field's name": (
        "properties",
        {"li@example.com": 5, "wu@example.com": None},
        {},
        {"properties.li@example.com": 5},
    ),
    "a number with its country's code": (
        "properties",
        {"via": "+44 7700 900123", "size": "+2"},
        {"via": "(contact)", "size": "+2"},
        {"properties.via": "+44 7700 900123"},
    ),
    "an order's number that looks like a telephone's": (
        "properties",
        {"order_id": "13800138000"},
        {"order_id": "13800138000"},
        {},
    ),
    "an id elsewhere": (
        "context",
        {"externalIds": [{"id": "13800138000", "type": "phone"}, {"id": "oX2", "type": "wechat"}]},
        {"externalIds": [{"id": "(contact)", "type": "phone"}, {"id": "oX2", "type": "wechat"}]},
        {"context.externalIds.0.id": "13800138000"},
    ),
    "a device": (
        "context",
        {"device": {"id": "ab", "name": "Li's phone", "model": "X", "advertisingId": "ef"}, "ip": "192.0.2.7"},
        {"device": {"model": "X"}},
        {
            "context.device.id": "ab",
            "context.device.name": "Li's phone",
            "context.device.advertisingId": "ef",
            "context.ip": "192.0.2.7",
        },
    ),
    "a review": (
        "properties",
        {"product_id": "p1", "rating": "5", "review_body": "My mother Ann loves it"},
        {"product_id": "p1", "rating": "5"},
        {"properties.review_body": "My mother Ann loves it"},
    ),
    "local numbers where the name speaks of telephones": (
        "traits",
        {"contactPhone": "07700 900004", "mobile_no": 13800138005, "Telefon privat": "(0221) 123456", "手机2": "1"},
        {},
        {
            "traits.contactPhone": "07700 900004",
            "traits.mobile_no": 13800138005,
            "traits.Telefon privat": "(0221) 123456",
            "traits.手机2": "1",
        },
    ),
    "what is no number there": (
        "properties",
        {"mobile_os": "12", "phone_verified_at": 1763800000, "phone_since": "2026-11-22", "mobile_visits": 12345},
        {"mobile_os": "12", "phone_verified_at": 1763800000, "phone_since": "2026-11-22", "mobile_visits": 12345},
        {},
    ),
    "somebody else's name, in other languages too": (
        "traits",
        {
            "Vorname": "Wei",
            "spouse": "Anna Li",
            "child_name": "Bo",
            "会员姓名": "李娜",
            "配偶": "李娜",
            "Kindernames 2": "Bo",
        },
        {},
        {
            "traits.Vorname": "Wei",
            "traits.spouse": "Anna Li",
            "traits.child_name": "Bo",
            "traits.会员姓名": "李娜",
            "traits.配偶": "李娜",
            "traits.Kindernames 2": "Bo",
        },
    ),
    "the names of things": (
        "traits",
        {"plan_name": "Leaf", "companyName": "Acme", "store-name": "Leeds", "tierName": "gold", "shoe": "dark green"},
        {"plan_name": "Leaf", "companyName": "Acme", "store-name": "Leeds", "tierName": "gold", "shoe": "dark green"},
        {},
    ),
    "a local number of a contact": (
        "properties",
        {"contact": "07700 900004", "联系": "13800138000", "contacts": 12, "contact_id": "07700900004"},
        {"contacts": 12, "contact_id": "07700900004"},
        {"properties.contact": "07700 900004", "properties.联系": "13800138000"},
    ),
    "yes and no tell nobody": (
        "context",
        {"userAgentData": {"mobile": False, "platform": "Linux"}, "email": True, "+8613800138000": True},
        {"userAgentData": {"mobile": False, "platform": "Linux"}, "email": True},
        {"context.+8613800138000": True},
    ),
    "a headphone": ("properties", {"headphone": True, "microphone": "no"}, {"headphone": True, "microphone": "no"}, {}),
}


#: As people write them, some where no zero is dialled. Spain, Portugal, Poland, Denmark, Norway, Hong Kong, Singapore,
#: Italy, India, Mexico, Brazil, Russia; Britain, France, Germany, Japan, Korea, Australia, China, the United States.
NUMBERS = {
    "ES": ["612 345 678", "912 34 56 78", "+34 612 345 678", "tel 612345678"],
    "PT": ["912 345 678", "móvil: 912345678"],
    "PL": ["512 345 678"],
    "DK": ["20 12 34 56", "tlf. 20123456"],
    "NO": ["412 34 567", "22 12 34 56", "mobil 41234567"],
    "HK": [
        "9123 4567",
        "6123 4567",
        "2123 4567",
        "电话：91234567",
        "手机91234567",
        "tel:91234567",
        "WhatsApp 91234567",
    ],
    "SG": ["8123 4567", "call me on 81234567"],
    "IT": ["347 123 4567", "347 1234567", "06 1234 5678"],
    "IN": ["98765 43210", "mobile no. 9876543210"],
    "MX": ["55 1234 5678"],
    "BR": ["(11) 91234-5678"],
    "RU": ["8 (912) 345-67-89", "8 912 345-67-89"],
    "GB": ["020 7946 0958", "07700900004"],
    "FR": ["06 12 34 56 78", "0612345678"],
    "DE": ["0221 1234567", "Telefon 0221-123456"],
    "JP": ["090-1234-5678"],
    "KR": ["010-1234-5678"],
    "AU": ["0412 345 678"],
    "CN": ["13800138000", "138 0013 8000", "010-12345678"],
    "US": ["(415) 555-0100", "415-555-0100"],
}


@pytest.mark.parametrize("number", [one for some in NUMBERS.values() for one in some])
@pytest.mark.parametrize("around", ["{}", "please ask {} soon", "请{}，谢谢", "?q={}&page=2"])
def test_a_telephone_number_is_no_longer_readable(number, around):
    told = around.format(number)
    encoded = json.dumps({"query": told}, ensure_ascii=False).encode()

    left, taken = personal.take_out("properties", {"query": told}, has_address=personal.may_hold_address(encoded))

    assert not re.search(r"[0-9]{3}", left["query"])
    assert taken == {"properties.query": told}
    assert not personal.is_plain({"query": told}, encoded)


@pytest.mark.parametrize(
    "text",
    [
        *("4111 1111 1111 1111", "5105-1051-0510-5100", "6222021234567890123", "3782 822463 10005"),
        *("order 2026112200017", "TG-20261122-0017", "#100234", "1234567", "10000001", "45123456", "612345678"),
        *("4006381333931", "4 006381 333931", "9780306406157", "978-0-306-40615-7", "0012345678905"),
        *("2026-11-22", "22.11.2026 09:15", "20261122", "22 11 2026", "2026 1122", "09:15-18:30", "1763629200123"),
        *(
            "192.0.2.7",
            "0.13800138000",
            "19.90",
            "1,234,567.00",
            "1 234 567",
            "10 000 000",
            "size 38 40 42",
            "143.0.0.0",
        ),
        *("11010519491231002A", "110105194912310021", "123456789012345678", "2026112200017123456"),
    ],
)
def test_other_digits_stay_as_they_are(text):
    for told in (text, f"about {text}", f"/x?n={text}"):
        assert personal.without_addresses(told) == told


@pytest.mark.parametrize("number", ["11010519491231002X", "11010519491231002x"])
def test_the_number_of_an_identity_card_is_known_by_the_sign_that_checks_it(number):
    assert personal.without_addresses(f"身份证{number}。") == f"身份证{personal.BLANK}。"
    assert personal.is_contact(number)
    assert personal.may_hold_address(f'{{"a":"{number}"}}'.encode())


def test_a_device_s_own_uuid_is_nobodys_number_however_many_digits_stand_in_a_row():
    assert not personal.is_contact("723e0607-6296-46ff-9d18-b48ada594f4f")
    assert personal.is_contact("723e0607-6296-46ff")


def test_a_number_given_to_a_member_may_begin_with_a_zero():
    told = {"member_no": "0123456789", "会员_card": "01234567890", "customerNumber": "0123456789"}
    called = {"member_id": "0123456789", "user_mobile_no": "0123456789", "member_number": "13800138000"}

    assert personal.take_out("properties", told, has_address=True) == (told, {})
    assert set(personal.take_out("properties", called, has_address=True)[1]) == {f"properties.{one}" for one in called}


@pytest.mark.parametrize("name", CASES)
def test_what_is_taken_and_what_is_left(name):
    part, told, left, taken = CASES[name]

    assert personal.take_out(part, told, has_address=True) == (left, taken)
    assert part == "traits" or not (taken and personal.is_plain(told, json.dumps(told, ensure_ascii=False).encode()))


def test_a_local_number_is_seen_where_nothing_else_in_the_message_looks_like_a_contact():
    told = {"step": 2, "contactMobile": "07700900004"}

    assert not personal.is_plain(told, b'{"step":2,"contactMobile":"07700900004"}')
    assert personal.take_out("properties", told, has_address=False) == (
        {"step": 2},
        {"properties.contactMobile": "07700900004"},
    )


def test_what_was_told_is_not_changed():
    told = {"name": "Li Wei", "page": {"url": "?e=li@example.com"}}

    personal.take_out("traits", told, has_address=True)

    assert told == {"name": "Li Wei", "page": {"url": "?e=li@example.com"}}


def test_what_nests_too_deep_is_refused_before_anybody_is_lost_in_it():
    told: dict[str, object] = {}
    for _ in range(personal.DEEPEST + 2):
        told = {"a": [told]}

    with pytest.raises(personal.Unkeepable, match="deep"):
        personal.take_out("properties", told, has_address=False)
