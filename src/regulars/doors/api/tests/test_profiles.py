"""Profiles over the API: told by sources, explained, revealed; traits, tags and households."""

from datetime import timedelta

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db

BOTH = {"en": "Shoe size", "zh-hans": "鞋码"}


def test_two_sources_tell_and_the_answer_says_why_and_shows_nothing_personal():
    till = Program()
    who = till.record()["customer"]
    told = {
        "display_name": "Priya Raman",
        "phone": "+447700900123",
        "source": "till",
        "told_at": "2026-01-02T10:00:00Z",
    }
    assert sorted(till.patch(f"customers/{who}/profile", told).json()["changed"]) == ["display_name", "phone"]
    till.patch(f"customers/{who}/profile", {"display_name": "Priya", "interests": ["tea", "hats"], "source": "app"})
    answer = till.get(f"customers/{who}/profile")
    fields = {one["field"]: one for one in answer.json()["fields"]}
    assert (fields["display_name"]["value"], fields["display_name"]["because"]) == ("P**", "newest")
    assert [(word["source"], word["standing"]) for word in fields["display_name"]["words"]] == [
        ("app", "shown"),
        ("till", "older"),
    ]
    assert fields["interests"]["value"] == '["hats", "tea"]'
    assert "Raman" not in answer.content.decode()
    assert "7700900" not in answer.content.decode()
    shown = till.post(f"customers/{who}/profile/reveal", {"fields": ["phone"], "purpose": "delivery"}).json()
    assert shown["fields"][0]["value"] == "+447700900123"


def test_a_trait_is_defined_told_refused_and_retired():
    till = Program()
    who = till.record()["customer"]
    assert till.put("traits/shoe_size", {"kind": "number", "names": BOTH}).json()["code"] == "shoe_size"
    assert till.patch(f"customers/{who}/profile", {"traits": {"shoe_size": "41.50"}}).json()["changed"] == [
        "trait.shoe_size"
    ]
    refused = till.patch(f"customers/{who}/profile", {"traits": {"shoe_size": "big"}})
    assert problem(refused) == (422, "traits.bad_value", "traits.shoe_size")
    assert problem(till.patch(f"customers/{who}/profile", {"traits": {"hat": "1"}}))[:2] == (404, "traits.unknown")
    assert problem(till.put("traits/shoe_size", {"kind": "text", "names": BOTH}))[:2] == (422, "traits.bad_trait")
    assert till.delete("traits/shoe_size").json() == {"items": []}


def test_tags_come_and_go_with_their_history():
    till = Program()
    who = till.record()["customer"]
    assert problem(till.post(f"customers/{who}/tags", {"tag": "vip"}))[:2] == (404, "tags.unknown")
    till.put("tags/VIP", {"names": {"en": "Very important"}})
    assert till.post(f"customers/{who}/tags", {"tag": "vip"}).json()["tags"] == [
        {"code": "vip", "names": {"en": "Very important"}}
    ]
    gone = till.delete(f"customers/{who}/tags/vip").json()
    assert (gone["tags"], [step["is_on"] for step in gone["history"]]) == ([], [False, True])


def test_a_household_joins_nobody():
    till = Program()
    priya, marek = till.record()["customer"], till.record(ref="1002", customer_ref="marek")["customer"]
    home = till.post("households", {"members": {priya: "head", marek: "partner"}}).json()
    assert home["members"] == [{"customer": priya, "role": "head"}, {"customer": marek, "role": "partner"}]
    assert till.get(f"customers/{marek}/household").json() == {"household": home}
    again = till.put(f"households/{home['id']}/members/{marek}", {"role": "other"}).json()
    assert {one["customer"]: one["role"] for one in again["members"]} == {priya: "head", marek: "other"}
    assert till.delete(f"customers/{marek}/household").json() == {"household": None}
    ines = till.record(ref="1003", customer_ref="ines")["customer"]
    other = till.post("households", {"members": {ines: "head", priya: "other"}})
    assert problem(other)[:2] == (409, "households.in_another")
    assert till.delete(f"customers/{priya}/household", key="leaves").status_code == 200
    home = till.post("households", {"members": {ines: "head", priya: "other"}}, key="moves").json()
    assert till.delete(f"customers/{priya}/household", key="leaves").status_code == 200
    assert till.get(f"customers/{priya}/household").json() == {"household": home}, "a late retry moves nobody"
    assert problem(till.post("households", {"members": {ines: "head"}}, key="moves"))[:2] == (
        409,
        "customers.key_taken",
    )


