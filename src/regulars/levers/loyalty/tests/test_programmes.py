"""Programmes from draft to roll back, and tried before that; and their commands."""

import json
from datetime import date

import pytest
from click.testing import CliRunner
from django.utils import translation

from regulars.kit import civil
from regulars.kit.actors import SHELL, Actor
from regulars.levers.loyalty import commands, programme_files, programmes, trying
from regulars.levers.loyalty.models import Currency, Entry
from regulars.levers.loyalty.programmes import NeedsAnother, NotApproved, NothingToRollBack, UnknownProgramme
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY
from regulars.levers.loyalty.tests.test_earning import an_order, comes_back
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db

WU = Actor("operator", "8")
TEXT = """
programme: tried
money: GBP
approval_above: 100
rules:
  - {id: spend, kind: spend, points: 1, per: 2}
"""


def test_a_programme_is_drafted_approved_by_another_activated_changed_and_rolled_back():
    made = programmes.draft(text=TEXT, at=MONDAY, by=MAREK)
    assert programmes.draft(text=TEXT, at=MONDAY, by=MAREK).number == made.number == 1
    with pytest.raises(NotApproved):
        programmes.activate(programme="tried", version=1, at=MONDAY, by=MAREK)
    with pytest.raises(NeedsAnother):
        programmes.approve(programme="tried", version=1, cost=101, at=MONDAY, by=MAREK)
    assert programmes.approve(programme="tried", version=1, cost=101, at=MONDAY, by=WU).approved_by == "operator:8"
    programmes.activate(programme="tried", version=1, at=MONDAY, by=MAREK, from_at=MONDAY + DAY)
    assert programmes.active(MONDAY) == []
    assert [one.number for one in programmes.active(MONDAY + DAY)] == [1]

    # A draft that raises its own limit is measured by the limit that stands.
    changed = TEXT.replace("per: 2", "per: 1").replace("above: 100", "above: 9000")
    programmes.draft(text=changed, at=FRIDAY, by=MAREK)
    with pytest.raises(NeedsAnother):
        programmes.approve(programme="tried", version=2, cost=101, at=FRIDAY, by=MAREK)
    programmes.approve(programme="tried", version=2, cost=100, at=FRIDAY, by=MAREK)
    programmes.activate(programme="tried", version=2, at=FRIDAY, by=MAREK)
    assert [one.number for one in programmes.active(FRIDAY)] == [2]
    assert [(one.place, one.before, one.after) for one in programmes.diff(TEXT, changed)] == [
        ("approval_above", "100", "9000"),
        ("rules[spend].per", "2", "1"),
    ]
    asks = [f"tiers: [{{id: t, levels: [{{id: a, all: [{{what: orders, at_least: {n}}}]}}]}}]" for n in (2, 3)]
    assert [(one.place, one.after) for one in programmes.diff(*asks)] == [
        ("tiers[t].levels[a].all", "[{what: orders, at_least: 3}]")
    ]

    programmes.roll_back(programme="tried", at=FRIDAY + DAY, by=MAREK)
    assert [one.number for one in programmes.active(FRIDAY + DAY)] == [1]
    programmes.end(programme="tried", at=FRIDAY + 2 * DAY, by=MAREK)
    assert programmes.active(FRIDAY + 2 * DAY) == []


@pytest.mark.parametrize(
    ("turns", "before"),
    [
        ([], None),
        ([1], None),
        ([1, 2], 1),
        ([1, 2, 3], 2),
        ([1, 2, 3, 2], 1),  # rolled back once
        ([1, 2, 3, 2, 1], None),  # twice
        ([1, 2, 3, 2, 4], 2),
        ([1, 2, 1, 2], 1),  # what was rolled back is tried again
        ([1, None], 1),
        ([1, 2, None], 2),
        ([1, 2, None, 2], 1),
        ([1, None, 2], 1),
        ([None], None),
    ],
)
def test_what_was_in_force_before(turns, before):
    assert programmes._before(turns) == before


