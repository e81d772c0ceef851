"""Consent on the member's page: what holds, writing an answer down, wishes, and "may we send …?"."""

import html
import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.customers import (
    consent,
    consent_rules,
    consent_texts,
    customers,
    identity,
    preferences,
    profiles,
    records,
    topics,
)
from regulars.facts.customers.consent_rules import ConsentRules
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db


@pytest.fixture
def ines() -> int:
    return customers.resolve_many(namespace="till", refs=["ines"], at=MONDAY, by=SYSTEM, origin="live")["ines"]


def where(customer: int) -> str:
    return f"/console/members/{customers.get(customer).public_id}"


def read(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def shown(client, customer: int) -> str:
    """What the form of wishes says it showed."""
    found = re.search(r'name="shown" value="([^"]*)"', read(client, f"{where(customer)}/consent"))
    assert found
    return html.unescape(found[1])


def may(customer: int, channel: str = "email") -> str:
    return consent.may_send(customer=customer, purpose="marketing", channel=channel, at=datetime.now(UTC)).code


def test_an_agent_writes_down_a_yes_and_a_no_with_the_reason(ines):
    agent, page = signed_in("agent"), f"{where(ines)}/consent"
    text = consent_texts.publish(code="news", version=2, words={"en": "Write to me, please."}, at=MONDAY, by=SYSTEM)[0]
    assert "Nothing answered yet" in read(agent, page)

    said = {"purpose": "marketing", "channel": "email", "answer": "yes", "reason": "asked_in_store", "key": "one"}
    told = agent.post(f"{page}/answer", said | {"text": text.id, "proof": "form 17"}, follow=True).content.decode()
    assert "Written down: yes." in told
    assert may(ines) == "consent.granted"
    for words in ("the store", "Asked in the store", "news, version 2", "Write to me, please.", "form 17", "agent"):
        assert words in told

    # A doubled click writes nothing twice.
    agent.post(f"{page}/answer", said | {"text": text.id, "proof": "form 17"})
    unsaid = agent.post(f"{page}/answer", said | {"answer": "maybe", "key": "half"}, follow=True).content.decode()
    assert "That was not understood." in unsaid
    agent.post(f"{page}/answer", said | {"channel": "*", "answer": "no", "reason": "complained", "key": "two"})
    assert (may(ines), len(consent.history(customer=ines))) == ("consent.withdrawn", 2)
    [last, *_] = trail.of(f"customer:{ines}")
    assert (last.verb, last.why) == ("consent.withdraw", "complained")
    told = read(agent, f"{page}?purpose=marketing&channel=email")
    assert "No: they refused it or took their consent back." in told
    assert "It rests on answer" in told


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reason": ""}, "Say why you write it down first."),
        ({"purpose": "spam"}, "That was not understood."),
        ({"proof": "ines@example.com wrote"}, "What shows it: name a form"),
        ({"by_guardian": "1"}, "What shows it: name a form"),
    ],
)
def test_what_cannot_be_is_refused_in_words(ines, wrong, told):
    agent = signed_in("agent")
    said = {"purpose": "marketing", "channel": "email", "answer": "yes", "reason": "complained", "key": "one"}
    page = agent.post(f"{where(ines)}/consent/answer", said | wrong, follow=True).content.decode()
    assert told in page
    assert "ines@example.com" not in page
    assert consent.history(customer=ines) == []


def test_wishes_are_kept_and_only_those_that_change(ines):
    topics.define(code="shoes", names={"en": "Shoes", "zh-hans": "鞋"}, at=MONDAY, by=SYSTEM)
    agent = signed_in("agent")
    form = {"quiet_from": "22:00", "quiet_to": "08:00", "most_per_week": "2", "is_personalised": "1", "key": "w1"}
    form |= {"shown": shown(agent, ines)}
    told = agent.post(f"{where(ines)}/preferences", form | {"topics": ["shoes"]}, follow=True).content.decode()
    assert "Kept. It counts from now on." in told
    assert [line.name for line in preferences.history(customer=ines)] == ["quiet", "most_per_week"]
    same = agent.post(f"{where(ines)}/preferences", form | {"topics": ["shoes"], "key": "w2"}, follow=True)
    assert "Nothing changed." in same.content.decode()
    form |= {"shown": shown(agent, ines)}
    bad = agent.post(f"{where(ines)}/preferences", form | {"quiet_to": "", "key": "w3"}, follow=True)
    assert "give both hours" in bad.content.decode()
    assert "22:00-08:00" in read(agent, f"{where(ines)}/")


@pytest.mark.parametrize("day", ["2026-13-45", "2026-02-30", "0001-01-01", "9999-12-32", "tomorrow"])
def test_a_pause_until_no_day_is_refused_in_words(ines, day):
    agent = signed_in("agent")
    form = {"is_personalised": "1", "paused_until": day, "key": "p1"}
    told = agent.post(f"{where(ines)}/preferences", form, follow=True)
    assert (told.status_code, "give a day of the calendar" in told.content.decode()) == (200, True)
    assert preferences.history(customer=ines) == []