def test_what_is_told_of_a_joined_record_stays_with_it_when_they_are_parted():
    till = Program()
    anna, bo = till.record()["customer"], till.record(ref="1002", customer_ref="bo")["customer"]
    ines = till.record(ref="1003", customer_ref="ines")["customer"]
    till.put("tags/vip", {"names": {}})
    both = {"one": anna, "other": bo}
    till.patch(f"customers/{bo}/profile", {"note": "tall"}, key="before")
    assert till.post("identity/decisions", {**both, "verdict": "join", "why": "asked"}, key="1").json()["joined"]

    no = {"purpose": "marketing", "channel": "email", "place": "app"}
    told = [
        till.patch(f"customers/{bo}/profile", {"note": "tall"}, key="before"),
        till.patch(f"customers/{bo}/profile", {"given_name": "Bo"}),
        till.post(f"customers/{bo}/tags", {"tag": "vip"}),
        till.post(f"customers/{bo}/consent/withdraw", no, key="no"),
        till.patch(f"customers/{bo}/preferences", {"place": "app", "most_per_week": 1}),
        till.post("households", {"members": {bo: "head", ines: "partner"}}),
    ]
    assert [answer.status_code for answer in told] == [200] * 6, "a key used before they were joined is the same act"
    seen = _said_of(till, anna)
    assert till.post("identity/decisions", {**both, "verdict": "open", "why": "mistake"}, key="2").json()["parted"]

    assert _said_of(till, bo) == seen == ({"given_name", "note"}, ["vip"], 1, 1, True)
    assert _said_of(till, anna) == (set(), [], 0, None, False)


def _said_of(till, who):
    path = f"customers/{who}"
    return (
        {one["field"] for one in till.get(f"{path}/profile").json()["fields"]},
        [tag["code"] for tag in till.get(f"{path}/tags").json()["tags"]],
        len(till.get(f"{path}/consent").json()["answers"]),
        till.get(f"{path}/preferences").json()["most_per_week"],
        till.get(f"{path}/household").json()["household"] is not None,
    )


def test_late_retries_leave_newer_tags_and_profiles_alone(monkeypatch):
    till = Program()
    who = till.record()["customer"]
    till.put("tags/vip", {"names": {"en": "Very important"}})
    start = clock.now()
    path, steps = f"customers/{who}/tags", []
    for minute, (key, is_on) in enumerate([("a", True), ("b", False), ("a", True), ("c", True), ("b", False)]):
        monkeypatch.setattr(clock, "now", lambda minute=minute: start + timedelta(minutes=minute))
        told = till.post(path, {"tag": "vip"}, key=key) if is_on else till.delete(f"{path}/vip", key=key)
        assert told.status_code == 200, told.content
        steps.append([step["is_on"] for step in told.json()["history"]])
    # The latest first.
    assert steps == [[True], [False, True], [False, True], [True, False, True], [True, False, True]]
    # Two keys that differ at their very end are two, however long they are.
    long = "k" * 119
    changed = [
        till.patch(f"customers/{who}/profile", {"source": "crm", "note": note}, key=f"{long}{end}").json()["changed"]
        for note, end in (("tall", "1"), ("short", "2"))
    ]
    assert changed == [["note"], ["note"]]


