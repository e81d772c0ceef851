"""Programmes as files: what they say, and what may not be said."""

import pytest

from regulars.levers.loyalty import policies, programme_files
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.tests.orders_seen import ASKED, a_programme

S = "id: s, kind: spend, points: 1, per: 1"
P = "id: p, kind: partner, points: 1, per: 1"
B = "kind: window_bonus, times: 2, from: 2026-03-01, until: 2026-04-01"
PENNY = "currency: {worth: '0.01'}"
TWICE = "kind: audience_bonus, times: 2, audience: aud_regulars, multiplies: [s, b]"
LEVEL = "id: l, kind: tier_bonus, tiers: t, multiplies: [s], times: {gold: 100}"
GOLD = "tiers: [{id: t, levels: [{id: all}, {id: gold, all: [{what: orders, at_least: 2}]}]}]"


@pytest.mark.parametrize("name", programme_files.ready())
def test_those_that_come_with_regulars_can_be_read_and_keep_to_every_law_that_allows_their_expiry(name):
    text = programme_files.text_of(name)
    found = programme_files.read(text, currency="GBP", zone="Europe/London", customers=ASKED)
    assert found.code == name
    assert found.text == text
    china = programme_files.read(text + "\npolicies: [china]\n", currency="CNY", zone="Asia/Shanghai", customers=ASKED)
    assert china.policies == ("china",)


def test_a_bonus_comes_after_what_it_multiplies_wherever_it_stands():
    found = a_programme(f"id: b, {B}, multiplies: [a]", f"id: a, {B}, multiplies: [s]", S)
    assert [rule.id for rule in found.rules] == ["s", "a", "b"]


@pytest.mark.parametrize(
    ("rules", "above", "field", "mend"),
    [
        ([S.replace("per", "pre")], "", "rules[0].per", "exact number"),
        ([f"{S}, colour: red"], "", "rules[0].colour", "use one of"),
        ([f"{S}, tendres: [card]"], "", "rules[0].tendres", "did you mean tenders?"),
        ([S.replace("spend", "spent")], "", "rules[0].kind", "did you mean spend?"),
        ([S.replace("per: 1", "per: 0.5")], "", "rules[0].per", "in quotes"),
        ([S.replace("per: 1", "per: '0.005'")], "", "rules[0].per", "an amount of GBP"),
        ([S.replace("per: 1", "per: 0")], "", "rules[0].per", "above 0"),
        ([S.replace("points: 1", "points: '0.5'")], "", "rules[0].points", "0 decimals"),
        ([S, S], "", "rules[1].id", "give each its own"),
        ([], "", "rules", "1 to 200"),
        ([f"{S}, from: 2026-03-02, until: 2026-03-02"], "", "rules[0].until", "after `from`"),
        ([f"{S}, where: {{field: catgory, is: Tea}}"], "", "rules[0].where", ""),
        ([f"{S}, caps: [{{per: everyone, period: order, most: 5}}]"], "", "rules[0].caps[0].period", "per: member"),
        # What would never end.
        ([f"{S}, include: [points]"], "", "rules[0].include", "never end"),
        ([f"{S}, include: [gift_cards_sold, gift_cards_used]"], "", "rules[0].include", "choose one"),
        ([S], "currency: {worth: 1}", "rules[0].points", "fewer points"),
        ([S, f"{B.replace('2,', '100,')}, id: b, multiplies: [s]"], PENNY, "rules[1].times", "1.00 of GBP comes back"),
        (
            [S, f"id: b, {B.replace('2,', '50,')}, multiplies: [s]", f"id: c, {TWICE}"],
            PENNY,
            "rules[2].times",
            "1.00 of",
        ),
        (
            [f"{S.replace('s,', name)}".replace("points: 1", "points: 60") for name in ("s,", "t,")],
            PENNY,
            "rules[0].points",
            "1.20",
        ),
        (
            [S.replace("points: 1", "points: 50"), f"id: c, {TWICE.replace(', b', '')}"],
            PENNY,
            "rules[0].points",
            "1.00 of GBP",
        ),
        ([S, LEVEL], f"{PENNY}\n{GOLD}", "rules[1].times", "1.00 of GBP"),
        (
            [S, f"{P.replace('points: 1', 'points: 99')}, funded_by: acme, where: {{field: brand, is: A}}"],
            PENNY,
            "rules[1].points",
            "1.00",
        ),
        ([f"id: a, {B}, multiplies: [b]", f"id: b, {B}, multiplies: [a]"], "", "rules", "break the ring"),
        ([f"id: a, {B}, multiplies: [a]"], "", "rules", "break the ring"),
        ([f"id: a, {B}, multiplies: [z]"], "", "rules[0].multiplies", "no such rule"),
        (["id: e, kind: event, event: review, points: 1, once: about"], "", "rules[0].once", "a cap for each member"),
        (["id: e, kind: event, event: points_awarded, points: 1, once: ever"], "", "rules[0].event", "never end"),
        (["id: e, kind: event, event: birthday, points: 1, once: day"], "", "rules[0].once", "year or ever"),
        # What nobody may be owed by.
        ([f"{S}, only_if: {{field: measures.churn, at_least: '0.5'}}"], "", "rules[0].only_if", ""),
        (["id: a, kind: audience_bonus, points: 5, audience: aud_nobody"], "", "rules[0].audience", "no such audience"),
        (
            ["id: p, kind: partner, points: 1, per: 1, where: {field: brand, is: A}"],
            "",
            "rules[0].funded_by",
            "partner",
        ),
        ([f"{P}, funded_by: acme"], "", "rules[0].where", "the partner's"),
        # The rest of the file.
        ([S], "currency: {decimals: 7}", "currency.decimals", "0 to 6"),
        ([S], "expiry: {kind: rolling}", "expiry.months", "after how many"),
        ([S], "expiry: {kind: fixed}", "expiry.day", "2027-12-31"),
        (
            [S],
            "expiry: {kind: rolling, days: 10}\npending: {until: placed, days: 10}",
            "expiry.days",
            "10 days after they",
        ),
        (
            [S],
            "expiry: {kind: rolling, months: 1}\npending: {until: paid, days: 28}",
            "expiry.months",
            "wait 28 before",
        ),
        ([S], "expiry: {kind: rolling, months: 2}", "expiry.months", "may wait 74 before"),
        ([S], "expiry: {kind: activity, days: 30}\npending: {at_latest_days: 20}", "expiry.days", "may wait 34 before"),
        ([S], "expiry: {kind: calendar_end}\npending: {until: placed}", "expiry.months", "lapse 0 days after"),
        ([S], "pending: {until: arrived}", "pending.until", "use one of"),
        ([S], "name: {en: Tried}", "name.zh", "a text"),
        ([S], "policies: [mars]", "policies", "use some of"),
    ],
)
def test_what_may_not_be_said_is_refused_with_field_and_mend(rules, above, field, mend):
    with pytest.raises(BadProgramme) as refused:
        a_programme(*rules, above=above)
    assert refused.value.facts["field"] == field
    assert mend in refused.value.message


