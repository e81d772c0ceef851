"""Who is who through the API: evidence, decisions, questions and rules; found by any identifier."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.customers import customers, identity, looking, profiles, search, suggesting
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.rules import from_json
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
PHONE = "+8613812345670"


@pytest.fixture(autouse=True)
def shop(db):
    """Platforms' word for both joins who told nothing else."""
    told = {"kinds": {"phone": {"alone_from": "platform"}, "card": {"alone_from": "platform"}}}
    identity.set_rules(rules=from_json(told), at=NOW, by=MAREK)


def known(ref: str, *, phone: str = "") -> str:
    [number] = customers.resolve_many(namespace="till", refs=[ref], at=NOW, by=MAREK, origin="live").values()
    if phone:
        profiles.describe(customer=number, profile=Profile(phone=phone), key=ref, at=NOW, by=MAREK)
    return customers.get(number).public_id


def evidence(who: str, **changes: str) -> dict[str, str]:
    told = {"customer": who, "kind": "phone", "value": PHONE, "evidence": "platform", "source": "portal"}
    return told | changes


def test_evidence_joins_explains_itself_and_is_taken_back():
    li = Program()
    anna, bo = known("anna"), known("bo")
    assert li.post("identity/evidence", evidence(anna), key="e1").json() == {"joined": [], "parted": [], "conflicts": 0}
    joined = li.post("identity/evidence", evidence(bo), key="e2").json()
    assert joined["joined"] == [{"record": bo, "person": anna}]
    assert li.post("identity/evidence", evidence(bo), key="e2").json() == joined
    assert li.get(f"customers/{bo}").json()["id"] == anna

    told = li.get(f"customers/{bo}/identity").json()
    assert (told["person"], [one["id"] for one in told["records"]]) == (anna, [anna, bo])
    assert told["joins"][0]["kind"] == "phone"
    assert [step["act"] for step in told["history"]] == ["observed"]
    links = li.get(f"customers/{anna}/links").json()["items"]
    assert [(one["record"], one["value"], one["counts"]) for one in links] == [(anna, None, True), (bo, None, True)]
    assert PHONE not in li.get(f"customers/{anna}/links").content.decode()

    back = li.post(f"identity/evidence/{links[1]['number']}/revoke", {"why": "mistake"}, key="r1").json()
    assert back["parted"] == [{"record": bo, "person": anna}]
    assert li.get(f"customers/{bo}").json()["id"] == bo
    number = customers.by_public_id(bo).id
    assert f"api:{li.key.id}" in {line.by for line in trail.of(f"customer:{number}")}
    assert problem(li.post("identity/evidence/99999/revoke", {"why": "mistake"}, key="r2"))[0] == 404


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"kind": "taobao_oaid", "namespace": "shop"}, 422, "customers.no_evidence", "kind"),
        ({"kind": "passport"}, 422, "customers.no_such_kind", "kind"),
        ({"value": "13800000000"}, 422, "customers.no_evidence", "value"),
        ({"kind": "email", "value": "test@test.com"}, 422, "customers.no_evidence", "value"),
        ({"kind": "card", "namespace": "club", "value": "null"}, 422, "customers.no_evidence", "value"),
        ({"evidence": "staff"}, 422, "request.invalid", "evidence"),
        ({"customer": "cus_00000000000000000000000000"}, 404, "customers.unknown", "customer"),
        ({"at": "2190-01-01T00:00:00Z"}, 422, "identity.not_yet", "at"),
    ],
)
def test_what_is_evidence_of_nobody_is_refused(changes, status, code, field):
    li = Program()
    assert problem(li.post("identity/evidence", evidence(known("anna"), **changes), key="e")) == (status, code, field)


def test_a_key_that_told_something_else_is_refused_and_keys_of_two_programs_never_meet():
    li, till = Program(), Program(name="other")
    anna, bo = known("anna"), known("bo")
    li.post("identity/evidence", evidence(anna), key="same")
    assert problem(li.post("identity/evidence", evidence(bo), key="same"))[:2] == (409, "customers.bad_link_key")
    dated = evidence(anna) | {"at": "2026-03-02T09:00:00Z"}
    assert problem(li.post("identity/evidence", dated, key="same"))[:2] == (409, "customers.bad_link_key")
    assert till.post("identity/evidence", evidence(bo), key="same").json()["joined"]
    assert problem(li.post("identity/evidence", evidence(anna)))[0] == 422, "a key is needed"


