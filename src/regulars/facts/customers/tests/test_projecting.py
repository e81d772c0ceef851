"""Who is one person: a table of what evidence comes to, and that its order never matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.facts.customers.agreeing import Words
from regulars.facts.customers.projecting import Conflict, Decided, Identifier, Proof, people
from regulars.facts.customers.rules import DEFAULTS, IdentityRules, KindRule
from tests.often import often

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNA, BO, CHEN, DEV, EVA = 1, 2, 3, 4, 5
PHONE = Identifier("phone", "", "aa")
OTHER_PHONE = Identifier("phone", "", "ab")
MAIL = Identifier("email", "", "bb")
UNION = Identifier("wechat_unionid", "op-1", "cc")
OTHER_UNION = Identifier("wechat_unionid", "op-1", "cd")
#: Where platforms' word for both joins who told nothing else; the rules that come along ask even then.
RULES = IdentityRules(
    kinds=DEFAULTS
    | {name: replace(DEFAULTS[name], alone_from="platform", alone_days=90) for name in ("phone", "email", "card")}
)


def proof(record, identifier, evidence="platform", at=MONDAY, id=0):
    return Proof(id, record, identifier, evidence, at)


def groups(found):
    by_person = {}
    for record, person in found.person.items():
        by_person.setdefault(person, set()).add(record)
    assert all(person == min(records) for person, records in by_person.items()), "the oldest record stands for all"
    return {frozenset(records) for records in by_person.values() if len(records) > 1}


@pytest.mark.parametrize(
    ("proofs", "decisions", "joined", "conflicts"),
    [
        pytest.param([proof(ANNA, PHONE), proof(BO, PHONE)], [], [{ANNA, BO}], [], id="both proved one phone"),
        pytest.param([proof(ANNA, PHONE), proof(BO, PHONE, "told")], [], [], [], id="one only told it"),
        pytest.param(
            [proof(ANNA, UNION, "contact"), proof(BO, UNION, "platform")], [], [], [], id="a unionid needs the platform"
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE), proof(BO, MAIL), proof(CHEN, MAIL)],
            [],
            [{ANNA, BO, CHEN}],
            [],
            id="a chain",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE, at=MONDAY + 400 * DAY)],
            [],
            [],
            [Conflict(ANNA, BO, PHONE, "new_owner")],
            id="a number that got a new owner",
        ),
        pytest.param(
            [
                proof(ANNA, PHONE),
                proof(ANNA, PHONE, at=MONDAY + 320 * DAY),
                proof(BO, PHONE, at=MONDAY + 400 * DAY),
            ],
            [],
            [{ANNA, BO}],
            [],
            id="a number proved again meanwhile",
        ),
        pytest.param(
            [
                proof(ANNA, PHONE),
                proof(BO, PHONE),
                proof(ANNA, UNION, "platform"),
                proof(BO, OTHER_UNION, "platform"),
            ],
            [],
            [],
            [Conflict(ANNA, BO, PHONE, "too_many")],
            id="two WeChat people share a phone",
        ),
        pytest.param([], [Decided(ANNA, BO, "join", MONDAY)], [{ANNA, BO}], [], id="staff joined them"),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE)],
            [Decided(ANNA, BO, "apart", MONDAY)],
            [],
            [],
            id="staff keep apart what evidence joins, and nobody is asked again",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE)],
            [Decided(ANNA, BO, "apart", MONDAY), Decided(ANNA, BO, "open", MONDAY + DAY)],
            [{ANNA, BO}],
            [],
            id="a decision taken back",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE), proof(BO, MAIL), proof(CHEN, MAIL)],
            [Decided(ANNA, CHEN, "apart", MONDAY)],
            [{BO, CHEN}],
            [],
            id="apart holds across those between; of equal evidence the first by name",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE), proof(BO, MAIL, at=MONDAY + DAY), proof(CHEN, MAIL)],
            [Decided(ANNA, CHEN, "apart", MONDAY)],
            [{ANNA, BO}],
            [],
            id="apart holds across those between; the older evidence stands",
        ),
        pytest.param(
            [proof(ANNA, UNION, "platform"), proof(BO, UNION, "platform")],
            [Decided(ANNA, BO, "join", MONDAY), Decided(ANNA, BO, "apart", MONDAY)],
            [],
            [],
            id="of two decisions at one time the careful one",
        ),
    ],
)
def test_what_evidence_comes_to(proofs, decisions, joined, conflicts):
    found = people({ANNA, BO, CHEN, DEV, EVA}, proofs, decisions, RULES)

    assert groups(found) == {frozenset(records) for records in joined}
    assert list(found.conflicts) == conflicts


LI, LIS_MOTHER = Words(frozenset({"王小兰"}), frozenset({"1994-05-17"})), Words(frozenset({"李秀英"}))
LIS_TWIN = Words(frozenset({"王小红"}), LI.birthdays)
FATHER, SON = (Words(frozenset({"kofi haddad"}), frozenset({day})) for day in ("1961-02-03", "1992-06-01"))
JUST_A_BIRTHDAY, NOTHING = Words(birthdays=frozenset({"1994-05-17"})), Words()


@pytest.mark.parametrize(
    ("proofs", "words", "joined", "conflicts"),
    [
        pytest.param(
            [proof(ANNA, PHONE, "contact"), proof(BO, PHONE, "contact")],
            {},
            [],
            [Conflict(ANNA, BO, PHONE, "nothing_else")],
            id="a code came back to both, and nothing else is known",
        ),
        pytest.param(
            [proof(ANNA, PHONE, "contact"), proof(BO, PHONE, "contact", at=MONDAY + 300 * DAY)],
            {ANNA: LI, BO: JUST_A_BIRTHDAY},
            [{ANNA, BO}],
            [],
            id="and they told the same birthday",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE)],
            {ANNA: LI, BO: LIS_MOTHER},
            [],
            [Conflict(ANNA, BO, PHONE, "contradicted")],
            id="a family phone: other names",
        ),
        pytest.param(
            [proof(ANNA, PHONE), proof(BO, PHONE, at=MONDAY + 91 * DAY)],
            {ANNA: LI},
            [],
            [Conflict(ANNA, BO, PHONE, "nothing_else")],
            id="vouched for, of a number that somebody new may have by now",
        ),
        pytest.param(
            [proof(ANNA, UNION, "platform"), proof(BO, UNION, "platform")],
            {ANNA: LI, BO: LIS_MOTHER},
            [{ANNA, BO}],
            [],
            id="nobody hands a WeChat account on: the parcel went to the mother",
        ),
        pytest.param(
            [
                proof(ANNA, PHONE, "contact"),
                proof(BO, PHONE, "contact"),
                proof(BO, UNION, "platform"),
                proof(CHEN, UNION, "platform"),
            ],
            {ANNA: LI, CHEN: LI},
            [{ANNA, BO, CHEN}],
            [],
            id="what says nothing of two is told by a third",
        ),
        pytest.param(
            [
                proof(ANNA, PHONE, "contact"),
                proof(BO, PHONE, "contact"),
                proof(CHEN, PHONE, "contact"),
            ],
            {ANNA: LI, BO: LIS_MOTHER, CHEN: LI},
            [{ANNA, CHEN}],
            [Conflict(ANNA, BO, PHONE, "contradicted")],
            id="two of one name find each other across a third, who is asked about once",
        ),
        pytest.param(
            [proof(ANNA, PHONE, "contact"), proof(BO, PHONE, "contact"), proof(CHEN, PHONE, "contact")],
            {ANNA: LI, BO: LIS_TWIN, CHEN: JUST_A_BIRTHDAY},
            [],
            [
                Conflict(ANNA, BO, PHONE, "contradicted"),
                Conflict(ANNA, CHEN, PHONE, "torn"),
                Conflict(BO, CHEN, PHONE, "torn"),
            ],
            id="twins at one phone: whose the record without a name is nobody can tell",
        ),
        pytest.param(
            [
                proof(ANNA, PHONE, "contact"),
                proof(BO, PHONE, "contact"),
                proof(BO, MAIL, "contact"),
                proof(CHEN, MAIL, "contact"),
            ],
            {ANNA: FATHER, BO: Words(FATHER.names), CHEN: SON},
            [],
            [Conflict(ANNA, BO, PHONE, "torn"), Conflict(BO, CHEN, MAIL, "torn")],
            id="a son named after his father: a name alone fits both, also across two contacts",
        ),
        pytest.param(
            [proof(ANNA, PHONE, "contact"), proof(BO, PHONE, "contact"), proof(CHEN, PHONE, "contact")],
            {ANNA: FATHER, BO: FATHER, CHEN: SON},
            [{ANNA, BO}],
            [Conflict(ANNA, CHEN, PHONE, "contradicted")],
            id="name and birthday fit one of them alone",
        ),
    ],
)
def test_what_goes_from_hand_to_hand_needs_something_that_agrees(proofs, words, joined, conflicts):
    found = people({ANNA, BO, CHEN}, proofs, [], RULES, words)

    assert groups(found) == {frozenset(records) for records in joined}
    assert list(found.conflicts) == conflicts


def test_in_silence_nobody_is_joined_by_the_rules_that_come_along():
    found = people({ANNA, BO}, [proof(ANNA, PHONE), proof(BO, PHONE)], [], IdentityRules())
    assert (groups(found), list(found.conflicts)) == (set(), [Conflict(ANNA, BO, PHONE, "nothing_else")])


def test_an_identifier_of_many_people_is_evidence_of_nothing():
    everybody = [proof(record, PHONE) for record in (ANNA, BO, CHEN, DEV, EVA)]

    four = people({ANNA, BO, CHEN, DEV, EVA}, everybody[:4], [], RULES)
    five = people({ANNA, BO, CHEN, DEV, EVA}, everybody, [], RULES)

    assert groups(four) == {frozenset({ANNA, BO, CHEN, DEV})}
    assert (groups(five), dict(five.worn)) == (set(), {PHONE: 5})


def test_a_person_does_not_grow_without_end():
    chain = [
        proof(record, Identifier("email", "", f"{place:02x}"))
        for place in range(5)
        for record in (place + 1, place + 2)
    ]
    found = people(range(1, 7), chain, [], replace(RULES, most_records=4))

    assert groups(found) == {frozenset({1, 2, 3, 4}), frozenset({5, 6})}
    assert [one.why for one in found.conflicts] == ["too_large"]


def test_a_blocked_identifier_joins_nobody():
    blocking = replace(RULES, blocked=frozenset({"aa"}))
    assert groups(people({ANNA, BO}, [proof(ANNA, PHONE), proof(BO, PHONE)], [], blocking)) == set()


IDENTIFIERS = (PHONE, OTHER_PHONE, MAIL, UNION, OTHER_UNION)
PROOFS = st.builds(
    Proof,
    st.just(0),
    st.integers(1, 8),
    st.sampled_from(IDENTIFIERS),
    st.sampled_from(("told", "contact", "login", "platform", "staff")),
    st.integers(0, 6).map(lambda days: MONDAY + days * 100 * DAY),
)
DECISIONS = st.builds(
    lambda pair, verdict, days: Decided(min(pair), max(pair), verdict, MONDAY + days * DAY),
    st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda pair: pair[0] != pair[1]),
    st.sampled_from(("join", "apart", "open")),
    st.integers(0, 2),
)
WORDS = st.dictionaries(st.integers(1, 8), st.sampled_from((LI, LIS_MOTHER, JUST_A_BIRTHDAY, NOTHING)))
STRICT = IdentityRules(
    kinds={"phone": KindRule("contact", most_a_person=1, most_people=3, lasts_days=150)}, most_records=4
)


@settings(max_examples=often(100), deadline=None)
@given(
    st.lists(PROOFS, max_size=14),
    st.lists(DECISIONS, max_size=4),
    st.sampled_from((RULES, STRICT)),
    WORDS,
    st.randoms(use_true_random=False),
)
def test_the_order_of_links_never_matters(proofs, decisions, rules, words, random):
    first = people(range(1, 9), proofs, decisions, rules, words)
    random.shuffle(proofs)
    random.shuffle(decisions)
    second = people(range(1, 9), proofs, decisions, rules, words)

    assert first == second


@settings(max_examples=often(100), deadline=None)
@given(st.lists(PROOFS, max_size=14), st.lists(DECISIONS, max_size=4), st.sampled_from((RULES, STRICT)), WORDS)
def test_nobody_is_joined_against_a_decision_or_by_what_was_only_told(proofs, decisions, rules, words):
    found = people(range(1, 9), proofs, decisions, rules, words)

    latest = {}
    for one in sorted(decisions, key=lambda one: (one.at, {"join": 0, "open": 1, "apart": 2}[one.verdict])):
        latest[one.one, one.other] = one.verdict
    for (one, other), verdict in latest.items():
        if verdict == "apart":
            assert found.person[one] != found.person[other]
    for join in found.joins:
        assert found.person[join.one] == found.person[join.other]
        assert join.evidence != "told"
    assert groups(people(range(1, 9), [], [], rules)) == set()


@settings(max_examples=often(100), deadline=None)
@given(st.lists(PROOFS.filter(lambda proof: proof.identifier.kind != "wechat_unionid"), max_size=14), WORDS)
def test_nobody_is_joined_by_a_contact_with_whom_they_contradict(proofs, words):
    found = people(range(1, 9), proofs, [], RULES, words)

    for together in groups(found):
        told = [words[record] for record in together if record in words]
        assert not (LIS_MOTHER in told and LI in told)