def test_rolled_back_again_nothing_that_was_withdrawn_comes_back():
    for number in (1, 2, 3):
        programmes.draft(text=TEXT.replace("per: 2", f"per: {number}"), at=MONDAY, by=MAREK)
        programmes.approve(programme="tried", version=number, cost=0, at=MONDAY, by=WU)
        programmes.activate(programme="tried", version=number, at=MONDAY + number * DAY, by=MAREK)
    for later, number in ((4, 2), (5, 1)):
        assert programmes.roll_back(programme="tried", at=MONDAY + later * DAY, by=MAREK).number == number
        assert [one.number for one in programmes.active(MONDAY + later * DAY)] == [number]
    with pytest.raises(NothingToRollBack, match="activate it: 2, 3"):
        programmes.roll_back(programme="tried", at=MONDAY + 6 * DAY, by=MAREK)


def test_nothing_to_roll_back_to_and_what_is_unknown():
    programmes.draft(text=TEXT, at=MONDAY, by=MAREK)
    with pytest.raises(NothingToRollBack):
        programmes.roll_back(programme="tried", at=MONDAY, by=MAREK)
    with pytest.raises(UnknownProgramme):
        programmes.latest("other")


@pytest.mark.parametrize(
    ("text", "field", "lines"),
    [
        (TEXT + "programme: other\n", "programme", "in line 2 and line 7"),
        (TEXT.replace("points: 1,", "points: 1, points: 90,"), "rules[0].points", "in line 6 and line 6"),
        (TEXT + "rules:\n  - {id: b, kind: spend, points: 1, per: 9}\n", "rules", "in line 5 and line 7"),
        (TEXT + "expiry:\n  kind: rolling\n  months: 12\n  kind: never\n", "expiry.kind", "in line 8 and line 10"),
    ],
)
def test_a_name_that_stands_twice_is_refused_with_its_lines(text, field, lines):
    for ask in (programmes.validate, lambda told: programmes.draft(text=told, at=MONDAY, by=MAREK)):
        with pytest.raises(programmes.BadProgramme, match=lines) as refused:
            ask(text)
        assert refused.value.facts["field"] == field
    assert programmes.every(at=MONDAY) == []


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (TEXT.replace("points: 1", "points: -2"), "rules[0].points", "rules[spend].points (line 6): '-2' is not"),
        (TEXT.replace("per: 2", "pre: 2"), "rules[0].per", "rules[spend].per (line 6): nothing is written here"),
        (TEXT.replace("id: spend, ", ""), "rules[0].id", "rules[0].id (line 6): nothing is written here"),
        (TEXT + "colour: red\n", "colour", "colour (line 7): 'colour' is not"),
        (TEXT + "expiry:\n  kind: fixed\n", "expiry.day", "expiry.day (line 7): nothing is written here"),
        (TEXT + "expiry:\n  kind: fxd\n", "expiry.kind", "expiry.kind (line 8): 'fxd' is not"),
        # In the order of the file, wherever a bonus comes after what it multiplies.
        (
            TEXT.replace(
                "rules:\n",
                "rules:\n  - {id: twice, kind: window_bonus, times: 2, multiplies: [e], from: 2026-03-01,"
                " until: 2026-04-01}\n  - {id: e, kind: event, event: review, points: 1, once: about}\n",
            ).replace("[e]", "[spend]"),
            "rules[1].once",
            "rules[e].once (line 7): 'about' is not",
        ),
    ],
)
def test_a_refusal_names_the_rule_and_the_line_and_keeps_its_field_for_programs(text, field, words):
    with pytest.raises(programmes.BadProgramme) as refused:
        programmes.validate(text)
    assert refused.value.message.startswith(words)
    assert refused.value.facts["field"] == field
    with translation.override("zh-hans"), pytest.raises(programmes.BadProgramme) as refused:
        programmes.validate(text)
    assert refused.value.message.startswith(words.partition(" (")[0] + "（第 ")


def test_what_means_the_same_by_a_name_of_yaml_stands_once():
    told = programmes.validate(TEXT.replace("programme: tried", "programme: &code tried\nseed: *code"))
    assert told.seed == "tried"