@pytest.mark.parametrize(
    "rules",
    [
        # Never on the same day.
        [
            f"{S.replace('points: 1', 'points: 60')}, until: 2026-03-01",
            S.replace("s,", "t,").replace("points: 1", "points: 60") + ", from: 2026-03-01",
        ],
        # Never more than so much a day.
        [S, f"id: b, {B.replace('2,', '100,')}, multiplies: [s], caps: [{{per: member, period: day, most: 500}}]"],
        [S.replace("points: 1", "points: 9"), f"id: b, {B.replace('2,', '10,')}, multiplies: [s]"],
    ],
)
def test_what_gives_less_than_it_costs_on_every_day_may_be_said(rules):
    assert a_programme(*rules, above=PENNY)


@pytest.mark.parametrize(
    ("above", "field"),
    [
        ("policies: ontario\nexpiry: {kind: rolling, months: 24}\nnotice_days: 30", "expiry.kind"),
        ("policies: ontario\nexpiry: {kind: fixed, day: 2030-01-01}\nnotice_days: 30", "expiry.kind"),
        ("policies: quebec\nexpiry: {kind: activity, months: 11}\nnotice_days: 45", "expiry.months"),
        ("policies: quebec\nexpiry: {kind: activity, months: 12}\nnotice_days: [90, 7]", "notice_days"),
        ("policies: china\nexpiry: {kind: rolling, months: 6}\nnotice_days: 30", "expiry.months"),
        ("policies: china\nexpiry: {kind: rolling, months: 12}\nnotice_days: 14", "notice_days"),
        ("policies: eu\nexpiry: {kind: calendar_end, months: 6, unit: year}\nnotice_days: 30", "expiry.months"),
        ("policies: ontario\nexpiry: {kind: calendar_end, months: 24}\nnotice_days: 30", "expiry.kind"),
        ("policies: ontario\nexpiry: {kind: activity, months: 12}\nnotice_days: 7", "notice_days"),
        ("policies: quebec\nexpiry: {kind: rolling, months: 24}\nnotice_days: 45", "expiry.kind"),
        ("policies: quebec\nexpiry: {kind: activity, months: 12}\nnotice_days: [61]", "notice_days"),
        ("policies: quebec\nexpiry: {kind: activity, months: 12}\nnotice_days: [60]", None),
        ("policies: [eu]\nexpiry: {kind: rolling, months: 12}", "notice_days"),
        ("policies: [ontario, eu]\nexpiry: {kind: activity, months: 12}\nnotice_days: 30", None),
        ("policies: quebec\nexpiry: {kind: activity, months: 12}\nnotice_days: [45]", None),
        ("policies: [quebec, ontario, eu, china]", None),
        *(
            (f"policies: {pack}\nexpiry: {expiry}\nnotice_days: 30\npending: {{until: placed, days: 0}}", field)
            for pack in ("eu", "china")
            for expiry, field in (
                ("{kind: activity, days: 1}", "expiry.months"),
                ("{kind: activity, months: 11, days: 27}", "expiry.months"),
                ("{kind: rolling, days: 365}", "expiry.months"),
                ("{kind: rolling, days: 366}", None),
                ("{kind: rolling, months: 11, days: 31}", None),
                ("{kind: calendar_end, months: 11, unit: year}", "expiry.months"),
                ("{kind: calendar_end, months: 12, unit: month}", None),
                ("{kind: activity, months: 12}", None),
                ("{kind: fixed, day: 2099-12-31}", "expiry.kind"),
            )
        ),
        (
            "policies: ontario\nexpiry: {kind: activity, days: 27}\nnotice_days: 20\npending: {until: placed}",
            "expiry.months",
        ),
    ],
)
def test_packs_refuse_what_they_forbid(above, field):
    if field is None:
        assert a_programme(S, above=above)
        return
    with pytest.raises(BadProgramme) as refused:
        a_programme(S, above=above)
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize("pack", ["china", "eu"])
def test_a_pack_refuses_what_no_rule_may_ask(pack):
    asked = f"{S}, only_if: {{field: customers.gender, is: f}}"
    assert a_programme(asked)
    with pytest.raises(BadProgramme, match=f"{pack}: no rule may ask this of a customer"):
        a_programme(asked, above=f"policies: {pack}")


