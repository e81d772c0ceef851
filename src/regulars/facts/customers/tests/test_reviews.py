"""Questions of identity: asked once, seen side by side, answered, taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from regulars.facts.customers import blocking, checkups, decisions, finding, identity, persons, records, reviews
from regulars.facts.customers.identity import Observation, Reason
from regulars.facts.customers.kinds import NoEvidence
from regulars.facts.customers.models import Identifier, Review
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.reviews import NotAboutTwo, NothingDecided, UnknownReview
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described, platforms_suffice
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SHARED = "+8613812345670"


@pytest.fixture(autouse=True)
def shop(db):
    platforms_suffice()


def told_by(*refs, phone=SHARED, email=None):
    found = []
    for ref in refs:
        found.append(a_customer(ref))
        described(found[-1], Profile(display_name=f"{ref.title()} Li", phone=phone, email=email))
    return found


def proves(record, value=SHARED, kind="phone", *, at=MONDAY, evidence="platform", namespace=""):
    return identity.observe(
        observation=Observation(
            record, kind, namespace, value, evidence, "portal", at, f"{record}-{value}-{at.date()}"
        ),
        by=MAREK,
    )


def the_question():
    [question] = reviews.listed()
    return question


def test_two_people_who_claim_one_phone_are_one_question_however_often_they_tell_it():
    anna, bo = told_by("anna", "bo")
    described(bo, Profile(phone="138 1234 5670", country="CN"), key="again")

    question = the_question()
    assert (question.kind, question.one, question.other, question.identifier_kind) == ("claim", anna, bo, "phone")
    assert reviews.count_open() == 1
    assert reviews.get(question.public_id) == question == reviews.of_records([bo])[0]
    assert persons.of(bo) == bo, "a claim joins nobody"


def test_nobody_is_asked_about_one_person_or_about_two_who_were_kept_apart():
    anna, bo, chen = a_customer("anna"), a_customer("bo"), a_customer("chen")
    identity.join(one=anna, other=bo, why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)
    identity.keep_apart(one=anna, other=chen, why=Reason.FAMILY, key="a", at=MONDAY, by=MAREK)
    for who in (anna, bo, chen):
        described(who, Profile(phone=SHARED))
    assert reviews.listed(state=None) == []


def test_the_two_stand_side_by_side_masked_with_what_they_have_in_common():
    anna, bo = told_by("anna", "bo")
    proves(bo, "bo@shop.cn", "email", evidence="told")
    seen = reviews.sides(one=anna, other=bo)

    assert [[one.called[0].ref for one in side] for side in (seen.one, seen.other)] == [["anna"], ["bo"]]
    assert seen.one[0].masked.phone == "138****5670"
    assert seen.in_common == ("phone",)
    [link] = seen.other[0].links
    assert (link.kind, link.value, link.evidence, link.source) == ("email", None, "told", "portal")


def test_a_question_is_answered_and_the_answer_taken_back():
    anna, bo = told_by("anna", "bo")
    asked = the_question()
    with pytest.raises(NothingDecided):
        reviews.undo(review=asked, why=Reason.MISTAKE, key="u0", at=MONDAY, by=MAREK)

    changed = reviews.join(review=asked, why=Reason.CONFIRMED, key="k1", at=MONDAY, by=MAREK)
    assert [move.record for move in changed.joined] == [bo]
    assert (reviews.get(asked.public_id).state, reviews.count_open()) == ("joined", 0)
    assert [record.id for record in records.of(bo)] == [anna, bo]
    [decided] = decisions.of([bo])
    assert (decided.verdict, decided.why, decided.by) == ("join", "confirmed", str(MAREK))

    reviews.undo(review=asked, why=Reason.MISTAKE, key="k2", at=MONDAY + DAY, by=MAREK)
    assert (persons.of(bo), reviews.get(asked.public_id).state) == (bo, "open")
    reviews.keep_apart(review=asked, why=Reason.FAMILY, key="k3", at=MONDAY + 2 * DAY, by=MAREK)
    assert reviews.get(asked.public_id).state == "apart"
    assert [one.verdict for one in decisions.of([anna])] == ["apart"]


def test_a_phone_that_is_given_up_asks_no_more_and_asks_again_when_it_comes_back():
    """Recycled by the operator: the first owner tells another number, and the next describe of the second claims it."""
    anna, bo = told_by("anna", "bo")
    asked = the_question()
    described(anna, Profile(phone="+8613899990000"), key="new-number")
    assert reviews.get(asked.public_id).state == "gone"
    described(bo, Profile(phone=""), key="off")
    described(bo, Profile(phone=SHARED), key="on")
    assert reviews.listed() == [], "it is Bo's alone now"
    described(anna, Profile(phone=SHARED), key="back")
    assert the_question().public_id == asked.public_id


def test_an_email_changed_at_the_shop_stops_identifying_and_the_ledger_shows_when():
    anna, new_owner = a_customer("anna"), a_customer("new")
    proves(anna, "old@shop.cn", "email", evidence="login")
    old = records.of(anna)[0].links[0]
    identity.revoke(link=old.id, why=Reason.NEW_OWNER, key="r", at=MONDAY + DAY, by=MAREK)
    proves(anna, "fresh@shop.cn", "email", evidence="login", at=MONDAY + DAY)
    changed = proves(new_owner, "old@shop.cn", "email", evidence="login", at=MONDAY + 2 * DAY)

    assert (changed.joined, changed.conflicts) == ((), ())
    assert [(link.at, link.counts) for link in records.of(anna)[0].links] == [(MONDAY, False), (MONDAY + DAY, True)]


def test_a_phone_of_hundreds_is_one_question_about_the_phone():
    crowd = told_by(*(f"guest-{n}" for n in range(9)))
    open_ones = reviews.listed()
    [worn] = [one for one in open_ones if one.kind == "worn"]
    assert open_ones == [worn], "what was asked of pairs before is asked no more"
    assert (worn.identifier_kind, reviews.users_of(worn).count) == ("phone", 9)
    with pytest.raises(NotAboutTwo):
        reviews.join(review=worn, why=Reason.CONFIRMED, key="k", at=MONDAY, by=MAREK)

    reviews.block(review=worn, at=MONDAY, by=MAREK)
    reviews.block(review=worn, at=MONDAY, by=MAREK)
    told_by("late-guest")
    assert reviews.listed() == []
    assert [(one.kind, one.value) for one in blocking.listed()] == [("phone", None)]
    [line] = trail.of(f"review:{worn.public_id}")
    assert line.verb == "customers.reviews.block"
    for who in crowd[:2]:
        assert proves(who).joined == (), "a blocked identifier joins nobody"


def test_a_card_that_too_many_prove_is_asked_about_once_and_can_be_left_as_it_is():
    crowd = [a_customer(f"guest-{n}") for n in range(6)]
    for who in crowd:
        proves(who, "TILL-1", "card", namespace="club")
    worn = the_question()
    assert (worn.kind, worn.identifier_kind, reviews.users_of(worn).count) == ("worn", "card", 6)
    assert {persons.of(who) for who in crowd} == set(crowd)

    reviews.set_aside(review=worn, at=MONDAY, by=MAREK)
    proves(a_customer("guest-9"), "TILL-1", "card", namespace="club")
    assert reviews.listed() == []


def test_what_was_blocked_can_be_evidence_again():
    anna, bo = a_customer("anna"), a_customer("bo")
    proves(anna)
    proves(bo)
    digest = identity.digest("phone", "", SHARED).digest
    assert [move.record for move in blocking.block(digest=digest, at=MONDAY, by=MAREK).parted] == [bo]
    assert blocking.listed()[0].records == 2
    assert [move.record for move in blocking.unblock(digest=digest, at=MONDAY, by=MAREK).joined] == [bo]
    with pytest.raises(blocking.NotBlocked):
        blocking.unblock(digest=digest, at=MONDAY, by=MAREK)


def test_questions_come_a_page_at_a_time_by_kind_and_state():
    told_by("anna", "bo", phone="+8613812345671")
    told_by("chen", "dai", phone="+8613812345672")
    newest, oldest = reviews.listed()
    assert reviews.listed(after=newest.place) == [oldest]
    assert reviews.listed(kind="worn") == []
    reviews.keep_apart(review=oldest, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)
    assert [one.id for one in reviews.listed(state="apart")] == [oldest.id]
    assert [(one.id, one.state) for one in reviews.listed(state=None)] == [(newest.id, "open"), (oldest.id, "apart")]


def test_what_is_no_question_is_refused():
    with pytest.raises(Refusal):
        reviews.get("nonsense")
    with pytest.raises(UnknownReview):
        reviews.get("rev_00000000000000000000000000")


def test_what_people_type_to_be_let_through_makes_nobody_known_and_asks_nobody():
    for number, (phone, email) in enumerate(
        [("13800138000", "test@test.com"), ("000 0000 0000", "TEST@test.com"), ("+8613800138000", "none@qq.com")]
    ):
        described(a_customer(f"somebody-{number}"), Profile(phone=phone, email=email))
    assert reviews.listed(state=None) == []
    assert not Identifier.objects.filter(kind__in=("phone", "email")).exists()
    assert len(finding.by_phone("13800138000")) == 2, "it stays as it was told"


def test_a_joined_record_shows_what_was_told_of_it_alone():
    anna, bo = told_by("anna", "bo")
    described(bo, Profile(email="bo@shop.cn"), key="later")
    identity.join(one=anna, other=bo, why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)

    mine, theirs = records.of(anna)
    assert (mine.masked.name, mine.masked.email) == ("A** L**", "")
    assert (theirs.masked.name, theirs.masked.email, theirs.masked.phone) == ("B** L**", "b***@shop.cn", "138****5670")


def kinds_that_wait() -> list[str]:
    return sorted(one.kind for one in reviews.listed())


def other_rules(kind: str, **parts: int) -> None:
    now = identity.rules()
    kinds = {**now.kinds, kind: replace(now.of(kind), **parts)}
    identity.set_rules(rules=replace(now, kinds=kinds), at=MONDAY, by=MAREK)


def test_a_phone_of_many_is_a_question_as_long_as_the_rules_say_so():
    told_by(*(f"guest-{n}" for n in range(6)))
    assert kinds_that_wait() == ["worn"]

    other_rules("phone", most_people=6)
    assert kinds_that_wait() == ["claim"] * 5, "its pairs are asked about again"
    other_rules("phone", most_people=4)
    assert kinds_that_wait() == ["worn"]

    reviews.set_aside(review=reviews.listed()[0], at=MONDAY, by=MAREK)
    other_rules("phone", most_people=3)
    assert kinds_that_wait() == [], "somebody left it as it is"


def test_a_card_of_many_is_asked_about_again_when_the_rules_are_strict_again_and_when_it_is_unblocked():
    for number in range(6):
        proves(a_customer(f"guest-{number}"), "TILL-1", "card", namespace="club")
    assert kinds_that_wait() == ["worn"]
    other_rules("card", most_people=9)
    assert "worn" not in kinds_that_wait()
    other_rules("card", most_people=2)
    assert kinds_that_wait() == ["worn"]

    reviews.block(review=the_question(), at=MONDAY, by=MAREK)
    assert kinds_that_wait() == []
    blocking.unblock(digest=identity.digest("card", "club", "TILL-1").digest, at=MONDAY, by=MAREK)
    assert kinds_that_wait() == ["worn"]


def alike(one, other):
    """A look found these two alike."""
    return Review.objects.create(kind="likeness", one_id=one, other_id=other, score=0.97, signs=["phone:same"])


def test_two_people_are_one_line_whatever_asks_about_them_and_one_answer_answers_all():
    anna, bo = told_by("anna", "bo", email="li@shop.cn")
    alike(anna, bo)
    asked = the_question()
    assert [(one.kind, one.identifier_kind) for one in asked.asks] == [
        ("claim", "email"),
        ("claim", "phone"),
        ("likeness", ""),
    ]
    assert (reviews.count_open(), asked.likeness and asked.likeness.score) == (1, 0.97)
    assert reviews.of_records([bo]) == [asked]
    assert [one.kind for one in reviews.listed(kind="claim")] == ["claim"]
    [likely] = reviews.listed(order="likeliest")
    assert (likely.kind, likely.asks) == ("likeness", asked.asks)
    told_by("chen", "dai", phone="+8613812345672")
    newest = reviews.listed()[0]
    assert reviews.neighbours(of=asked) == (newest, None)
    assert reviews.neighbours(of=newest) == (None, asked)

    reviews.keep_apart(review=asked, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)
    assert reviews.listed() == [newest]
    assert {one.state for one in Review.objects.filter(one_id=anna)} == {"apart"}
    reviews.undo(review=asked, why=Reason.MISTAKE, key="u", at=MONDAY + DAY, by=MAREK)
    assert [one.asks for one in reviews.listed()] == [newest.asks, asked.asks]


def test_records_of_the_same_two_people_are_one_question_too():
    anna, bo = told_by("anna", "bo")
    annas_other = a_customer("anna-online")
    bos_other = a_customer("bo-online")
    alike(annas_other, bos_other)
    assert reviews.count_open() == 2
    for one, other in ((anna, annas_other), (bo, bos_other)):
        identity.join(one=one, other=other, why=Reason.DOCUMENT, key=f"j{one}", at=MONDAY, by=MAREK)
    asked = the_question()
    assert [one.kind for one in asked.asks] == ["claim", "likeness"]

    claim = next(one for one in reviews.listed(kind="claim"))
    reviews.keep_apart(review=claim, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)
    assert reviews.listed() == []
    [likeness] = reviews.listed(kind="likeness", state="apart")
    [found, *_others] = decisions.between(likeness.one, likeness.other)
    assert found is not None
    assert (found.one, found.other) == (anna, bo), "by others of their records"
    for _ in range(2):
        reviews.undo(review=likeness, why=Reason.MISTAKE, key="u", at=MONDAY + DAY, by=MAREK)
    assert reviews.count_open() == 1


def test_a_question_is_as_old_as_its_asking_whatever_the_time_of_the_evidence():
    anna, bo = a_customer("anna"), a_customer("bo")
    for who, name in ((anna, "Anna Li"), (bo, "Bo Chen")):
        described(who, Profile(display_name=name))
        proves(who)
    asked = the_question()
    assert asked.kind == "contradicted"
    assert timezone.now() - asked.opened_at < timedelta(hours=1)
    reviews.keep_apart(review=asked, why=Reason.FAMILY, key="k", at=MONDAY, by=MAREK)
    decided_at = reviews.get(asked.public_id).decided_at
    assert decided_at is not None
    assert decided_at >= asked.opened_at


def test_a_contact_of_many_says_which_and_who_uses_it():
    crowd = told_by(*(f"guest-{n}" for n in range(6)))
    worn = the_question()
    used = reviews.users_of(worn, limit=4)
    assert (used.shown, used.count, used.people) == ("138****5670", 6, tuple(crowd[:4]))
    assert reviews.shown([worn]) == {worn.id: "138****5670"}


def test_a_contact_of_many_is_no_question_once_few_use_it():
    crowd = told_by(*(f"guest-{n}" for n in range(6)))
    assert kinds_that_wait() == ["worn"]
    described(crowd[5], Profile(phone="+8613899990005"), key="another")
    assert kinds_that_wait() == ["worn"], "five are still more than four"
    described(crowd[4], Profile(phone=""), key="none")
    assert kinds_that_wait() == ["claim"] * 3, "its pairs are asked about again"
    told_by("late-guest")
    assert kinds_that_wait() == ["worn"]

    identity.join(one=crowd[0], other=crowd[1], why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)
    assert "worn" not in kinds_that_wait(), "two of them are one person"
    Review.objects.filter(kind="worn").update(state="open")
    assert (reviews.look_again(), reviews.look_again()) == (1, 0), "at night all are looked at"


def test_a_card_proved_by_one_too_many_is_evidence_again_when_that_is_taken_back():
    crowd = [a_customer(f"guest-{n}") for n in range(5)]
    for who in crowd:
        proves(who, "TILL-1", "card", namespace="club")
    assert kinds_that_wait() == ["worn"]
    [link] = records.of(crowd[4])[0].links
    changed = identity.revoke(link=link.id, why=Reason.MISTAKE, key="r", at=MONDAY + DAY, by=MAREK)

    assert {move.record for move in changed.joined} == set(crowd[1:4])
    assert kinds_that_wait() == []
    assert checkups.strays()[1] == ()


def test_a_companys_line_is_kept_as_a_contact_and_is_nobody():
    for number, line in enumerate(("400-820-8888", "+44 800 111 1111", "400 820 8888")):
        described(a_customer(f"somebody-{number}"), Profile(phone=line, country="CN"))
    assert reviews.listed(state=None) == []
    assert not Identifier.objects.filter(kind="phone").exists()
    assert len(finding.by_phone("4008208888", "CN")) == 2
    anna = a_customer("anna")
    with pytest.raises(NoEvidence, match="a company's line"):
        proves(anna, "+864008208888")


def test_who_names_an_identifier_that_is_none_is_told_of_identifiers_not_of_guests():
    with pytest.raises(NoEvidence, match="tell no identifier where there is none"):
        proves(a_customer("anna"), "null", "card", namespace="club")


def test_what_joined_records_told_is_in_common_too():
    anna, bo = told_by("anna", "bo")
    online = a_customer("anna-online")
    described(online, Profile(email="li@shop.cn"))
    described(bo, Profile(email="li@shop.cn"), key="later")
    described(anna, Profile(email="anna@shop.cn"), key="later-too")
    identity.join(one=anna, other=online, why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)
    assert reviews.sides(one=anna, other=bo).in_common == ("email", "phone")