def test_two_are_previewed_joined_kept_apart_and_left_open():
    li = Program()
    anna, bo = known("anna"), li.record(customer_ref="bo")["customer"]
    seen = li.get(f"identity/preview?one={anna}&other={bo}").json()
    assert (seen["effects"], seen["people_before"], seen["people_after"]) == ([{"what": "orders", "count": 1}], 2, 1)
    pair = {"one": anna, "other": bo}
    assert li.post("identity/decisions", {**pair, "verdict": "join", "why": "document"}, key="1").json()["joined"]
    assert li.post("identity/decisions", {**pair, "verdict": "open", "why": "mistake"}, key="2").json()["parted"]
    li.post("identity/decisions", {**pair, "verdict": "apart", "why": "family"}, key="3")
    assert problem(li.get(f"identity/preview?one={anna}&other={anna}"))[:2] == (422, "customers.same_record")
    words = {**pair, "verdict": "join", "why": "Anna told me so"}
    assert problem(li.post("identity/decisions", words, key="4"))[0] == 422, "a reason is from a list"


def test_questions_wait_are_answered_and_taken_back():
    li = Program()
    anna, bo = known("anna", phone=PHONE), known("bo", phone=PHONE)
    [asked] = li.get("identity/reviews").json()["items"]
    assert (asked["kind"], asked["one"], asked["other"], asked["identifier_kind"]) == ("claim", anna, bo, "phone")
    seen = li.get(f"identity/reviews/{asked['id']}").json()
    assert (seen["in_common"], seen["one_records"][0]["masked_phone"]) == (["phone"], "138****5670")
    path = f"identity/reviews/{asked['id']}/decide"
    assert problem(li.post(path, {"verdict": "open", "why": "mistake"}, key="0"))[:2] == (
        409,
        "customers.nothing_decided",
    )
    assert li.post(path, {"verdict": "join", "why": "confirmed"}, key="1").json()["joined"]
    assert li.get("identity/reviews").json()["items"] == []
    assert li.get("identity/reviews?state=joined").json()["items"][0]["id"] == asked["id"]
    assert li.post(path, {"verdict": "open", "why": "mistake"}, key="2").json()["parted"]
    assert problem(li.post(f"identity/reviews/{asked['id']}/block"))[:2] == (409, "customers.not_about_two")
    assert problem(li.get("identity/reviews/rev_00000000000000000000000000"))[0] == 404


def test_a_phone_of_many_is_blocked_or_set_aside():
    li = Program()
    for number in range(7):
        known(f"guest-{number}", phone=PHONE)
    [worn] = li.get("identity/reviews?kind=worn").json()["items"]
    assert li.post(f"identity/reviews/{worn['id']}/set-aside").json()["state"] == "left"
    li.post(f"identity/reviews/{worn['id']}/block")
    [blocked] = li.get("identity/rules").json()["blocked"]
    assert (blocked["kind"], blocked["value"]) == ("phone", None)
    li.post(f"identity/blocked/{blocked['digest']}/unblock")
    assert li.get("identity/rules").json()["blocked"] == []
    assert problem(li.post(f"identity/blocked/{blocked['digest']}/unblock"))[0] == 404
    li.post("identity/blocked", {"kind": "card", "namespace": "club", "value": "TILL-1"})
    assert len(li.get("identity/rules").json()["blocked"]) == 1


def test_rules_are_tried_before_they_count():
    li = Program()
    for number in range(3):
        li.post("identity/evidence", evidence(known(f"guest-{number}")), key=f"e{number}")
    strict = {"kinds": {"phone": {"most_people": 2}}}
    tried = li.post("identity/rules/what-if", strict).json()
    assert (tried["people_before"], tried["people_after"], len(tried["parted"])) == (1, 3, 2)
    assert li.get("identity/rules").json()["kinds"]["phone"]["most_people"] == 4
    rules = li.post("identity/rules", strict).json()
    assert rules["kinds"]["phone"] == {
        "joins_from": "contact",
        "most_a_person": 5,
        "most_people": 2,
        "lasts_days": 365,
        "alone_from": "platform",
        "alone_days": None,
    }
    assert problem(li.post("identity/rules", {"kinds": {"passport": {}}}))[:2] == (422, "customers.bad_rules")
    reader = Program("identity.read", name="reader")
    assert problem(reader.post("identity/rules", strict))[0] == 403


def test_somebody_is_found_by_any_identifier():
    li = Program()
    anna, bo = known("anna", phone=PHONE), known("bo", phone=PHONE)
    unionid = {"kind": "wechat_unionid", "namespace": "open-1", "value": "oU-77", "evidence": "platform"}
    li.post("identity/evidence", evidence(bo, **unionid), key="u")

    def by(**asked: str) -> list[tuple[str, str]]:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        answer = li.get(f"customers/by?{query}").json()
        assert "items" in answer, answer
        return [(one["customer"], one["how"]) for one in answer["items"]]

    assert by(kind="reference", namespace="till", value="anna") == [(anna, "known_by")]
    assert by(kind="phone", value="%2B8613812345670") == [(anna, "known_by"), (bo, "told")]
    assert by(kind="wechat_unionid", namespace="open-1", value="oU-77") == [(bo, "proved")]
    assert by(kind="wechat_unionid", namespace="open-2", value="oU-77") == [], (
        "another platform account, another person"
    )
    assert by(kind="email", value="nobody.yet@shop.cn") == []
    assert by(kind="reference", value="anna") == [(anna, "known_by")], "by whichever source"


