"""Evidence becomes people, and evidence taken back gives everybody back."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection

from regulars.facts.customers import _settling, customers, identity, merging, persons, reviews, search
from regulars.facts.customers.identity import Observation, Reason
from regulars.facts.customers.merging import Effect
from regulars.facts.customers.models import Decision, Link, Review
from regulars.facts.customers.notices import CustomerJoined, CustomerParted
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.rules import IdentityRules, KindRule
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described, platforms_suffice
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def shop(db):
    platforms_suffice()


def proves(record, value="+8613812341234", kind="phone", *, namespace="", evidence="platform", at=MONDAY, key=""):
    return identity.observe(
        observation=Observation(
            record, kind, namespace, value, evidence, "portal", at, key or f"{record}-{kind}-{value}-{at.date()}"
        ),
        by=MAREK,
    )


def joined(one, other, *, day):
    return identity.join(
        one=one, other=other, why=Reason.ASKED, key=f"{one}-{other}-{day}", at=MONDAY + day * DAY, by=MAREK
    )


def waiting_jobs():
    with connection.cursor() as cursor:
        cursor.execute("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'customers.look_again'")
        return [json.loads(args) for (args,) in cursor.fetchall()]


def run_jobs():
    for args in waiting_jobs():
        identity.look_again(records=args["records"], at=MONDAY, by=MAREK)


def people(*records):
    by_person = {}
    for record, person in persons.of_many(records).items():
        by_person.setdefault(person, set()).add(record)
    return sorted(by_person.values(), key=min)


def test_li_at_the_till_and_li_on_the_web_are_one_person():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")

    assert proves(web).joined == ()
    changed = proves(till, "138 1234 1234")

    assert [(move.record, move.person) for move in changed.joined] == [(till, web)]
    assert persons.records_of(till) == (web, till) == persons.records_of(web)
    assert persons.joined_at(web) == MONDAY
    [line, *_] = trail.of(f"customer:{web}")
    assert line.verb == "customers.identity.settle"


def test_what_was_only_told_joins_nobody():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web)
    assert proves(till, evidence="told").joined == ()
    assert people(web, till) == [{web}, {till}]


def test_evidence_taken_back_parts_them_again_and_telling_it_twice_changes_nothing():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web)
    proves(till)
    link = Link.objects.get(record_id=till)

    first = identity.revoke(link=link.id, why=Reason.MISTAKE, key="r1", at=MONDAY + DAY, by=MAREK)
    again = identity.revoke(link=link.id, why=Reason.MISTAKE, key="r2", at=MONDAY + DAY, by=MAREK)

    assert ([move.record for move in first.parted], again.parted) == ([till], ())
    assert people(web, till) == [{web}, {till}]
    proves(till)
    assert people(web, till) == [{web}, {till}], "a key that was used tells nothing new"
    proves(till, at=MONDAY + 2 * DAY)
    assert people(web, till) == [{web, till}]
    steps = identity.history_of([web, till])
    assert [(step.before, step.after) for step in steps] == [(till, web), (web, till), (till, web)]


def test_when_the_oldest_record_leaves_the_next_oldest_stands_for_the_rest():
    anna, bo, chen = (a_customer(ref) for ref in ("anna", "bo", "chen"))
    proves(anna)
    proves(bo)
    proves(bo, "bo@shop.cn", "email")
    proves(chen, "bo@shop.cn", "email")
    assert people(anna, bo, chen) == [{anna, bo, chen}]

    identity.keep_apart(one=anna, other=bo, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)

    assert people(anna, bo, chen) == [{anna}, {bo, chen}]
    assert persons.of(chen) == bo


def test_somebody_decides_and_takes_it_back():
    anna, bo = a_customer("anna"), a_customer("bo")

    identity.join(one=bo, other=anna, why=Reason.RECOGNISED, key="k1", at=MONDAY, by=MAREK)
    assert people(anna, bo) == [{anna, bo}]
    identity.undecide(one=anna, other=bo, why=Reason.MISTAKE, key="k2", at=MONDAY + DAY, by=MAREK)
    assert people(anna, bo) == [{anna}, {bo}]


def test_a_join_against_what_somebody_else_decided_is_refused():
    anna, bo, chen = (a_customer(ref) for ref in ("anna", "bo", "chen"))
    identity.keep_apart(one=anna, other=chen, why=Reason.FAMILY, key="k1", at=MONDAY, by=MAREK)
    identity.join(one=anna, other=bo, why=Reason.RECOGNISED, key="k2", at=MONDAY, by=MAREK)
    with pytest.raises(identity.KeptApart):
        identity.join(one=bo, other=chen, why=Reason.RECOGNISED, key="k3", at=MONDAY + DAY, by=MAREK)

    assert not Decision.objects.filter(key="k3").exists()
    identity.undecide(one=anna, other=chen, why=Reason.MISTAKE, key="k4", at=MONDAY + 2 * DAY, by=MAREK)
    assert people(anna, bo, chen) == [{anna, bo}, {chen}]
    identity.join(one=bo, other=chen, why=Reason.RECOGNISED, key="k3", at=MONDAY + 3 * DAY, by=MAREK)
    assert people(anna, bo, chen) == [{anna, bo, chen}]


def test_a_join_goes_over_no_decision_not_even_of_exactly_these_two():
    anna, bo, chen = (a_customer(ref) for ref in ("anna", "bo", "chen"))
    proves(anna)
    proves(bo)
    identity.keep_apart(one=anna, other=chen, why=Reason.FAMILY, key="k1", at=MONDAY, by=MAREK)
    # Of Bo the evidence alone says that he is Anna: who joins him to Chen would take him from her.
    for who in (anna, bo):
        with pytest.raises(identity.KeptApart):
            identity.join(one=chen, other=who, why=Reason.RECOGNISED, key=f"j{who}", at=MONDAY + DAY, by=MAREK)
    assert people(anna, bo, chen) == [{anna, bo}, {chen}]


def test_a_phone_that_got_a_new_owner_is_a_question():
    before, after = a_customer("before"), a_customer("after")
    proves(before)
    changed = proves(after, at=MONDAY + 500 * DAY)

    assert (changed.joined, [one.why for one in changed.conflicts]) == ((), ["new_owner"])
    assert Review.objects.get().state == "open"
    identity.keep_apart(one=before, other=after, why=Reason.NEW_OWNER, key="k", at=MONDAY + 501 * DAY, by=MAREK)
    assert Review.objects.get().state == "apart"
    identity.undecide(one=before, other=after, why=Reason.MISTAKE, key="k2", at=MONDAY + 502 * DAY, by=MAREK)
    assert Review.objects.get().state == "open"
    identity.join(one=before, other=after, why=Reason.CONFIRMED, key="k3", at=MONDAY + 503 * DAY, by=MAREK)
    assert Review.objects.get().state == "joined"


def test_the_same_id_in_another_app_is_another_person():
    shop_app, other_app = a_customer("a", namespace="mini-shop"), a_customer("a", namespace="mini-club")
    proves(shop_app, "oA1b2C3", "wechat_openid", namespace="mini-shop", evidence="platform")
    proves(other_app, "oA1b2C3", "wechat_openid", namespace="mini-club", evidence="platform")
    assert people(shop_app, other_app) == [{shop_app}, {other_app}]


@pytest.mark.parametrize(
    ("kind", "namespace", "value", "told"),
    [
        ("taobao_oaid", "shop-1", "1abc", "changes with shop"),
        ("phone", "", "13800000000", "let through"),
        ("phone", "", "12345", "no phone number"),
        ("email", "", "test@test.com", "let through"),
        ("email", "", "noemail@shop.cn", "let through"),
        ("card", "club", "000000", "nobody"),
        ("card", "club", "null", "nobody"),
        ("card", "", "4711", "namespace"),
        ("card", "club", "li@shop.cn", "as email or phone"),
        ("passport", "", "x", "no kind"),
    ],
)
def test_what_names_nobody_is_refused_with_the_mend(kind, namespace, value, told):
    li = a_customer("li")
    with pytest.raises(Refusal, match=told) as refused:
        proves(li, value, kind, namespace=namespace, evidence="platform")
    assert "li@shop.cn" not in str(refused.value)


def test_other_rules_are_tried_before_they_count():
    anna, bo, chen = (a_customer(ref) for ref in ("anna", "bo", "chen"))
    for who in (anna, bo, chen):
        proves(who)
    strict = IdentityRules(kinds={"phone": KindRule("contact", most_a_person=5, most_people=2)})

    tried = identity.what_if(strict)
    assert (tried.people_before, tried.people_after, len(tried.parted)) == (1, 3, 2)
    assert people(anna, bo, chen) == [{anna, bo, chen}]

    identity.set_rules(rules=strict, at=MONDAY, by=MAREK)
    assert people(anna, bo, chen) == [{anna}, {bo}, {chen}]
    assert identity.rules() == IdentityRules(kinds=identity.rules().kinds)
    assert identity.what_if(strict).parted == ()


def test_a_preview_writes_nothing():
    anna, bo = a_customer("anna"), a_customer("bo")
    seen = identity.preview_join(one=anna, other=bo, at=MONDAY)
    assert ([move.record for move in seen.joined], seen.people_before, seen.people_after) == ([bo], 2, 1)
    assert people(anna, bo) == [{anna}, {bo}]


def test_who_would_join_whom_somebody_joined_already_sees_that_nothing_changes():
    anna, bo, chen = a_customer("anna"), a_customer("bo"), a_customer("chen")
    identity.join(one=anna, other=bo, why=Reason.ASKED, key="1", at=MONDAY, by=MAREK)
    identity.join(one=bo, other=chen, why=Reason.ASKED, key="2", at=MONDAY + DAY, by=MAREK)
    identity.keep_apart(one=anna, other=chen, why=Reason.FAMILY, key="3", at=MONDAY + 2 * DAY, by=MAREK)
    now = people(anna, bo, chen)
    assert now == [{anna, bo}, {chen}]

    seen = identity.preview_join(one=anna, other=bo, at=MONDAY + 3 * DAY)
    identity.join(one=anna, other=bo, why=Reason.ASKED, key="4", at=MONDAY + 3 * DAY, by=MAREK)
    assert people(anna, bo, chen) == now
    assert (seen.joined, seen.parted) == ((), ())


def test_why_they_are_one_person_is_explained():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web)
    proves(till)
    seen = identity.explain(till)
    assert (seen.person, seen.records) == (web, (web, till))
    [join] = seen.joins
    assert join.identifier is not None
    assert (join.identifier.kind, join.evidence) == ("phone", "platform")
    assert [(link.record, link.value, link.counts) for link in seen.links] == [(web, None, True), (till, None, True)]


def test_the_database_forbids_a_person_two_steps_away():
    anna, bo, chen = (a_customer(ref) for ref in ("anna", "bo", "chen"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET person_id = %s, joined_at = now() WHERE id = %s", [anna, bo])
        cursor.execute("UPDATE customers_customer SET person_id = %s, joined_at = now() WHERE id = %s", [bo, chen])
        with pytest.raises(IntegrityError, match="joined itself"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_others_are_told():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web)
    proves(till)
    identity.keep_apart(one=web, other=till, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, subject FROM notices_notice WHERE kind IN (%s, %s) ORDER BY id",
            [CustomerJoined.kind, CustomerParted.kind],
        )
        told = cursor.fetchall()
    assert told == [
        ("customers.customer_joined", f"customer:{web}"),
        ("customers.customer_parted", f"customer:{web}"),
    ]


def test_a_key_that_told_something_else_is_refused_whatever_it_told():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web, key="one")
    proves(till, key="two")
    first, second = identity.links_of([web, till])
    identity.revoke(link=second.id, why=Reason.MISTAKE, key="three", at=MONDAY + DAY, by=MAREK)

    for act in (
        lambda: identity.revoke(link=first.id, why=Reason.MISTAKE, key="three", at=MONDAY + DAY, by=MAREK),
        lambda: identity.revoke(link=first.id, why=Reason.MISTAKE, key="one", at=MONDAY + DAY, by=MAREK),
        lambda: proves(till, key="three"),
        lambda: proves(web, evidence="contact", key="one"),
    ):
        with pytest.raises(identity.BadKey):
            act()
    assert [link.counts for link in identity.links_of([web, till])] == [True, False]


def test_what_was_decided_and_is_said_again_changes_nothing_for_others():
    ines, mo, li = (a_customer(name) for name in ("ines", "mo", "li"))
    joined(ines, mo, day=1)
    joined(mo, li, day=2)
    identity.keep_apart(one=ines, other=li, why=Reason.FAMILY, key="apart", at=MONDAY + 3 * DAY, by=MAREK)
    assert people(ines, mo, li) == [{ines, mo}, {li}]

    again = identity.join(one=mo, other=ines, why=Reason.ASKED, key="again", at=MONDAY + 4 * DAY, by=MAREK)

    assert again == identity.Changed((), (), ())
    assert people(ines, mo, li) == [{ines, mo}, {li}]


def test_a_family_phone_is_a_question_and_the_birthday_told_later_answers_it():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    proves(web, evidence="contact")
    assert [one.why for one in proves(till, evidence="contact").conflicts] == ["nothing_else"]

    described(web, Profile(display_name="王小兰", birthday="1994-05-17"))
    described(till, Profile(birthday="1994-05-17"))
    run_jobs()
    assert people(web, till) == [{web, till}]
    assert Review.objects.get().state == "joined"

    described(till, Profile(display_name="李秀英"), key="the mother's, after all")
    run_jobs()
    assert people(web, till) == [{web}, {till}]
    asked = {(one.kind, one.state) for one in Review.objects.all()}
    assert asked == {("nothing_else", "gone"), ("contradicted", "open")}


def test_who_proved_nothing_is_not_looked_at_again():
    described(a_customer("li"), Profile(display_name="王小兰"))
    assert not waiting_jobs()


def test_a_tills_own_number_leads_from_nobody_to_nobody():
    guests = [a_customer(f"guest-{number}") for number in range(28)]
    for number, guest in enumerate(guests):
        proves(guest, "+8613866660000", at=MONDAY + number * DAY)
        proves(guest, f"guest{number // 2}@shop.cn", "email", at=MONDAY + number * DAY)
    pairs = [{one, other} for one, other in zip(guests[::2], guests[1::2], strict=True)]
    assert people(*guests) == pairs, "joined by their addresses, not by the till"

    seen = _settling.scene([guests[-1]])
    assert seen.records == pairs[-1]
    assert {identifier.kind: number for identifier, number in seen.worn.items()} == {"phone": 28}
    everything = _settling.whole_scene()
    assert everything.people(identity.rules()).person == persons.of_many(guests)

    link = next(one for one in identity.links_of([guests[-1]]) if one.kind == "phone")
    identity.revoke(link=link.id, why=Reason.MISTAKE, key="wrong", at=MONDAY + 40 * DAY, by=MAREK)
    assert people(*guests) == pairs
    assert [(asked.kind, asked.identifier_kind) for asked in reviews.listed()] == [("worn", "phone")]


def test_those_whom_an_identifier_joined_part_when_it_is_worn_out():
    few = [a_customer(f"guest-{number}") for number in range(5)]
    for number, guest in enumerate(few[:4]):
        proves(guest, "card-1", "card", namespace="club", at=MONDAY + number * DAY)
    assert people(*few) == [set(few[:4]), {few[4]}]
    proves(few[4], "card-1", "card", namespace="club", at=MONDAY + 4 * DAY)
    assert people(*few) == [{guest} for guest in few]


def test_a_joined_person_is_as_old_as_the_first_record_and_has_the_country_that_one_of_them_has():
    web, till = a_customer("li", namespace="web"), a_customer("card-9", namespace="till")
    customers.note_many(at=MONDAY, by=MAREK, first_seen={web: MONDAY, till: MONDAY - 90 * DAY}, countries={till: "CN"})
    joined(web, till, day=1)

    [sought] = search.by_identifier(kind="reference", namespace="till", value="card-9")
    assert search.by_identifier(kind="reference", namespace="", value="card-9") == [sought], "by whichever source"
    for found in (customers.get(web), customers.get(till), customers.get_many([web])[web], sought.person):
        assert (found.id, found.first_seen_at, found.country) == (web, MONDAY - 90 * DAY, "CN")
    identity.undecide(one=web, other=till, why=Reason.MISTAKE, key="back", at=MONDAY + 2 * DAY, by=MAREK)
    assert (customers.get(web).first_seen_at, customers.get(web).country) == (MONDAY, None)


def test_a_join_that_was_refused_and_stayed_on_record_is_taken_back_and_others_are_left():
    anna, bo, chen, li = (a_customer(ref) for ref in ("anna", "bo", "chen", "li"))
    joined(anna, bo, day=1)
    identity.keep_apart(one=anna, other=chen, why=Reason.FAMILY, key="k1", at=MONDAY + 2 * DAY, by=MAREK)
    # As a version that refused it and kept it wrote it down.
    Decision.objects.create(key="old", one_id=bo, other_id=chen, verdict="join", at=MONDAY + 3 * DAY, by=str(MAREK))
    # This one counted until somebody decided otherwise of others.
    joined(bo, li, day=4)
    identity.keep_apart(one=anna, other=li, why=Reason.FAMILY, key="k2", at=MONDAY + 5 * DAY, by=MAREK)

    assert identity.clear_refused_joins(at=MONDAY + 6 * DAY, by=MAREK) == 1
    assert identity.clear_refused_joins(at=MONDAY + 6 * DAY, by=MAREK) == 0
    identity.undecide(one=anna, other=chen, why=Reason.MISTAKE, key="k3", at=MONDAY + 7 * DAY, by=MAREK)
    assert people(anna, bo, chen) == [{anna, bo}, {chen}]
    identity.undecide(one=anna, other=li, why=Reason.MISTAKE, key="k4", at=MONDAY + 7 * DAY, by=MAREK)
    assert people(anna, bo, li) == [{anna, bo, li}]


def test_what_would_move_is_told_once_for_each_kind_of_thing():
    told = merging.summed([Effect("orders", 2), Effect("returns", 1), Effect("orders", 3)])
    assert told == [Effect("orders", 5), Effect("returns", 1)]