def test_points_keep_their_decimals():
    programmes.draft(text=TEXT, at=MONDAY, by=MAREK)
    Currency.objects.filter(code="points").update(scale=0)
    other = TEXT + "currency: {decimals: 2}\n"
    with pytest.raises(programmes.CurrencyDiffers):
        programmes.draft(text=other, at=MONDAY, by=MAREK)
    # What is told to be installable can be.
    with pytest.raises(programmes.CurrencyDiffers, match="points have 0 decimals already"):
        programmes.validate(other)


def test_a_trial_says_who_gets_what_and_what_it_costs_and_writes_nothing():
    bought = [an_order(str(n), customer=f"c{n % 2}", at=MONDAY + n * DAY, origin="history") for n in range(4)]
    comes_back(bought[1], ["1"], key="r", at=FRIDAY)
    text = TEXT + (
        "  - {id: first, kind: first_order, points: 5}\n  - {id: trees, kind: donation, percent: 1, cause: trees}\n"
        "currency: {worth: '0.01'}\ncaps: [{per: member, period: week, most: 60}]\n"
    )
    trial = trying.simulate(programmes.validate(text))
    assert (trial.orders, trial.customers, trial.parts, str(trial.cost)) == (4, 2, 60 + 40, "1.00 GBP")
    assert {one.rule: (one.parts, one.orders, dict(one.missed)) for one in trial.rules} == {
        "spend": (95, 3, {"nothing_kept": 1}),
        "first": (5, 1, {"nothing_kept": 1, "not_first": 2}),
        "trees": (0, 0, {"nothing_kept": 1}),
    }
    assert [points for _, points in trial.members] == [60, 40]
    assert {cause: money.minor for cause, money in trial.pledged.items()} == {"trees": 240}
    assert Entry.objects.count() == 0


def run(*words: str):
    group = commands.programme if words[0] == "programme" else commands.points
    done = CliRunner().invoke(group, [*words[1:], "--json"], catch_exceptions=False)
    return json.loads(done.output)


def test_a_day_that_is_over_is_refused_and_a_day_to_come_is_listed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT + "zone: Asia/Shanghai\n")
    for words in (["install", str(file), "--yes"], ["activate", "tried"]):
        with pytest.raises(programmes.DayIsOver, match="2020-01-01 is over; write today or a later day"):
            CliRunner().invoke(commands.programme, [*words, "--from", "2020-01-01"], catch_exceptions=False)
        run("programme", "install", str(file))
        run("programme", "approve", "tried", "--why", "as agreed")
    assert programmes.every(at=clock.now())[0].active is None
    run("programme", "activate", "tried", "--from", "2999-01-01")
    [listed] = run("programme", "list")["programmes"]
    assert (listed["active"], listed["to_come"]) == (None, [{"version": 1, "from": "2998-12-31T16:00:00+00:00"}])
    shown = CliRunner().invoke(commands.programme, ["list"], catch_exceptions=False).output
    assert "tried: not active, version 1 from 2998-12-31 16:00 UTC; 1 version\n" in shown
    # Today is now.
    today = civil.day_of(clock.now(), civil.zone("Asia/Shanghai"))
    run("programme", "activate", "tried", "--from", str(today))
    assert programmes.every(at=clock.now())[0].active == 1


def test_a_fixed_day_that_is_over_is_told_as_the_day_of_each_year_that_it_is(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT + "expiry: {kind: fixed, day: 2020-01-01}\n")
    told = CliRunner().invoke(commands.programme, ["validate", str(file)], catch_exceptions=False).output
    found = programmes.validate(file.read_text())
    day = found.expiry.last_day(civil.day_of(clock.now(), civil.zone(found.zone)))
    assert "points lapse: fixed/2020-01-01, and on that day of each year after it; what is earned today on" in told
    assert f"{day}. It can be installed." in told
    assert day > date(2026, 1, 1)