def test_somebody_is_read_by_an_identifier_in_two_statements(django_assert_num_queries):
    li = Program()
    anna, bo = known("anna", phone=PHONE), known("bo", phone=PHONE)
    with django_assert_num_queries(2):
        found = search.by_identifier(kind="phone", namespace="", value=PHONE)
        masked = profiles.masked([one.person.id for one in found])
    assert [(one.person.public_id, one.how, len(one.records)) for one in found] == [
        (anna, "known_by", 1),
        (bo, "told", 1),
    ]
    assert {one.phone for one in masked.values()} == {"138****5670"}
    li.get(f"customers/{anna}")  # the first call of the day writes down that the key is in use
    # One for the key.
    with django_assert_num_queries(3):
        answer = li.get(f"customers/by?kind=phone&value={PHONE.replace('+', '%2B')}").json()
    assert [one["masked_phone"] for one in answer["items"]] == ["138****5670"] * 2


def test_a_joined_record_is_found_as_its_person():
    li = Program()
    first, second = known("first"), known("second")
    for number, who in enumerate((first, second)):
        card = {"kind": "card", "namespace": "club", "value": "77-1", "evidence": "platform"}
        li.post("identity/evidence", evidence(who, **card), key=f"c{number}")
    answer = li.get("customers/by?kind=reference&namespace=till&value=second").json()
    assert [(one["customer"], one["records"]) for one in answer["items"]] == [(first, 2)]


def test_likely_duplicates_are_looked_for_listed_with_score_and_signs_compared_and_answered():
    li = Program()
    assert li.get("identity/looks").json() == {"last": None}
    told = {"given_name": "Lin", "family_name": "Wei", "address": "12 Willow Street, Leeds"}
    for ref, birthday in (("web-1", "1990-03-04"), ("till-1", "1990-04-03")):
        [number] = customers.resolve_many(namespace="shop", refs=[ref], at=NOW, by=MAREK, origin="live").values()
        profile = Profile(**told, birthday=birthday)
        profiles.describe(customer=number, profile=profile, key=ref, at=NOW, by=MAREK)
    assert li.post("identity/looks").json()["state"] == "waiting"
    assert li.post("identity/looks").json()["state"] == "waiting"
    waiting = looking.last(at=NOW)
    assert waiting is not None
    suggesting.suggest(at=datetime.now(UTC), by=MAREK, look=waiting.id)
    assert li.get("identity/looks").json()["last"] | {"asked_at": "", "ended_at": ""} == {
        "state": "done",
        "asked_at": "",
        "ended_at": "",
        "people": 2,
        "opened": 2,
        "alike": 1,
        "asked": 1,
        "gone": 0,
    }

    page = li.get("identity/reviews?kind=likeness&order=likeliest&limit=1").json()
    [asked] = page["items"]
    assert page["next"] is None
    assert asked["score"] > 0.9
    assert {"given_name:same", "birthday:typo", "address:same"} <= set(asked["signs"])
    compared = {one["field"]: one for one in li.get(f"identity/reviews/{asked['id']}").json()["compared"]}
    assert compared["name"] == {"field": "name", "one": "L** W**", "other": "L** W**", "how": "same", "signs": []}
    assert (compared["birthday"]["how"], compared["birthday"]["one"]) == ("alike", "***")
    answer = li.post(f"identity/reviews/{asked['id']}/decide", {"verdict": "apart", "why": "family"}, key="k")
    assert answer.status_code == 200
    assert li.get("identity/reviews?kind=likeness").json()["items"] == []
    assert problem(li.get("identity/reviews?order=likeliest&cursor=bad"))[1] == "paging.bad_cursor"


def test_what_is_refused_of_time_and_brand_is_refused_in_the_callers_language():
    li = Program()
    anna = known("anna")
    headers = li.headers | {"Accept-Language": "zh-CN", "Idempotency-Key": "1"}
    late = "2090-01-01T00:00:00Z"
    answer = {"purpose": "marketing", "channel": "email", "place": "app"}
    asked = [
        ("identity/evidence", evidence(anna, at=late)),
        (f"customers/{anna}/consent/give", {**answer, "answered_at": late}),
        (f"customers/{anna}/consent/give", {**answer, "brand": "none"}),
    ]
    for path, body in asked:
        told = Client().post(f"/api/v1/{path}", body, content_type="application/json", headers=headers).json()
        assert re.search("[\u4e00-\u9fff]", told["detail"]), told