def test_a_key_that_told_something_else_is_refused_whatever_is_told():
    till = Program()
    who, other = (
        till.record()["customer"],
        till.record(ref="1002", customer_ref="bo")["customer"],
    )
    for tag in ("vip", "press"):
        till.put(f"tags/{tag}", {"names": {"en": tag}})
    wish = {"place": "preference_centre", "most_per_week": 2}
    for act, others in (
        (
            lambda: till.post(f"customers/{who}/tags", {"tag": "vip"}, key="a"),
            (
                lambda: till.post(f"customers/{who}/tags", {"tag": "press"}, key="a"),
                lambda: till.post(f"customers/{other}/tags", {"tag": "vip"}, key="a"),
            ),
        ),
        (
            lambda: till.delete(f"customers/{who}/tags/vip", key="b"),
            (
                lambda: till.delete(f"customers/{who}/tags/press", key="b"),
                lambda: till.post(f"customers/{who}/tags", {"tag": "press"}, key="b"),
            ),
        ),
        (
            lambda: till.patch(f"customers/{who}/profile", {"note": "tall"}, key="c"),
            (
                lambda: till.patch(f"customers/{who}/profile", {"note": "short"}, key="c"),
                lambda: till.patch(f"customers/{who}/profile", {"note": "tall", "source": "crm"}, key="c"),
                lambda: till.patch(f"customers/{other}/profile", {"note": "tall"}, key="c"),
            ),
        ),
        (
            lambda: till.patch(f"customers/{who}/preferences", wish, key="d"),
            (
                lambda: till.patch(f"customers/{who}/preferences", wish | {"most_per_week": 3}, key="d"),
                lambda: till.patch(f"customers/{who}/preferences", wish | {"language": "en"}, key="d"),
                lambda: till.patch(f"customers/{other}/preferences", wish, key="d"),
            ),
        ),
    ):
        assert [act().status_code for _time in range(2)] == [200, 200]
        for one in others:
            status, code, field = problem(one())
            assert (status, code.rpartition(".")[2], field) == (409, "key_taken", "Idempotency-Key")
    assert till.get(f"customers/{who}/profile").json()["fields"][-1]["field"] == "note"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"preferred_store": "nowhere"}, "customers.not_listed"),
        ({"cared_by": "999"}, "customers.not_listed"),
        ({"language": "zz"}, "customers.bad_language"),
        ({"language": "und"}, "customers.bad_language"),
        ({"told_at": "2099-01-01T00:00:00Z"}, "profile.in_the_future"),
        ({"preferred_channel": "pigeon"}, "customers.not_listed"),
        ({"country": "XX"}, "country.bad"),
        ({"country": "UK"}, "country.bad"),
        ({"country": "China"}, "country.bad"),
    ],
)
def test_what_is_on_no_list_is_refused(told, code):
    till = Program()
    who = till.record()["customer"]
    [field] = told
    assert problem(till.patch(f"customers/{who}/profile", told)) == (422, code, field)
    for fine in ({"preferred_channel": "sms"}, {"country": "GB"}, {"preferred_store": ""}, {"language": "zh-Hant"}):
        assert till.patch(f"customers/{who}/profile", fine).status_code == 200


def test_whose_word_counts_more_is_tried_and_then_decided():
    till, owner = Program(), Program("preferences.read", "preferences.change", name="office")
    who = till.record()["customer"]
    for source, name in (("app", "Priya"), ("web", "P.")):
        till.patch(f"customers/{who}/profile", {"display_name": name, "source": source})
    told = {"sources": ["app"]}
    tried = owner.post("surer-sources/what-if", told).json()
    assert tried == {"told": 1, "looked_at": 1, "people": 1, "fields": {"display_name": 1}}
    assert owner.get("surer-sources").json() == {"sources": []}
    assert owner.put("surer-sources", told).json() == owner.get("surer-sources").json() == told
    assert problem(owner.put("surer-sources", {"sources": ["app", "app"]}))[:2] == (422, "preferences.bad_value")
    assert problem(Program("members.edit", name="clerk").put("surer-sources", told))[0] == 403