def test_commands(tmp_path):
    an_order("1", origin="history")
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    assert run("programme", "list")["ready"] == ["beauty_club", "classic", "paid_club", "stars"]
    empty: dict[str, list[str]] = {
        part: [] for part in ("tiers", "benefits", "rewards", "missions", "badges", "plans", "unreviewed")
    }
    assert run("programme", "validate", str(file)) == {"programme": "tried", "rules": ["spend"], **empty}
    assert run("programme", "simulate", str(file))["parts"] == 40
    assert run("programme", "install", str(file))["active"] is False
    assert run("programme", "install", str(file), "--yes")["active"] is True
    assert run("points", "backfill", "tried", "--processes", "1")["awarded"] == 40
    assert run("points", "backfill", "tried", "--processes", "1")["decided"] == 0
    assert run("programme", "requalify", "--processes", "1") == {"people": 0, "moves": 0}
    file.write_text(TEXT.replace("per: 2", "per: 4"))
    assert run("programme", "diff", "tried", str(file)) == [{"place": "rules[spend].per", "before": "2", "after": "4"}]
    assert run("programme", "show", "tried")["approved_by"] == str(SHELL)
    assert "classic" in run("programme", "show", "classic")["text"]
    for words in (
        ["list"],
        ["show", "tried"],
        ["validate", str(file)],
        ["simulate", "stars"],
        ["diff", "tried", str(file)],
    ):
        assert CliRunner().invoke(commands.programme, words, catch_exceptions=False).exit_code == 0
    for words in (["diff", "nobody"], ["diff", "tried", "--version", "9"]):
        with pytest.raises(programmes.UnknownProgramme):
            CliRunner().invoke(commands.programme, words, catch_exceptions=False)
    told = CliRunner().invoke(commands.programme, ["diff", "tried"], catch_exceptions=False)
    assert told.output == "Nothing differs.\n"


def test_a_version_is_approved_activated_and_rolled_back_at_the_shell(tmp_path):
    an_order("1", origin="history")
    file = tmp_path / "mine.yaml"
    for per in ("2", "4"):
        file.write_text(TEXT.replace("per: 2", f"per: {per}"))
        run("programme", "install", str(file))
    first = run("programme", "approve", "tried", "--version", "1", "--why", "as agreed")
    assert (first["number"], first["approved_by"], first["cost"]) == (1, str(SHELL), 40)
    with pytest.raises(NotApproved):
        CliRunner().invoke(commands.programme, ["activate", "tried"], catch_exceptions=False)
    assert run("programme", "activate", "tried", "--version", "1")["number"] == 1
    for words in (["approve", "tried", "--why", "less"], ["approve", "tried", "--why", "again"], ["activate", "tried"]):
        assert CliRunner().invoke(commands.programme, words, catch_exceptions=False).exit_code == 0
    assert [one.active for one in programmes.every(at=clock.now())] == [2]
    later = run("programme", "activate", "tried", "--version", "1", "--from", "2999-01-01", "--why", "then")
    assert (later["why"], later["from_at"][:10]) == ("then", "2998-12-31")
    assert run("programme", "rollback", "tried", "--why", "too few")["number"] == 1
    assert "activate it: 2" in str(CliRunner().invoke(commands.programme, ["rollback", "tried"]).exception)
    assert CliRunner().invoke(commands.programme, ["end", "tried"], catch_exceptions=False).exit_code == 0
    assert [one.active for one in programmes.every(at=clock.now())] == [None]
    with pytest.raises(programmes.UnknownProgramme):
        CliRunner().invoke(commands.programme, ["end", "nobody"], catch_exceptions=False)


def a_limit(limit, *, per=2, code="tried", at=MONDAY, from_at=None, more=""):
    text = TEXT.replace("programme: tried", f"programme: {code}").replace("per: 2", f"per: {per}")
    made = programmes.draft(
        text=text + (f"debt: {{limit: {limit}}}\n" if limit is not None else "") + more, at=at, by=MAREK
    )
    programmes.approve(programme=code, version=made.number, cost=0, at=at, by=WU)
    programmes.activate(programme=code, version=made.number, at=at, by=MAREK, from_at=from_at)
    return made.number


