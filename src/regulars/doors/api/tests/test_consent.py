"""Consent through the API: a yes, a no, wishes, and the one question."""

from datetime import timedelta

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.company import brands
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db

YES = {"purpose": "marketing", "channel": "email", "place": "web_form", "proof": "form 7"}


@pytest.fixture
def till() -> Program:
    return Program()


@pytest.fixture
def priya(till) -> str:
    return till.record()["customer"]


def may(till: Program, who: str, query: str = "purpose=marketing&channel=email") -> tuple[bool, str]:
    told = till.get(f"customers/{who}/may-send?{query}").json()
    return told["allowed"], told["code"]


def test_a_yes_and_a_no_count_for_the_very_next_question(till, priya):
    assert may(till, priya) == (False, "consent.not_asked")
    yes = till.post(f"customers/{priya}/consent/give", YES, key="form-7")
    assert yes.status_code == 200, yes.content
    assert may(till, priya) == (True, "consent.granted")
    no = till.post(
        f"customers/{priya}/consent/withdraw",
        {"purpose": "*", "channel": "email", "place": "one_click"},
        key="mail-9",
    )
    assert no.json()["granted"] is False
    assert may(till, priya) == (False, "consent.withdrawn")
    told = till.get(f"customers/{priya}/may-send?purpose=service&channel=email").json()
    assert told["rests_on"] == no.json()["number"]
    assert told["words"]["en"].startswith("No:")
    assert told["words"]["zh-hans"].startswith("不可以")
    assert told["until"] is None


def test_the_same_key_gives_the_first_answer_and_another_act_is_refused(till, priya):
    first = till.post(f"customers/{priya}/consent/give", YES, key="form-7").json()
    assert till.post(f"customers/{priya}/consent/give", YES, key="form-7").json() == first
    other = till.post(f"customers/{priya}/consent/give", YES | {"channel": "sms"}, key="form-7")
    assert problem(other) == (409, "consent.key_taken", "Idempotency-Key")
    dated = till.post(f"customers/{priya}/consent/give", YES | {"answered_at": "2026-03-02T09:00:00Z"}, key="form-7")
    assert problem(dated) == (409, "consent.key_taken", "Idempotency-Key")
    assert len(till.get(f"customers/{priya}/consent").json()["answers"]) == 1
    # Another program's keys are its own.
    assert Program(name="web").post(f"customers/{priya}/consent/give", YES, key="form-7").json() != first


def test_everything_stands_there_by_purpose_and_channel_with_its_text(till, priya):
    brands.describe(code="tea", name="Tea House", at=clock.now(), by=MAREK)
    words = {"en": "Write to me.", "zh-hans": "同意。"}
    published = till.post("consent/texts", {"code": "news", "version": 1, "words": words})
    assert [text["language"] for text in published.json()["items"]] == ["en", "zh-hans"]
    text = {"code": "news", "version": 1, "language": "zh-Hans"}
    told = till.post(
        f"customers/{priya}/consent/give",
        YES | {"text": text, "brand": "tea", "answered_at": "2026-03-02T10:00:00+08:00"},
        key="1",
    ).json()
    assert (told["text"], told["brand"], told["at"]) == ("news 1 zh-hans", "tea", "2026-03-02T02:00:00Z")
    for query, state in (("", "unknown"), ("?brand=tea", "granted")):
        states = till.get(f"customers/{priya}/consent{query}").json()["states"]
        assert len(states) == 24
        found = {(one["purpose"], one["channel"]): one for one in states}
        assert found["marketing", "email"]["state"] == state
    changed = till.post("consent/texts", {"code": "news", "version": 1, "words": {"en": "Anything."}})
    assert problem(changed) == (409, "consent.text_taken", "version")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"purpose": "spam"}, (422, "request.invalid", "purpose")),
        ({"channel": "fax"}, (422, "request.invalid", "channel")),
        ({"place": "the moon"}, (422, "request.invalid", "place")),
        ({"brand": "nobody"}, (422, "consent.unknown_brand", "brand")),
        ({"text": {"code": "no", "version": 1, "language": "en"}}, (422, "consent.unknown_text", "text")),
        ({"proof": "priya@example.com said so"}, (422, "consent.bad_consent", "proof")),
        ({"by_guardian": True, "proof": ""}, (422, "consent.bad_consent", "proof")),
        ({"answered_at": "2199-01-01T00:00:00Z"}, (422, "consent.in_the_future", "answered_at")),
    ],
)
def test_what_is_no_answer_is_refused(till, priya, change, refused):
    answer = till.post(f"customers/{priya}/consent/give", YES | change, key="1")
    assert problem(answer) == refused
    assert b"priya@" not in answer.content