def test_a_number_too_long_is_refused_in_words(ines):
    agent = signed_in("agent")
    form = {"is_personalised": "1", "most_per_week": "9" * 5000, "key": "p1", "shown": shown(agent, ines)}
    told = agent.post(f"{where(ines)}/preferences", form, follow=True)
    assert "give a number from 1 to 100" in told.content.decode()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en-CN", "English (China)"),
        ("zh-US", "Chinese (United States)"),
        ("zh-Hans-US", "Chinese (Simplified, United States)"),
        ("en-XX", "English (XX)"),
        ("tlh", "Klingon"),
    ],
)
def test_one_members_language_brings_no_page_down(ines, code, words):
    agent = signed_in("agent")
    profiles.describe(customer=ines, profile=Profile(language=code), key="till", at=MONDAY, by=SYSTEM, source="till")
    form = {"is_personalised": "1", "language": code, "key": "l1", "shown": shown(agent, ines)}
    told = agent.post(f"{where(ines)}/preferences", form, follow=True).content.decode()
    assert "Kept. It counts from now on." in told
    assert f'<option value="{code}" selected>{words}</option>' in told
    for path in ("/console/members/", f"/console/members/?language={code}", f"{where(ines)}/profile/"):
        assert words in read(agent, path)
    assert read(agent, f"{where(ines)}/")
    same = agent.post(f"{where(ines)}/preferences", form | {"key": "l2"}, follow=True)
    assert "Nothing changed." in same.content.decode()


def test_a_language_that_is_none_is_refused_in_words(ines):
    agent = signed_in("agent")
    form = {"is_personalised": "1", "language": "klingon or so", "key": "l1", "shown": shown(agent, ines)}
    told = agent.post(f"{where(ines)}/preferences", form, follow=True)
    assert "Language: write it like en or zh-Hans." in told.content.decode()


def test_a_form_opened_earlier_undoes_nothing_the_member_said_meanwhile(ines):
    topics.define(code="shoes", names={"en": "Shoes"}, at=MONDAY, by=SYSTEM)
    agent, page = signed_in("agent"), f"{where(ines)}/preferences"
    form = {"shown": shown(agent, ines), "topics": ["shoes"], "is_personalised": "1"}
    said = {"topic:shoes": False, "is_personalised": False, "paused_until": "2099-01-01T00:00:00+00:00"}
    preferences.change(customer=ines, wishes=said, place="app", key="app", at=datetime.now(UTC), by=SYSTEM)

    told = agent.post(page, form | {"most_per_week": "2", "key": "w1"}, follow=True).content.decode()
    assert "Kept. It counts from now on." in told
    wishes = preferences.of(customer=ines, at=datetime.now(UTC))
    assert (wishes.topics, wishes.is_personalised, wishes.most_per_week) == ({"shoes": False}, False, 2)
    assert wishes.paused_until == datetime(2099, 1, 1, tzinfo=UTC)

    # The same click again is no quarrel; what both changed is, and so is a form that does not say what it showed.
    again = agent.post(page, form | {"most_per_week": "2", "key": "w1"}, follow=True).content.decode()
    assert "Nothing changed." in again
    lines = len(preferences.history(customer=ines))
    without = {name: value for name, value in form.items() if name != "shown"}
    for wrong in (form | {"paused_until": "2030-01-01"}, without, without | {"shown": "[1"}, without | {"shown": "[]"}):
        told = agent.post(page, wrong | {"channel": "sms", "key": "w2"}, follow=True).content.decode()
        assert "They said otherwise meanwhile; look again." in told
    assert len(preferences.history(customer=ines)) == lines


def test_who_may_only_read_sees_no_form_and_writes_nothing(ines):
    reader = signed_in("read_only")
    page = read(reader, f"{where(ines)}/consent")
    assert "Write down an answer" not in page
    assert reader.post(f"{where(ines)}/consent/answer", {"answer": "no"}).status_code == 403
    assert reader.post(f"{where(ines)}/preferences", {}).status_code == 403


def test_it_reads_chinese_and_costs_what_it_says(ines, django_assert_num_queries):
    agent = signed_in("agent", language="zh-hans")
    agent.cookies["django_language"] = "zh-hans"
    page = f"{where(ines)}/consent?purpose=marketing&channel=sms"
    told = read(agent, page)
    assert "不可以：从未征求过意见" in told
    assert "沟通偏好" in told
    with django_assert_num_queries(15):
        agent.get(page)


