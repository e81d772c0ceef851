"""What careless clients send, and what is kept of it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.facts.events import _contexts, messages, personal
from regulars.facts.events.messages import KINDS, Message, Rejected
from regulars.facts.events.tests.builders import NOW, WEB, an_envelope, bad, good, read, viewed
from tests.often import often

#: userId as told, and the user it names: None where the message is about the device beside it.
USERS = {
    "text": ("li-1", "li-1"),
    "blanks around": ("  li-1 ", "li-1"),
    "null": (None, None),
    "empty": ("", None),
    "the word null": ("null", None),
    "the word undefined": ("undefined", None),
    "an object as text": ("[object Object]", None),
    "a number": (4711, "4711"),
    "zero": (0, None),
    "minus one": (-1, None),
    "beyond what browsers count": (820982911946154508, "820982911946154508"),
    "beyond 63 bits": (2**63 + 5, "9223372036854775813"),
    "beyond 64 bits": (2**80, "1208925819614629174706176"),
    "a truth": (True, None),
    "zeros and dashes": ("00000000-0000-0000-0000-000000000000", None),
    "what cannot be seen": ("\u200b", None),
    "Chinese": ("会员一号", "会员一号"),
}
#: What is refused: the message or its bytes, the code, the field, a piece of why.
REFUSED: dict[str, tuple[Any, str, str, str]] = {
    "nothing": (b"", "not_json", "", "send one object"),
    "half of it": (b'{"type": "track"', "not_json", "", "send one object"),
    "not UTF-8": (b'{"type": "track", "event": "\xff"}', "not_json", "", "UTF-8"),
    "a list": (b"[]", "not_json", "", "send {"),
    "a number": (b"12", "not_json", "", "send {"),
    "nested beyond reading": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_json", "", "flatten"),
    "nested too deep": (viewed(properties={"a": json.loads("[" * 60 + "]" * 60)}), "unstorable", "", "flatten"),
    "no type": ({"event": "Product Viewed", "userId": "li-1"}, "no_type", "type", "track, identify"),
    "a type nobody knows": (viewed(type="tracks"), "no_type", "type", "'tracks'"),
    "a type that is no text": (viewed(type=["track"]), "no_type", "type", "what it says"),
    "no type at all": (viewed(type=None), "no_type", "type", "'' is no call"),
    "no event": (viewed(event=" "), "no_event", "event", "Product Viewed"),
    "an event that is no text": (viewed(event=7), "no_event", "event", "'7'"),
    "a long event": (viewed(event="a" * 201), "bad_name", "event", "200"),
    "an event with a line break": (viewed(event="Product\nViewed"), "bad_name", "event", "nobody can see"),
    "nobody": (viewed(userId=None), "no_identifier", "userId", "missing"),
    "nobody's name": (viewed(userId="undefined", anonymousId=""), "no_identifier", "userId", "'undefined'"),
    "an object for a user": (viewed(userId={"id": 5}), "bad_id", "userId", "send text"),
    "a user between two": (viewed(userId=1.5), "bad_id", "userId", "whole"),
    "a long user": (viewed(userId="u" * 201), "bad_id", "userId", "201"),
    "a user of a million digits": (b'{"type":"page","userId":1e50000}', "unstorable", "", "digits"),
    "a user of 61 digits": (viewed(userId=10**60), "bad_id", "userId", "digits"),
    "a long messageId": (viewed(messageId="m" * 201), "bad_id", "messageId", "200"),
    "a messageId with a tab": (viewed(messageId="a\tb"), "bad_id", "messageId", "no id"),
    "an amount nobody pays": (b'{"type":"page","userId":1,"properties":{"a":1e61}}', "unstorable", "", "digits"),
    "a whole one nobody pays": (viewed(properties={"a": 10**61}), "unstorable", "", "digits"),
    "an amount nobody counts": (
        b'{"type":"page","userId":1,"properties":{"a":1.' + b"1" * 200 + b"}}",
        "unstorable",
        "",
        "digits",
    ),
    "no character": (viewed(properties={"a": "x\x00"}), "unstorable", "", "u0000"),
    "too much": (viewed(properties={"a": "x" * 1_000_001}), "too_large", "", "1000000"),
}


@pytest.mark.parametrize("name", USERS)
def test_whom_a_message_names(name):
    told, user = USERS[name]

    message = good(viewed(userId=told, anonymousId="browser-9"))

    assert (message.user_ref, message.device_ref) == (user, "browser-9")
    device = messages.visitor(WEB, "device", "browser-9")
    assert message.visitor == (device if user is None else messages.visitor(WEB, "user", user))
    assert message.device == (None if user is None else device)


@pytest.mark.parametrize("ref", ["13800138000", "07700900004", "wx_13800138000", "tel:0221-1234567", "008613800138000"])
def test_a_user_or_device_called_by_a_telephone_number_is_not_readable(ref):
    message = good(viewed(userId=ref, anonymousId=ref))

    assert (message.user_ref, message.device_ref) == (None, None)
    assert message.visitor == messages.visitor(WEB, "user", ref)
    assert ref.encode() not in message.data
    assert json.loads(message.personal or b"") == {"userId": ref, "anonymousId": ref}


@pytest.mark.parametrize("ref", ["100234", "0012345678", "4155550100", "1763629200123", "a0b1-1380013800099", "007"])
def test_a_member_number_is_no_telephone_number(ref):
    assert good(viewed(userId=ref)).user_ref == ref


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_the_field_and_the_mend(name):
    told, code, field, why = REFUSED[name]

    rejected = bad(told)

    assert (rejected.code, rejected.field) == (code, field)
    assert why in rejected.why
    assert len(rejected.why) <= 300


def test_a_type_that_is_somebodys_name_is_not_shown():
    rejected = bad(viewed(type="Zaphodx Seven"))

    assert rejected.kind == ""
    assert "Zaphodx" not in rejected.why
    assert bad(viewed(type="trakc")).kind == "trakc"


def test_numbers_filled_up_with_zeros_are_no_telephones():
    assert good(viewed(userId="0000123456")).user_ref == "0000123456"
    assert good(viewed(userId="001234567890")).user_ref == "001234567890"


def test_forms_of_one_number_are_one_user():
    forms = [
        good(b'{"type":"page","userId":' + form + b',"messageId":"m"}') for form in (b"70", b"70.0", b"7e1", b'"70"')
    ]

    assert {one.visitor for one in forms} == {messages.visitor(WEB, "user", "70")}


def test_an_address_as_an_id_is_kept_sealed_only():
    for address in ("li@example.com", "li%40example.com", "13800138000", "+44 7700 900123", "00447700900009"):
        message = good(viewed(userId=address))

        assert (message.user_ref, message.visitor) == (None, messages.visitor(WEB, "user", address))
        assert json.loads(message.personal or b"") == {"userId": address}


def test_a_user_of_another_namespace_is_somebody_else():
    other = messages.Sender(id=2, namespace="other", zone=WEB.zone, keyed=WEB.keyed)

    assert good(viewed()).visitor != good(viewed(), sender=other).visitor


def test_a_link_to_oneself_says_nothing():
    alias = {"type": "alias", "userId": "li-1", "messageId": "m-1"}

    assert "previousId" not in json.loads(good({**alias, "previousId": "li-1"}).data)
    assert "previousId" not in json.loads(good({**alias, "previousId": "null"}).data)
    assert json.loads(good({**alias, "previousId": "browser-9"}).data)["previousId"] == "browser-9"


def test_a_message_id_is_the_senders():
    assert good(viewed(messageId="m" * 150)).message_id == "m" * 150
    assert good(viewed(messageId=4711)).message_id == "4711"
    assert good(viewed(messageId="of li@example.com")).message_id == "of (contact)"


@pytest.mark.parametrize("told", [None, "", "  ", "null", "undefined", [], {}, True, 1.5])
def test_without_an_id_the_same_message_is_the_same_when_it_has_a_time(told):
    first, again, later = (
        good(viewed(messageId=told, timestamp=f"2026-11-20T08:00:0{second}Z")) for second in (0, 0, 1)
    )

    assert first.message_id.startswith("made-")
    assert first.key == again.key != later.key
    assert good(viewed(messageId=told)).key != good(viewed(messageId=told)).key


def test_amounts_keep_their_digits():
    message = good(b'{"type":"page","userId":1,"properties":{"a":19.90,"b":1e2,"c":"19.90","d":0.1,"e":-0.0,"f":7}}')

    assert b'"properties":{"a":19.90,"b":1E+2,"c":"19.90","d":0.1,"e":-0.0,"f":7}' in message.data


def test_of_a_field_told_twice_the_last_counts():
    message = good(b'{"type":"page","userId":"wu","userId":"li","properties":{"a":1,"a":2}}')

    assert (message.user_ref, json.loads(message.data)["properties"]) == ("li", {"a": 2})


def test_half_a_character_is_mended():
    message = good(rb'{"type":"page","userId":1,"properties":{"a":"x\ud83d","b":"\ude00\ud83d\ude00","c":"\\ud83d"}}')

    assert json.loads(message.data)["properties"] == {"a": "x\ufffd", "b": "\ufffd😀", "c": "\\ud83d"}


def test_the_words_for_no_character_are_text():
    assert json.loads(good(viewed(properties={"a": "\\u0000"})).data)["properties"] == {"a": "\\u0000"}
    assert bad(viewed(), envelope=an_envelope(context={"a": "\x00"})).code == "unstorable"
    assert isinstance(read(viewed(properties={"email": "\x00"})), Message)


def test_null_and_empty_traits_are_told_apart():
    message = good({"type": "identify", "userId": "li-1", "traits": {"email": None, "city": "", "plan": None}})

    assert json.loads(message.data)["traits"] == {"email": None, "city": "", "plan": None}


def test_traits_that_a_servers_library_puts_into_the_context_are_traits():
    traits = {"plan": "gold", "email": "li@example.com"}
    identify = {"type": "identify", "userId": "li-1", "messageId": "m-1"}

    usual, odd = good({**identify, "traits": traits}), good({**identify, "context": {"traits": traits}})

    assert (usual.data, usual.personal, usual.content) == (odd.data, odd.personal, odd.content)


def test_a_review_keeps_its_rating_as_it_was_told():
    told = {"product_id": "p1", "review_id": "r1", "rating": "5", "review_body": "My mother Ann loves it"}
    message = good(viewed(event="Product Reviewed", properties=told))

    assert json.loads(message.data)["properties"] == {"product_id": "p1", "review_id": "r1", "rating": "5"}
    assert json.loads(message.personal or b"") == {"properties.review_body": "My mother Ann loves it"}


def test_a_persons_name_is_no_messages_name():
    assert good({"type": "identify", "userId": "li-1", "name": "Li Wei"}).name == ""
    assert bad({"type": "identify", "name": "Li Wei"}).name == ""
    assert good({"type": "page", "userId": "li-1", "name": "Home"}).name == "Home"


def test_a_batch_says_once_what_holds_for_all():
    envelope = an_envelope(context={"library": "x", "ip": "192.0.2.7"}, sent_at="2026-11-20T10:00:00Z")
    message = good(viewed(timestamp="2026-11-20T09:00:00Z", context={"app": 1}), envelope=envelope)

    assert json.loads(message.data)["context"] == {"library": "x", "app": 1}
    assert json.loads(message.personal or b"") == {"context.ip": "192.0.2.7"}
    assert message.occurred_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_batchs_context_cannot_make_its_messages_endless():
    assert bad(viewed(), envelope=an_envelope(context={"a": "x" * messages.LARGEST_MESSAGE})).code == "too_large"


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Product Clicked"},
        {"userId": "wu-2"},
        {"anonymousId": "browser-1"},
        {"properties": {"price": 19.91, "sku": "a", "email": "li@example.com"}},
        {"properties": {"price": "19.90", "sku": "a", "email": "li@example.com"}},
        {"properties": {"price": 19.9, "sku": "a", "email": "wu@example.com"}},
        {"properties": {"price": 19.9, "sku": None, "email": "li@example.com"}},
        {"timestamp": "2026-11-20T08:00:01Z"},
        {"traits": {"plan": "gold"}},
        {"groupId": "g"},
        {"type": "page", "name": "Product Viewed"},
    ],
)
def test_another_content_has_another_hash(change):
    told = viewed(timestamp="2026-11-20T08:00:00Z", properties={"price": 19.9, "sku": "a", "email": "li@example.com"})

    assert good(told).content != good({**told, **change}).content


def test_how_it_was_sent_is_no_other_content():
    told = viewed(timestamp="2026-11-20T08:00:00Z")
    again = {**told, "sentAt": "2026-11-20T08:59:59Z", "context": {"ip": "192.0.2.7", "retry": 3}, "_metadata": {}}

    assert good(told).content == good(again).content


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["li@example.com", "null", "a%40b.cn", "+8613800138000", "\\", "\t", "\\N", "\\.", "\x00", "—"]),
)
NAMES = st.one_of(
    st.text(max_size=12), st.sampled_from(["email", "name", "phone", "id", "products", "手机号", "traits"])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)
#: Messages that are nearly right: each field what it should be, or anything.
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, "Track", "x"]), "userId": st.one_of(TEXTS, st.integers(), VALUES)},
    optional={
        "event": st.one_of(TEXTS, VALUES),
        "anonymousId": VALUES,
        "messageId": VALUES,
        "previousId": VALUES,
        "groupId": VALUES,
        "name": VALUES,
        "category": VALUES,
        "timestamp": VALUES,
        "originalTimestamp": VALUES,
        "sentAt": VALUES,
        "properties": st.one_of(OBJECTS, VALUES),
        "traits": st.one_of(OBJECTS, VALUES),
        "context": st.one_of(OBJECTS, VALUES),
    },
)
AN_ADDRESS = re.compile(r"[\w.+-](@|%40)[\w-]+\.\w", re.ASCII)


@given(raw=st.binary(max_size=200))
def test_no_bytes_make_it_raise(raw):
    assert isinstance(read(raw), Message | Rejected)


@settings(max_examples=often(50), deadline=None)
@given(told=VALUES)
def test_no_json_makes_it_raise(told):
    assert isinstance(read(told), Message | Rejected)


@settings(max_examples=often(50), deadline=None)
@given(told=MESSAGES, context=OBJECTS)
def test_nothing_readable_holds_an_address_or_a_listed_field(told, context):
    found = read(told, envelope=an_envelope(context=context))

    if isinstance(found, Message):
        json.loads(found.data)
        for text in (found.data.decode(), found.name, found.message_id, found.user_ref or "", found.device_ref or ""):
            assert not AN_ADDRESS.search(text)
        assert not list(listed(json.loads(found.data)))
        assert found.occurred_at <= NOW
    for text in (found.name, found.message_id, getattr(found, "why", "")):
        assert not AN_ADDRESS.search(text)


@settings(max_examples=often(30), deadline=None)
@given(told=MESSAGES, random=st.randoms(use_true_random=False))
def test_the_order_of_fields_says_nothing(told, random):
    one, other = read(told), read(shuffled(told, random))

    if isinstance(one, Message) and isinstance(other, Message):
        assert (one.content, json.loads(one.data)) == (other.content, json.loads(other.data))
        assert json.loads(one.personal or b"{}") == json.loads(other.personal or b"{}")
    else:
        assert type(one) is type(other)


def listed(told: Any) -> Any:
    """Fields that are personal wherever they stand and hold something: neither nothing, nor yes or no."""
    if isinstance(told, dict):
        for name, value in told.items():
            if personal.is_personal(name) and value not in (None, "") and type(value) is not bool:
                yield name
            yield from listed(value)
    elif isinstance(told, list):
        for value in told:
            yield from listed(value)


def shuffled(told: Any, random: Any) -> Any:
    if isinstance(told, dict):
        fields = list(told.items())
        random.shuffle(fields)
        return {name: shuffled(value, random) for name, value in fields}
    return [shuffled(value, random) for value in told] if isinstance(told, list) else told


def test_what_somebody_wrote_is_sealed_and_codes_stay():
    written = good(
        viewed(event="Service Contact", properties={"subject": "my knee", "text": "it hurts", "channel": "chat"})
    )
    clicked = good(viewed(event="Button Clicked", properties={"text": "Buy now"}))

    assert b"knee" not in written.data
    assert b"hurts" not in written.data
    assert json.loads(written.data)["properties"] == {"channel": "chat"}
    assert json.loads(written.personal or b"") == {"properties.subject": "my knee", "properties.text": "it hurts"}
    assert json.loads(clicked.data)["properties"] == {"text": "Buy now"}


def test_a_time_nobody_can_read_is_kept_as_it_was_told():
    assert json.loads(good(viewed(timestamp="last Tuesday")).data)["timestamp"] == "last Tuesday"


def without_body(told: Message | Rejected) -> Any:
    return told if isinstance(told, Rejected) else msgspec.structs.replace(told, body=None, place=0)


@settings(max_examples=often(30), deadline=None)
@given(told=st.lists(st.one_of(MESSAGES, VALUES), max_size=4))
def test_a_message_of_a_batch_is_read_as_it_is_by_itself(told):
    for one in told:
        if isinstance(one, dict):
            # Without an id of its own or a time it would have another made-up one each time.
            one |= {"messageId": "m-1"}
    batch = messages.batch(json.dumps({"batch": told}).encode())
    together = messages.read_many(batch.messages, envelope=an_envelope(), sender=WEB)

    assert [without_body(one) for one in together] == [without_body(read(one)) for one in told]
    assert [json.loads(batch.messages.text(place)) for place in range(len(told))] == told


def test_how_a_message_came_is_known_when_what_was_decoded_is_let_go():
    batch = messages.batch(json.dumps({"batch": [viewed(), viewed(messageId="m-2")]}).encode())
    first, second = messages.read_many(batch.messages, envelope=an_envelope(), sender=WEB)

    batch.messages.let_go()

    assert [json.loads(one.raw) for one in (first, second)] == [viewed(), viewed(messageId="m-2")]


@pytest.mark.parametrize(
    "told", ["0f3cd2ab-00f0-4c9e-9a55-1f2e3d4c5b6a", "ffffffff-77bb-4c9e-9a55-1f2e3d4c5b6a", "000000000000-order-4711"]
)
def test_an_id_may_begin_as_what_programs_write_for_nothing(told):
    assert good(viewed(messageId=told)).message_id == told


def test_properties_like_known_ones_hide_nobody():
    plain, nested = {"query": "tea", "results": 3}, {"query": {"note": "ring me"}, "results": 3}
    listed = {"query": ["li@example.com"], "results": 3}

    assert json.loads(good(viewed(properties=plain)).data)["properties"] == plain
    assert json.loads(good(viewed(properties=nested)).data)["properties"] == {"query": {}, "results": 3}
    assert json.loads(good(viewed(properties=listed)).data)["properties"] == {"query": ["(contact)"], "results": 3}


def test_one_bad_message_of_a_batch_takes_no_other_with_it():
    good_one, bad_one = json.dumps(viewed()).encode(), b'{"type":"page","userId":1,"properties":{"a":1e61}}'
    batch = messages.batch(b'{"batch":[' + good_one + b"," + bad_one + b"," + good_one + b"]}")

    first, second, third = messages.read_many(batch.messages, envelope=an_envelope(), sender=WEB)

    assert without_body(first) == without_body(third) == without_body(good(viewed()))
    assert isinstance(second, Rejected)
    assert (second.code, second.raw) == ("unstorable", bad_one)


A_PAGE = {"path": "/teas/1", "title": "Tea 1", "url": "https://shop.example/teas/1"}
BROWSER = {"userAgent": "Firefox", "library": {"name": "analytics.js", "version": "1"}}


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ({"page": A_PAGE | {"title": "Tea 2 }"}, **BROWSER}, {}),
        ({"page": A_PAGE | {"email": "x"}, **BROWSER}, {"context.page.email": "x"}),
        ({"page": A_PAGE | {"title": "li@example.com"}, **BROWSER}, {"context.page.title": "li@example.com"}),
        ({"page": A_PAGE | {"by": {"customerName": "Li"}}, **BROWSER}, {"context.page.by.customerName": "Li"}),
        ({"page": A_PAGE, **BROWSER, "ip": "192.0.2.7"}, {"context.ip": "192.0.2.7"}),
        ({"page": A_PAGE, **BROWSER, "page ": {"ip": "192.0.2.7"}}, {"context.page .ip": "192.0.2.7"}),
        ({"user": {"card": {"page": A_PAGE, "title": "Ms"}}}, {"context.user.card.title": "Ms"}),
    ],
)
def test_a_context_like_a_known_one_hides_nobody(told, hidden):
    for context in ({"page": A_PAGE, **BROWSER}, BROWSER, {"page": A_PAGE}):
        for _ in range(2):
            message = good(viewed(context=context))
            assert (json.loads(message.data)["context"], message.personal) == (context, None)

    message = good(json.dumps(viewed(context=told), separators=(",", ":")).encode())

    assert json.loads(message.personal or b"{}") == hidden


def test_what_chrome_says_of_itself_is_nobodys_and_is_looked_through_once():
    chrome = {"userAgentData": {"brands": [{"brand": "Chromium", "version": "142"}], "mobile": False}}
    text = msgspec.json.encode(chrome)

    message = good(viewed(context=chrome))

    assert (json.loads(message.data)["context"], message.personal) == (chrome, None)
    assert _contexts.is_plain(text)
    assert (text, b"") in _contexts._PLAIN
    assert not _contexts.is_plain(msgspec.json.encode({"mobile": "07700900004"}))
    assert not _contexts.is_plain(msgspec.json.encode({"externalIds": [{"id": "+447700900004"}]}))


def test_a_message_that_is_too_large_says_which_it_was():
    found = bad(viewed(messageId="m-7", properties={"text": "x" * messages.LARGEST_MESSAGE}))

    assert (found.code, found.message_id, found.kind, found.name) == ("too_large", "m-7", "track", "Product Viewed")


def test_a_known_page_speaks_of_nobody():
    names = [field.encode_name for field in msgspec.structs.fields(_contexts.Page)]

    assert personal.has_plain_names(dict.fromkeys(names))