def test_every_pack_says_that_no_counsel_has_reviewed_it():
    assert policies.names() == ("china", "eu", "ontario", "quebec")
    assert not any(policies.pack(name).is_reviewed for name in policies.names())


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_refused_in_words(text):
    with pytest.raises(BadProgramme, match=r"^file: it says nothing; write at least `programme` and one of `rules`$"):
        programme_files.read(text, currency="GBP", zone="Europe/London")


def test_a_file_that_is_a_list_is_refused_by_its_name():
    with pytest.raises(BadProgramme, match=r"^file: .* write names and values below it"):
        programme_files.read("- spend\n", currency="GBP", zone="Europe/London")


def test_no_yaml():
    with pytest.raises(BadProgramme, match="not readable YAML"):
        programme_files.read("programme: [", currency="GBP", zone="UTC")


def test_a_version_that_is_kept_goes_on_whatever_is_refused_since():
    text = f"programme: t\nmoney: GBP\ncurrency: {{worth: 1}}\nrules:\n  - {{{S}}}\n"
    with pytest.raises(BadProgramme):
        programme_files.read(text, currency="GBP", zone="UTC")
    assert programme_files.read(text, currency="GBP", zone="UTC", is_kept=True).by_id["s"]


@pytest.mark.parametrize(
    "above",
    [
        "expiry: {kind: rolling, days: 11}\npending: {until: placed, days: 10}",
        "expiry: {kind: rolling, days: 1}\npending: {until: placed, days: 0}",
        "expiry: {kind: rolling, days: 10}\npending: {until: placed, days: 10, at_once: 100}",
        "expiry: {kind: calendar_end, months: 1, unit: month}\npending: {until: placed, days: 27}",
        # All on one day, however short before they were earned.
        "expiry: {kind: fixed, day: 2027-12-31}",
    ],
)
def test_points_that_can_be_spent_before_they_lapse_may_be_promised(above):
    assert a_programme(S, above=above)