def test_a_manager_publishes_texts_by_version_and_topics_and_others_read_them() -> None:
    marek, li = signed_in("manager"), signed_in("agent", name="li")
    assert "No text yet" in read(marek, "/console/consent/")
    told = {"text-code": "newsletter", "text-en": "Write to me.\r\nNow and then.", "text-zh": "请给我发信。"}
    assert "Published as version 1." in sent(marek, "publish", told)
    assert "These are the words of version 1 already." in sent(marek, "publish", told)
    assert "Published as version 2." in sent(marek, "publish", told | {"text-en": "Write to me often."})
    assert [(text.version, text.language) for text in consent_texts.every()] == [
        (2, "en"),
        (2, "zh-hans"),
        (1, "en"),
        (1, "zh-hans"),
    ]
    empty = marek.post("/console/consent/publish", {"text-code": "offers", "text-en": "", "text-zh": ""})
    assert (empty.status_code, "Write it in one language at least." in empty.content.decode()) == (422, True)
    assert marek.post("/console/consent/publish", told | {"text-code": "No!"}).status_code == 422

    topic = {"topic-code": "new-arrivals", "topic-en": "New arrivals", "topic-zh": "新品"}
    assert "New arrivals" in sent(marek, "topics/define", topic)
    page = read(li, "/console/consent/")
    for words in ("Write to me often.", "Now and then.", "version 2", "New arrivals"):
        assert words in page
    assert "Publish a text" not in page
    assert li.post("/console/consent/publish", told).status_code == 403
    sent(marek, "topics/retire", {"topic": "new-arrivals"})
    assert topics.every() == []


def sent(client: Client, act: str, told: dict[str, str]) -> str:
    return str(client.post(f"/console/consent/{act}", told, follow=True).content.decode())


def test_a_no_to_a_person_of_two_records_counts_for_each_when_they_are_parted(ines):
    app = customers.resolve_many(namespace="app", refs=["a-7"], at=MONDAY, by=SYSTEM, origin="live")["a-7"]
    for who in (ines, app):
        consent.give(
            customer=who, purpose="marketing", channel="email", place="app", key=f"yes:{who}", at=MONDAY, by=SYSTEM
        )
    preferences.change(customer=ines, wishes={"most_per_week": 1}, place="app", key="one", at=MONDAY, by=SYSTEM)
    both = {"one": ines, "other": app, "why": Reason.ASKED, "at": MONDAY, "by": SYSTEM}
    by_app = f"/console/members/{records.public_ids([app])[app]}/consent"
    agent = signed_in("agent")
    assert "records are this person" not in read(agent, by_app)
    identity.join(**both, key="join")
    told = read(agent, by_app)
    assert "2 records are this person." in told
    assert "stands with app · a-7" in told

    said = {"purpose": "marketing", "channel": "email", "answer": "no", "reason": "complained", "key": "no"}
    agent.post(f"{by_app}/answer", said)
    agent.post(f"{by_app}/answer", said | {"channel": "sms", "answer": "yes", "reason": "asked_in_store", "key": "yes"})
    wanted = {"shown": shown(agent, ines), "most_per_week": "3", "paused_until": "2027-03-05", "is_personalised": "1"}
    agent.post(by_app.replace("consent", "preferences"), wanted | {"key": "wish"})
    identity.undecide(**(both | {"at": datetime.now(UTC)}), key="part")
    assert [may(ines), may(app)] == ["consent.withdrawn"] * 2
    assert [may(ines, "sms"), may(app, "sms")] == ["consent.not_asked", "consent.paused"]
    wishes = [preferences.of(customer=who, at=datetime.now(UTC)) for who in (ines, app)]
    assert [one.most_per_week for one in wishes] == [1, 3], "what a record wished alone and is stricter stays its own"
    assert all(one.paused_until for one in wishes)


def test_an_owner_sees_what_a_rule_of_consent_would_change_and_only_then_saves_it(ines):
    owner, page = signed_in("owner"), "/console/consent/"
    ticked = ["service/*", "personalisation/*", "analytics/*", "marketing/post", "service/email"]
    told = {"free": ticked, "ages": "cn:14，US：13 *:16"}
    tried = owner.post(f"{page}rules", told | {"act": "save"}).content.decode()
    assert "Marketing · Post" in tried
    assert may(ines, "post") == "consent.not_asked"
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', tried)
    assert seen
    other = owner.post(f"{page}rules", told | {"act": "save", "seen": seen[1], "free": ticked[:3]})
    assert other.status_code == 200, "others than those that were tried"
    assert owner.post(f"{page}rules", told | {"act": "save", "seen": seen[1]}).status_code == 302
    assert may(ines, "post") == "consent.not_needed"
    assert consent_rules.now() == ConsentRules(tuple(ticked[:4][i] for i in (0, 3, 1, 2)), ("CN:14", "US:13", "*:16"))
    assert "CN:14 US:13 *:16" in read(owner, page)
    assert trail.of("preference:consent.without_asking")[0].by.startswith("operator")
    bad = owner.post(f"{page}rules", told | {"ages": "China:14 *:16"})
    assert bad.status_code == 422
    assert "China:14 is none".upper() in bad.content.decode().upper()
    manager = signed_in("manager")
    assert manager.post(f"{page}rules", told).status_code == 403
    assert "An owner can change this." in read(manager, page)
