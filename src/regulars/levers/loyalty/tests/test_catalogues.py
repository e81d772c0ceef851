"""Rewards of a programme's file, and the programmes that come with Regulars as somebody new uses them."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from regulars.levers.loyalty import (
    benefits,
    catalogues,
    commands,
    missions,
    programme_files,
    programmes,
    rewards,
    tiers,
)
from regulars.levers.loyalty._missions import trials as mission_trials
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY
from regulars.levers.loyalty.tests.test_earning import an_order
from regulars.levers.loyalty.tests.test_missions import a_programme as with_missions
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
MUG = (
    "{id: mug, kind: goods, handed: sent, name: {en: Mug, zh: 杯子}, price: 300, stock: 5,"
    " level_prices: {status.gold: 200}}"
)


def text(*told: str) -> str:
    levels = "[{id: silver, all: [{what: orders, at_least: 1}]}, {id: gold, all: [{what: orders, at_least: 2}]}]"
    return f"""
programme: tried
money: GBP
tiers: [{{id: status, levels: {levels}}}]
rewards: [{", ".join(told)}]
rules: [{{id: spend, kind: spend, points: 1, per: 1}}]
"""


def active(*told: str) -> None:
    made = programmes.draft(text=text(*told), at=MONDAY, by=MAREK)
    programmes.approve(programme="tried", version=made.number, cost=0, at=MONDAY, by=MAREK, why="a test")
    programmes.activate(programme="tried", version=made.number, at=MONDAY, by=MAREK)


def test_rewards_of_a_file_are_drafts_first_then_changed_and_their_stock_is_the_shops_own():
    with pytest.raises(programmes.NotActive):
        catalogues.bring(programme="tried", at=MONDAY, by=MAREK)
    active(MUG)
    assert [one.what for one in catalogues.differences(programmes.validate(text(MUG)))] == ["new"]
    assert [one.what for one in catalogues.bring(programme="tried", at=MONDAY, by=MAREK)] == ["new"]
    mug = rewards.get("mug")
    assert (mug.state, mug.left, mug.terms.level_prices) == ("draft", 5, {"tried.status.gold": 200})
    rewards.stock_up(code="mug", more=20, key="s", at=MONDAY, by=MAREK)
    dearer = MUG.replace("300", "350")
    [brought] = catalogues.differences(programmes.validate(text(dearer)))
    assert (brought.what, brought.fields) == ("changed", ("price",))
    active(dearer, "{id: trees, kind: charity, handed: done, price: 50}")
    done = catalogues.bring(programme="tried", at=FRIDAY, by=MAREK, is_open=True)
    assert [one.what for one in done] == ["changed", "new"]
    assert [(one.code, one.state, one.terms.price, one.left) for one in rewards.every()] == [
        ("trees", "open", 50, None),
        ("mug", "open", 350, 25),
    ]
    assert {one.what for one in catalogues.bring(programme="tried", at=FRIDAY, by=MAREK)} == {"same"}


@pytest.mark.parametrize(
    ("says", "field"),
    [
        ("{id: mug, kind: mug, handed: sent, price: 1}", "rewards[0].kind"),
        ("{id: mug, kind: goods, handed: thrown, price: 1}", "rewards[0].handed"),
        ("{id: mug, kind: goods, handed: sent, price: '0.5'}", "rewards[0].price"),
        (
            "{id: mug, kind: goods, handed: sent, price: 1, level_prices: {status.tin: 1}}",
            "rewards[0].level_prices.status.tin",
        ),
        ("{id: mug, kind: goods, handed: sent, price: 1, from_level: tin}", "rewards[0].from_level"),
        ("{id: mug, kind: partner, handed: code, price: 1}", "rewards[0].partner"),
        ("{id: mug, kind: goods, handed: sent, price: 0}", "rewards[0].most"),
        (f"{MUG}, {MUG}", "rewards[1].id"),
    ],
)
def test_what_may_not_be_said_of_rewards_is_refused_with_its_place(says, field):
    with pytest.raises(BadProgramme) as refused:
        programmes.validate(text(says))
    assert refused.value.facts["field"] == field


def regulars(*told: str) -> str:
    done = CliRunner().invoke(commands.programme, told)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.mark.parametrize("name", programme_files.ready())
def test_each_that_comes_with_regulars_is_tried_installed_and_there(name):
    an_order("1", customer="priya", at=clock.now() - timedelta(days=3))
    assert name in regulars("list")
    assert f"programme: {name}" in regulars("show", name)
    assert "It can be installed" in regulars("validate", name)
    assert '"missions"' in regulars("simulate", name, "--json")
    told = json.loads(regulars("install", name, "--yes", "--open", "--json"))
    assert told["active"] is True
    says = programmes.active_one(name, clock.now()).programme
    assert {one["code"] for one in told["rewards"]} == {one.id for one in says.rewards}
    assert len(says.missions) >= 3 <= len(says.rewards)
    assert {one.code for one in rewards.every() if one.state == "open"} == {one.id for one in says.rewards}
    assert len(missions.every()) == len(says.missions)
    assert {one.programme for one in tiers.sets()} == {name}
    assert bool(says.plans) == (name == "paid_club")
    assert {one.programme for one in benefits.every(at=clock.now())} == {name}
    assert "Nothing differs" in regulars("diff", name, name)
    assert json.loads(regulars("rewards", name, "--json"))[0]["what"] == "same"


def test_a_trial_says_what_missions_would_have_given_in_a_time_and_writes_nothing():
    dare = "{id: dare, join: true, steps: [{what: orders, at_least: 2}], prize: {points: 7}}"
    monthly = "{id: three, repeat: month, steps: [{what: orders, at_least: 2}], prize: {points: 30}}"
    with_missions(dare, monthly)
    for number, at in enumerate((MONDAY, FRIDAY, MONDAY + 31 * DAY, FRIDAY + 31 * DAY)):
        an_order(f"o{number}", at=at)
    says = programmes.active_one("tried", FRIDAY).programme
    now = MONDAY + 60 * DAY
    whole = mission_trials.tried(says, since=None, until=None, at=now)
    assert [(one.mission, one.times, one.people, one.parts, one.joins) for one in whole] == [
        ("dare", 1, 1, 7, True),
        ("three", 2, 1, 60, False),
    ]
    april = mission_trials.tried(says, since=MONDAY + 20 * DAY, until=None, at=now)
    assert [(one.times, one.parts) for one in april] == [(1, 7), (1, 30)]
    assert missions.of(customer=1, at=now) is not None