def its_limit() -> int | None:
    return Currency.objects.get(code="points").debt_limit


def test_what_a_version_says_of_its_points_is_so_when_it_comes_into_force():
    a_limit(500)
    a_limit(0, from_at=MONDAY + 30 * DAY, more="currency: {name: {en: leaves, zh: 叶子}}\n")
    assert its_limit() == 500
    programmes.bring_terms(at=MONDAY + 29 * DAY)
    assert its_limit() == 500
    programmes.bring_terms(at=MONDAY + 30 * DAY)
    assert (its_limit(), Currency.objects.get().titles) == (0, {"en": "leaves", "zh": "叶子"})
    programmes.roll_back(programme="tried", at=MONDAY + 31 * DAY, by=MAREK)
    assert (its_limit(), Currency.objects.get().titles) == (500, {"en": "points", "zh": "points"})


def test_of_two_programmes_of_the_same_points_who_says_a_limit_says_it_for_both():
    a_limit(40, code="one")
    a_limit(None, code="two")
    assert its_limit() == 40
    a_limit(None, per=3, code="one", at=FRIDAY)
    assert its_limit() is None
    a_limit(60, code="two", at=FRIDAY, per=3)
    assert its_limit() == 60


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ("debt: {limit: 50}\n", "debt: {limit: 60}\n", "debt.limit"),
        ("zone: Europe/Rome\n", "zone: Europe/Paris\n", "zone"),
        ("currency: {name: leaves}\n", "currency: {name: stars}\n", "currency.name"),
    ],
)
@pytest.mark.parametrize("from_at", [None, MONDAY + 9 * DAY])
def test_two_programmes_that_say_otherwise_of_the_same_points_are_refused(one, other, field, from_at):
    a_limit(None, code="one", more=one, from_at=from_at)
    with pytest.raises(programmes.CurrencyDiffers, match="one gives the same points") as refused:
        a_limit(None, code="two", more=other)
    assert refused.value.facts["field"] == field
    programmes.end(programme="one", at=MONDAY + 10 * DAY, by=MAREK)
    a_limit(None, code="two", more=other, at=MONDAY + 10 * DAY)


def test_rolled_back_what_was_to_come_is_withdrawn():
    a_limit(None)
    a_limit(None, per=1, from_at=MONDAY + DAY)
    a_limit(None, per=3, from_at=MONDAY + 10 * DAY)
    assert [one.number for one in programmes.active(MONDAY + 10 * DAY)] == [3]
    programmes.roll_back(programme="tried", at=MONDAY + 2 * DAY, by=MAREK)
    assert [one.number for one in programmes.active(MONDAY + 11 * DAY)] == [1]
    assert [one.active for one in programmes.every(at=MONDAY + 11 * DAY)] == [1]
    assert [(one.number, one.withdrawn_at) for one in programmes.activations("tried")] == [
        (3, MONDAY + 2 * DAY),
        (1, None),
        (2, None),
        (1, None),
    ]
    with pytest.raises(NothingToRollBack, match=r"activate it: 2$"):
        programmes.roll_back(programme="tried", at=MONDAY + 12 * DAY, by=MAREK)
    programmes.activate(programme="tried", version=3, at=MONDAY + 12 * DAY, by=MAREK)
    assert [one.number for one in programmes.active(MONDAY + 12 * DAY)] == [3]


def test_an_ended_programme_does_not_begin_again_by_itself():
    a_limit(None)
    a_limit(None, per=1, from_at=MONDAY + 10 * DAY)
    programmes.end(programme="tried", at=MONDAY + DAY, by=MAREK)
    assert programmes.active(MONDAY + 11 * DAY) == []
    programmes.roll_back(programme="tried", at=MONDAY + 12 * DAY, by=MAREK)
    assert [one.number for one in programmes.active(MONDAY + 12 * DAY)] == [1]


HELLO = "  - {id: hello, kind: event, event: sign_up, points: 1000000}\n"


