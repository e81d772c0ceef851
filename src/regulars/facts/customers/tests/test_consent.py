"""The ledger of consent: verbs, keys, notices, the database's own guards, and the one question."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import Error, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from regulars.facts.company import brands, company
from regulars.facts.customers import (
    consent,
    consent_texts,
    customers,
    fields,
    identity,
    preferences,
    sheets,
    topics,
)
from regulars.facts.customers.consent import BadConsent, KeyTaken, Told
from regulars.facts.customers.consent_settings import WITHOUT_ASKING
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MAREK, MONDAY, THE_IMPORT, a_customer, described
from regulars.facts.customers.topics import UnknownTopic
from regulars.facts.customers.wishing import BadWish
from regulars.runtime.preferences import preferences as shop_preferences
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOBODY = 999_999_999


def says(customer: int, *, yes: bool, purpose: str = "marketing", channel: str = "email", day: int = 0, **more):
    """The customer answers on a form of the web shop, that many days after Monday."""
    verb = consent.give if yes else consent.withdraw
    given = {"key": f"{customer}-{purpose}-{channel}-{yes}-{day}", "at": MONDAY + day * DAY, "by": MAREK} | more
    return verb(customer=customer, purpose=purpose, channel=channel, place="web_form", **given)


def may(customer: int, *, purpose: str = "marketing", channel: str = "email", day: int = 5, **more) -> str:
    """The code of the verdict, some days later."""
    return consent.may_send(customer=customer, purpose=purpose, channel=channel, at=MONDAY + day * DAY, **more).code


def announced(kind: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM notices_notice WHERE kind = %s ORDER BY id", [kind])
        return [json.loads(body) if isinstance(body, str) else body for (body,) in cursor.fetchall()]


def test_a_yes_opens_and_a_no_closes_at_once():
    li = a_customer("li")
    assert may(li) == "consent.not_asked"
    yes = says(li, yes=True, day=1)
    assert may(li) == "consent.granted"
    no = says(li, yes=False, day=2)
    verdict = consent.may_send(customer=li, purpose="marketing", channel="email", at=MONDAY + 2 * DAY)
    assert (bool(verdict), verdict.code, verdict.consent) == (False, "consent.withdrawn", no.number)
    assert [line.number for line in consent.history(customer=li)] == [no.number, yes.number]


def test_what_was_so_then_is_still_told_of_then():
    li = a_customer("li")
    says(li, yes=True, day=1)
    says(li, yes=False, day=9)
    assert (may(li, day=5), may(li, day=10)) == ("consent.granted", "consent.withdrawn")


def test_the_same_key_again_changes_nothing_and_another_answer_is_refused():
    li, ana = a_customer("li"), a_customer("ana")
    first = says(li, yes=True, key="form-1")
    assert says(li, yes=True, key="form-1", day=3) == first
    with pytest.raises(KeyTaken):
        says(ana, yes=True, key="form-1")
    with pytest.raises(KeyTaken):
        says(li, yes=False, key="form-1")
    assert len(consent.history(customer=li)) == 1


def test_each_answer_leaves_a_notice_and_a_line_with_ids_only():
    li = a_customer("li")
    says(li, yes=True, purpose="surveys", channel="wechat")
    no = says(li, yes=False, purpose="*", channel="*", reason="asked_in_store", day=1)
    assert announced("customers.consent_given")[0]["purpose"] == "surveys"
    assert announced("customers.consent_withdrawn") == [
        {"customer": li, "consent": no.number, "purpose": "*", "channel": "*", "brand": None}
    ]
    line = trail.of(f"customer:{li}")[0]
    assert (line.verb, line.why, line.after) == (
        "consent.withdraw",
        "asked_in_store",
        {"consent": no.number, "purpose": "*", "channel": "*", "place": "web_form"},
    )


@pytest.mark.parametrize("statement", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["customers_consent", "customers_wish"])
@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.django_db(databases=["default", "owner"])
def test_nobody_can_change_or_remove_an_answer(table, statement, alias):
    with pytest.raises(Error), transaction.atomic(alias), connections[alias].cursor() as cursor:
        cursor.execute(statement.format(table))


def test_many_at_once_are_as_one_by_one_and_again_nothing():
    people = [a_customer(name) for name in ("li", "ana", "tom")]
    told = [
        Told(
            customer=customer,
            purpose="marketing",
            channel="*",
            is_granted=place > 0,
            place="import",
            at=MONDAY,
            key=f"row-{place}",
        )
        for place, customer in enumerate(people)
    ]
    done = consent.record_many(told=told, by=THE_IMPORT, origin="history")
    assert (done.new, done.same, done.given, done.withdrawn) == (3, 0, 2, 1)
    again = consent.record_many(told=told, by=THE_IMPORT, origin="history")
    assert (again.new, again.same) == (0, 3)
    assert [may(customer, channel="sms") for customer in people] == [
        "consent.withdrawn",
        "consent.granted",
        "consent.granted",
    ]
    (body,) = announced("customers.consents_imported")
    assert (body["given"], body["withdrawn"]) == (2, 1)
    assert announced("customers.consent_given") == []


def test_brands_are_asked_for_alone():
    li = a_customer("li")
    tea = brands.describe(code="tea", name="Tea House", at=MONDAY, by=MAREK).id
    ink = brands.describe(code="ink", name="Ink", at=MONDAY, by=MAREK).id
    says(li, yes=True, brand=tea)
    assert (may(li, brand=tea), may(li, brand=ink), may(li)) == (
        "consent.granted",
        "consent.not_asked",
        "consent.not_asked",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": "spam"},
        {"channel": "fax"},
        {"proof": "told by li@example.com"},
        {"proof": "+86 138 0013 8000"},
        {"proof": "call to 13812345678"},
        {"proof": "sms 138-1234-5678, sheet 4"},
        {"proof": "told on +44 20 7946 0018"},
        {"proof": "x" * 201},
        {"reason": "because"},
        {"key": ""},
        {"key": "k" * 161},
        {"at": datetime(2026, 3, 2)},  # noqa: DTZ001  # that is what is refused
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_of_a_person_is_quoted(wrong):
    li = a_customer("li")
    with pytest.raises(BadConsent) as refused:
        says(li, yes=True, **wrong)
    assert "example.com" not in str(refused.value)
    assert consent.history(customer=li) == []


def test_nobody_cannot_answer_or_be_asked():
    with pytest.raises(UnknownCustomer):
        says(NOBODY, yes=True)
    with pytest.raises(UnknownCustomer):
        may(NOBODY)
    found = consent.may_send_many(customers=[NOBODY], purpose="service", channel="sms", at=MONDAY)
    assert (found[NOBODY].is_allowed, found[NOBODY].code) == (False, "consent.unknown_customer")
    with pytest.raises(BadConsent, match="no message"):
        may(a_customer("li"), purpose="sharing")


def test_a_text_never_changes_and_can_be_shown_again():
    li = a_customer("li")
    words = {"en": "Yes, write to me.", "zh-hans": "同意接收信息。"}
    english, chinese = consent_texts.publish(code="newsletter", version=1, words=words, at=MONDAY, by=MAREK)
    assert consent_texts.publish(code="newsletter", version=1, words=words, at=MONDAY + DAY, by=MAREK) == [
        english,
        chinese,
    ]
    with pytest.raises(consent_texts.TextTaken, match="publish version 2"):
        consent_texts.publish(code="newsletter", version=1, words={"en": "Yes!"}, at=MONDAY, by=MAREK)
    line = says(li, yes=True, text=chinese.id)
    assert line.text is not None
    assert consent_texts.of_many([line.text])[line.text].words == "同意接收信息。"
    assert len(english.digest) == 64
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE customers_consent_text SET words = 'Never mind'")


def test_a_child_needs_a_guardian_who_is_proven():
    mia = a_customer("mia")
    described(mia, Profile(birthday="2014-06-01", country="GB"))
    says(mia, yes=True)
    verdict = consent.may_send(customer=mia, purpose="marketing", channel="email", at=MONDAY + DAY)
    assert verdict.code == "consent.needs_guardian"
    with pytest.raises(BadConsent, match="guardian"):
        says(mia, yes=True, is_by_guardian=True, day=1)
    says(mia, yes=True, is_by_guardian=True, proof="signed form 17", day=1)
    assert may(mia) == "consent.granted"
    assert may(mia, purpose="service") == "consent.not_needed"
    # In Germany she would have to be 16, in Britain 13: this year she is 12, next year she decides.
    assert consent.may_personalise(customer=mia, at=MONDAY).code == "consent.needs_guardian"
    assert consent.may_personalise(customer=mia, at=MONDAY + 500 * DAY).is_allowed


def test_a_child_is_one_by_either_calendar():
    mia = a_customer("mia")
    described(mia, Profile(lunar_birthday="2014-05-04", country="GB"))
    says(mia, yes=True)
    assert may(mia) == "consent.needs_guardian"
    assert str(consent.standing(customer=mia, at=MONDAY).known.birthday) == "2014-06-01"
    assert consent.allowed(customers=[mia], purpose="marketing", channel="email", at=MONDAY) == {mia: False}
    shown = sheets.by_public_id(customers.get(mia).public_id, at=MONDAY, shop=company.shop())
    assert shown.consent.may("marketing", "email", MONDAY).code == "consent.needs_guardian"


def test_the_shop_decides_what_needs_no_yes():
    li = a_customer("li")
    shop_preferences.write(WITHOUT_ASKING, ("service/*", "marketing/post"), at=MONDAY, by=MAREK)
    assert (may(li, channel="post"), may(li, channel="email")) == ("consent.not_needed", "consent.not_asked")
    assert not consent.may_personalise(customer=li, at=MONDAY)
    with pytest.raises(shop_preferences.BadValue, match="marketing/fax"):
        shop_preferences.write(WITHOUT_ASKING, ("marketing/fax",), at=MONDAY, by=MAREK)


def test_wishes_are_kept_with_place_and_time_and_count_at_once():
    li = a_customer("li")
    topics.define(code="shoes", names={"en": "Shoes", "zh-hans": "鞋"}, at=MONDAY, by=MAREK)
    says(li, yes=True)
    wishes = {"topic:shoes": False, "most_per_week": 1, "is_personalised": False}
    new = preferences.change(customer=li, wishes=wishes, place="app", key="w1", at=MONDAY, by=MAREK)
    assert new == ("is_personalised", "most_per_week", "topic:shoes")
    assert preferences.change(customer=li, wishes=wishes, place="app", key="w1", at=MONDAY, by=MAREK) == new
    assert may(li, topic="shoes") == "consent.topic_declined"
    assert may(li, sent=[MONDAY + 4 * DAY]) == "consent.often_enough"
    assert consent.may_personalise(customer=li, at=MONDAY + DAY).code == "consent.not_personalised"
    preferences.change(
        customer=li,
        wishes={"topic:shoes": None, "most_per_week": None},
        place="app",
        key="w2",
        at=MONDAY + DAY,
        by=MAREK,
    )
    assert may(li, topic="shoes", sent=[MONDAY + 4 * DAY]) == "consent.granted"
    assert [(line.name, line.value) for line in preferences.history(customer=li)][:2] == [
        ("topic:shoes", None),
        ("most_per_week", None),
    ]
    assert announced("customers.preferences_changed")[0]["names"] == list(new)


def test_wishes_that_are_none_are_refused():
    li = a_customer("li")
    for wishes in ({}, {"shoe_size": 40}, {"most_per_week": 0}):
        with pytest.raises(BadWish):
            preferences.change(customer=li, wishes=wishes, place="app", key="w", at=MONDAY, by=MAREK)
    with pytest.raises(UnknownTopic):
        preferences.change(customer=li, wishes={"topic:hats": True}, place="app", key="w", at=MONDAY, by=MAREK)
    with pytest.raises(UnknownTopic):
        may(li, topic="hats")


def test_quiet_hours_are_those_of_the_customers_clock():
    li = a_customer("li")
    says(li, yes=True)
    preferences.change(
        customer=li,
        wishes={"quiet": "22:00-08:00", "zone": "Europe/London"},
        place="preference_centre",
        key="w",
        at=MONDAY,
        by=MAREK,
    )
    night = datetime(2026, 3, 3, 23, tzinfo=UTC)
    verdict = consent.may_send(customer=li, purpose="marketing", channel="email", at=night)
    assert (verdict.code, verdict.until) == ("consent.quiet_hours", datetime(2026, 3, 4, 8, tzinfo=UTC))
    with translation.override("en"):
        assert verdict.words == "Not now: these are their quiet hours. Until 2026-03-04 16:00."


def test_a_verdict_is_told_in_both_languages():
    verdict = consent.may_send(customer=a_customer("li"), purpose="marketing", channel="sms", at=MONDAY)
    with translation.override("en"):
        assert verdict.words == "No: they were never asked, and this needs their consent."
    with translation.override("zh-hans"):
        assert "同意" in verdict.words


def test_a_question_costs_the_same_for_one_and_for_many():
    people = [a_customer(f"member-{number}") for number in range(30)]
    for customer in people:
        says(customer, yes=True)
        described(customer, Profile(birthday="1990-05-17"))
    spent = []
    for wanted in (people[:1], people):
        with CaptureQueriesContext(connection) as queries:
            found = consent.may_send_many(customers=wanted, purpose="marketing", channel="email", at=MONDAY + DAY)
        assert {verdict.code for verdict in found.values()} == {"consent.granted"}
        spent.append(len(queries))
    assert spent == [7, 7]


def test_joined_records_are_strict_until_asked_again_and_parted_ones_are_as_before():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    says(web, yes=True, day=2)
    says(till, yes=False, day=1)
    preferences.change(customer=web, wishes={"most_per_week": 5}, place="app", key="w", at=MONDAY, by=MAREK)
    preferences.change(customer=till, wishes={"most_per_week": 2}, place="app", key="t", at=MONDAY, by=MAREK)
    before = [(may(one), preferences.of(customer=one, at=MONDAY).most_per_week) for one in (web, till)]
    assert before == [("consent.granted", 5), ("consent.withdrawn", 2)]

    identity.join(one=web, other=till, why=identity.Reason.CONFIRMED, key="j", at=MONDAY - 9 * DAY, by=MAREK)
    assert (may(web), may(till)) == ("consent.withdrawn", "consent.withdrawn")
    assert [preferences.of(customer=one, at=MONDAY).most_per_week for one in (web, till)] == [2, 2]
    assert {line.record for line in consent.history(customer=till)} == {web, till}
    assert announced("customers.consent_given")[-1]["customer"] == web

    # Said before the join and told after it: nobody was asked again.
    says(web, yes=True, day=3)
    assert (may(web), may(till)) == ("consent.withdrawn", "consent.withdrawn")
    now = datetime.now(UTC)
    again = says(till, yes=True, at=now)
    then = (now - MONDAY).days + 1
    assert (may(web, day=then), may(till, day=then)) == ("consent.granted", "consent.granted")
    assert announced("customers.consent_given")[-1] == {
        "customer": web,
        "consent": again.number,
        "purpose": "marketing",
        "channel": "email",
        "brand": None,
    }

    identity.undecide(one=web, other=till, why=identity.Reason.CONFIRMED, key="u", at=MONDAY, by=MAREK)
    assert (may(web, day=2), may(till, day=2)) == ("consent.granted", "consent.withdrawn")
    assert preferences.of(customer=web, at=MONDAY).most_per_week == 5


def test_consent_is_a_field_that_conditions_may_ask():
    li, ana = a_customer("li"), a_customer("ana")
    says(li, yes=True, purpose="marketing", channel="sms")
    wishes = {"quiet": "00:00-23:59", "is_personalised": False}
    preferences.change(customer=li, wishes=wishes, place="app", key="w", at=MONDAY, by=MAREK)
    offered = {field.name: field for field in fields.FIELDS}
    assert offered["customers.marketing_by_sms"].read([li, ana]) == {li: True, ana: False}
    assert offered["customers.marketing_by_email"].read([li]) == {li: False}
    assert offered["customers.is_personalised"].read([li, ana]) == {li: False, ana: True}


def test_a_birthday_without_its_year_tells_no_age():
    mia = a_customer("mia")
    described(mia, Profile(birthday="--05-17", country="CN"))
    assert consent.may_send(customer=mia, purpose="marketing", channel="email", at=MONDAY).code == "consent.not_asked"
    assert consent.standing(customer=mia, at=MONDAY).known.birthday is None