def test_wishes_change_one_by_one_and_null_takes_them_back(till, priya, monkeypatch):
    assert till.put("consent/topics/shoes", {"names": {"en": "Shoes", "zh-hans": "鞋"}}).status_code == 200
    assert till.get("consent/topics").json()["items"] == [{"code": "shoes", "names": {"en": "Shoes", "zh-hans": "鞋"}}]
    path = f"customers/{priya}/preferences"
    told = till.patch(path, {"place": "app", "topics": {"shoes": False}, "quiet": "22:00-08:00", "personalised": False})
    assert told.status_code == 200, told.content
    assert (told.json()["topics"], told.json()["quiet"], told.json()["personalised"]) == (
        {"shoes": False},
        ["22:00-08:00"],
        False,
    )
    # A test is one transaction, whose clock stands still.
    later = clock.now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    told = till.patch(path, {"place": "app", "quiet": None, "most_per_week": 2}).json()
    assert (told["quiet"], told["most_per_week"], told["personalised"]) == ([], 2, False)
    till.post(f"customers/{priya}/consent/give", YES, key="1")
    assert may(till, priya, "purpose=marketing&channel=email&topic=shoes") == (False, "consent.topic_declined")
    assert problem(till.patch(path, {"place": "app", "zone": "Nowhere"}))[:2] == (422, "civil.unknown_zone")
    assert problem(till.patch(path, {"place": "app"}))[:2] == (422, "consent.bad_wish")
    assert problem(till.get(f"customers/{priya}/may-send?purpose=marketing&channel=email&topic=hats"))[0] == 404


def test_who_may_only_read_changes_nothing(priya):
    reader = Program("members.read", name="reader")
    assert reader.get(f"customers/{priya}/consent").status_code == 200
    assert problem(reader.post(f"customers/{priya}/consent/give", YES, key="1"))[0] == 403
    assert problem(reader.patch(f"customers/{priya}/preferences", {"place": "app", "quiet": None}))[0] == 403


def test_a_late_retry_does_not_undo_a_newer_wish(till, priya, monkeypatch):
    path, first = f"customers/{priya}/preferences", {"place": "app", "most_per_week": 5, "personalised": True}
    start = clock.now()
    for minute, (body, key) in enumerate(
        [(first, "k"), ({"place": "app", "most_per_week": 1, "personalised": False}, "l"), (first, "k")]
    ):
        monkeypatch.setattr(clock, "now", lambda minute=minute: start + timedelta(minutes=minute))
        answer = till.patch(path, body, key=key)
        assert answer.status_code == 200, answer.content
    assert (answer.json()["most_per_week"], answer.json()["personalised"]) == (1, False)
    assert problem(till.patch(path, first, key="two words")) == (422, "request.invalid", "Idempotency-Key")


def test_what_can_be_chosen_is_said_and_not_the_pattern_it_has(till, priya):
    told = till.post(f"customers/{priya}/consent/give", YES | {"place": "the moon"}, key="form-8").json()
    assert told["detail"].startswith("place: is none of them; choose from web_form, checkout, store")
    told = till.post(f"customers/{priya}/consent/give", YES | {"proof": "x" * 201}, key="form-9").json()
    assert told["detail"] == "proof: has more than 200 characters; shorten it"
    told = till.patch(f"customers/{priya}/preferences", {"place": "app", "most_per_week": 0}).json()
    assert told["detail"] == "most_per_week: is too small; send 1 or more"


def test_the_shop_decides_what_needs_no_yes_and_tries_it_before(priya):
    owner = Program("preferences.read", "preferences.change", "members.read", name="office")
    now = owner.get("consent/rules").json()
    assert now["without_asking"] == ["service/*", "personalisation/*", "analytics/*"]
    assert (now["age_of_consent"]["CN"], list(now["age_of_consent"])[-1]) == (14, "*")
    told = {"without_asking": [*now["without_asking"], "marketing/post"]}
    tried = owner.post("consent/rules/what-if", told).json()
    assert tried["changes"] == [{"purpose": "marketing", "channel": "post", "more": 1, "fewer": 0}]
    assert owner.get("consent/rules").json() == now
    assert owner.patch("consent/rules", told).json() == now | told
    assert may(owner, priya, "purpose=marketing&channel=post") == (True, "consent.not_needed")
    assert owner.patch("consent/rules", {"age_of_consent": {"*": 18}}).json()["age_of_consent"] == {"*": 18}
    assert problem(owner.patch("consent/rules", {"without_asking": ["fax/*"]}))[:2] == (422, "preferences.bad_value")
    assert problem(owner.patch("consent/rules", {"age_of_consent": {"China": 14}}))[:2] == (422, "request.invalid")
    reader = Program("preferences.read", name="reader")
    assert reader.get("consent/rules").status_code == 200
    assert problem(reader.patch("consent/rules", told))[0] == 403