@pytest.mark.parametrize(
    ("more", "untried"),
    [
        (HELLO, ["hello"]),
        (
            "  - {id: twice, kind: window_bonus, times: 2, multiplies: [spend], from: 2026-03-09, until: 2026-03-10}\n",
            ["twice"],
        ),
        (
            "  - {id: over, kind: window_bonus, times: 2, multiplies: [spend], from: 2026-02-09, until: 2026-03-10}\n",
            [],
        ),
        (
            "missions: [{id: two, name: Two, from: 2026-04-01, steps: [{what: orders, at_least: 2}],"
            " prize: {points: 9}}]\n",
            ["two"],
        ),
    ],
)
def test_what_no_trial_can_tell_the_cost_of_another_approves(more, untried):
    made = programmes.draft(text=TEXT + more, at=MONDAY, by=MAREK)
    assert programmes.validate(TEXT + more).untried(MONDAY.date()) == tuple(untried)
    if untried:
        with pytest.raises(NeedsAnother, match=untried[0]):
            programmes.approve(programme="tried", version=made.number, cost=0, at=MONDAY, by=MAREK)
        programmes.approve(programme="tried", version=made.number, cost=0, at=MONDAY, by=WU)
    else:
        programmes.approve(programme="tried", version=made.number, cost=0, at=MONDAY, by=MAREK)


def test_a_rule_that_no_trial_can_tell_of_is_approved_again_where_it_is_other_than_in_force():
    programmes.draft(text=TEXT + HELLO, at=MONDAY, by=MAREK)
    programmes.approve(programme="tried", version=1, cost=0, at=MONDAY, by=WU)
    programmes.activate(programme="tried", version=1, at=MONDAY, by=MAREK)
    same = TEXT.replace("per: 2", "per: 3") + HELLO
    made = programmes.draft(text=same, at=FRIDAY, by=MAREK)
    programmes.approve(programme="tried", version=made.number, cost=0, at=FRIDAY, by=MAREK)
    for other in (same.replace("1000000", "1000001"), same + "caps: [{per: member, period: day, most: 9}]\n"):
        made = programmes.draft(text=other, at=FRIDAY, by=MAREK)
        with pytest.raises(NeedsAnother, match="hello"):
            programmes.approve(programme="tried", version=made.number, cost=0, at=FRIDAY, by=MAREK)


def test_its_author_approves_a_rule_for_events_whose_cost_is_told_up_to_the_limit():
    later = HELLO.replace("points", "from: 2026-04-01, points").replace("hello", "later")
    made = programmes.draft(text=TEXT + HELLO, at=MONDAY, by=MAREK)
    for cost, tried in ((0, []), (0, ["spend"]), (10**9, ["hello"])):
        with pytest.raises(NeedsAnother):
            programmes.approve(programme="tried", version=made.number, cost=cost, tried=tried, at=MONDAY, by=MAREK)
    programmes.approve(programme="tried", version=made.number, cost=1, tried=["hello"], at=MONDAY, by=MAREK)
    made = programmes.draft(text=TEXT + HELLO + later, at=MONDAY, by=MAREK)
    with pytest.raises(NeedsAnother, match="later"):
        programmes.approve(
            programme="tried", version=made.number, cost=1, tried=["hello", "later"], at=MONDAY, by=MAREK
        )


def test_a_trial_names_what_it_did_not_try():
    an_order("1", origin="history")
    trial = trying.simulate(programmes.validate(TEXT + HELLO))
    assert (trial.parts, trial.untried) == (40, ["hello"])


def test_what_was_in_force_can_be_so_again_though_it_would_be_refused_now(monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(programme_files, "_may_promise", lambda programme: None)
        a_limit(None, more="expiry: {kind: rolling, days: 9}\n")
    a_limit(None, per=3, at=FRIDAY)
    assert [one.number for one in programmes.active(MONDAY)] == [1]
    with pytest.raises(programmes.BadProgramme, match="may wait 74"):
        programmes.activate(programme="tried", version=1, at=FRIDAY + DAY, by=MAREK)
    assert programmes.roll_back(programme="tried", at=FRIDAY + DAY, by=MAREK).number == 1
