"""Missions: rounds, steps and rows as tables, and a look at every prefix of a life that has to come to the same."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.levers.loyalty import programme_files
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.rules import mission_walk
from regulars.levers.loyalty.rules.mission_walk import Deed, Done, Turn
from regulars.levers.loyalty.rules.missions import Mission
from regulars.levers.loyalty.tests.orders_seen import ASKED

LONDON = ZoneInfo("Europe/London")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NEVER = 10**18


def a_mission(says: str, *, zone="Europe/London", customers=None) -> Mission:
    text = f"""
programme: tried
money: GBP
zone: {zone}
badges: [{{id: star}}]
missions: [{{id: one, {says}}}]
rules: [{{id: spend, kind: spend, points: 1, per: 1}}]
"""
    return programme_files.read(text, currency="GBP", zone=zone, customers=customers).missions[0]


def prize(says: str) -> str:
    return f"{says}, prize: {{points: 10}}"


def us(told: str, zone=LONDON) -> int:
    at = datetime.fromisoformat(told)
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1_000_000)


def done(*told: tuple[str, str, int | str], zone=LONDON, joined=()) -> Done:
    """What was done: when by the clocks of the zone, the counter, and how much or which."""
    deeds: dict[str, list[Deed]] = {}
    for when, counter, amount in sorted(told):
        at = us(when, zone)
        day = datetime.fromtimestamp(at / 1e6, zone).toordinal()
        deeds.setdefault(counter, []).append(Deed(at, day, amount))
    return Done(deeds, frozenset(), {"one": list(joined)} if joined else {})


def orders(*days: str, zone=LONDON) -> Done:
    return done(*[(f"{day}T12:00" if "T" not in day else day, "orders:", 1) for day in days], zone=zone)


def nothing(*_args, **_told) -> tuple[int, int, int | None]:
    return 0, 1, None


def stands(mission: Mission, did: Done, today: str, *, begun="2026-01-01", now_us=NEVER, turns=None):
    first = date.fromisoformat(begun).toordinal()
    told = turns or [Turn(us(f"{begun}T00:00"), first, mission, 1)]
    return mission_walk.stands(told, did, nothing, now_us=now_us, today=date.fromisoformat(today).toordinal())


def days_done(mission: Mission, did: Done, today: str, **more) -> list[tuple[str, str | None]]:
    return [
        (
            one.round.name,
            None if one.done_us is None else datetime.fromtimestamp(one.done_us / 1e6, UTC).isoformat()[:10],
        )
        for one in stands(mission, did, today, **more)
    ]


@pytest.mark.parametrize(
    ("repeat", "day", "name", "since", "until"),
    [
        ("day", "2026-03-29", "2026-03-29", "2026-03-29", "2026-03-30"),  # the night clocks change
        ("week", "2026-03-29", "2026-W13", "2026-03-23", "2026-03-30"),
        ("week", "2027-01-02", "2026-W53", "2026-12-28", "2027-01-04"),
        ("month", "2024-02-29", "2024-02", "2024-02-01", "2024-03-01"),
        ("month", "2026-12-31", "2026-12", "2026-12-01", "2027-01-01"),
        ("quarter", "2026-05-31", "2026-Q2", "2026-04-01", "2026-07-01"),
        ("year", "2024-02-29", "2024", "2024-01-01", "2025-01-01"),
    ],
)
def test_which_days_are_one_round(repeat, day, name, since, until):
    mission = a_mission(prize(f"repeat: {repeat}, steps: [{{what: orders, at_least: 1}}]"))
    found = mission.round_of(date.fromisoformat(day).toordinal(), 0)
    assert (found.name, date.fromordinal(found.since), date.fromordinal(found.until)) == (
        name,
        date.fromisoformat(since),
        date.fromisoformat(until),
    )


def test_once_counts_from_the_day_it_came_into_force_or_the_files_own_days_and_rounds_are_cut_by_them():
    once = a_mission(prize("steps: [{what: orders, at_least: 2}]"))
    did = orders("2026-01-20", "2026-03-05", "2026-03-09")
    assert days_done(once, did, "2026-04-01", begun="2026-03-01") == [("", "2026-03-09")]
    spring = a_mission(prize("from: 2026-01-15, until: 2026-03-09, steps: [{what: orders, at_least: 2}]"))
    assert days_done(spring, did, "2026-02-20", begun="2026-03-01", now_us=us("2026-02-20T12:00")) == [("", None)]
    assert days_done(spring, did, "2026-04-01", begun="2026-03-01") == [("", "2026-03-05")]
    assert days_done(
        a_mission(prize("until: 2026-03-09, steps: [{what: orders, at_least: 3}]")), did, "2026-03-08"
    ) == [("", None)]
    monthly = a_mission(prize("repeat: month, from: 2026-03-06, steps: [{what: orders, at_least: 1}]"))
    assert days_done(monthly, did, "2026-04-01") == [("2026-03", "2026-03-09"), ("2026-04", None)]


def test_each_month_is_anew_and_those_that_are_over_are_nobodys_news():
    monthly = a_mission(prize("repeat: month, steps: [{what: orders, at_least: 2}]"))
    did = orders("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01")
    assert days_done(monthly, did, "2026-03-02") == [("2026-02", "2026-02-28"), ("2026-03", None)]
    # Came into force in the middle of February: that counts from its first day, and what was before is nobody's.
    did = orders("2025-12-01", "2025-12-02", "2026-01-30", "2026-01-31", "2026-02-01", "2026-02-28")
    assert days_done(monthly, did, "2026-03-02", begun="2026-02-15") == [("2026-02", "2026-02-28"), ("2026-03", None)]
    told = a_mission(prize("repeat: month, from: 2026-01-01, steps: [{what: orders, at_least: 2}]"))
    assert [name for name, _ in days_done(told, did, "2026-03-02", begun="2026-02-15")] == [
        "2026-01",
        "2026-02",
        "2026-03",
    ]


@pytest.mark.parametrize(
    ("zone", "first", "last", "name"),
    [
        # Midnight by the clocks of the programme's zone, also in the night they change.
        (LONDON, "2026-03-29T00:30", "2026-03-29T23:30", "2026-03-29"),
        (LONDON, "2026-10-25T00:30", "2026-10-25T23:45", "2026-10-25"),
        (SHANGHAI, "2026-03-29T00:30", "2026-03-29T23:30", "2026-03-29"),
    ],
)
def test_days_are_those_of_the_programmes_zone(zone, first, last, name):
    daily = a_mission(prize("repeat: day, steps: [{what: orders, at_least: 2}]"), zone=str(zone))
    did = orders(first, last, zone=zone)
    assert name in [round_ for round_, day in days_done(daily, did, "2026-12-01") if day]


@pytest.mark.parametrize(
    ("unit", "length", "rests", "came", "today", "has", "met"),
    [
        ("day", 3, 0, ["2026-02-27", "2026-02-28", "2026-03-01"], "2026-03-01", 3, "2026-03-01"),
        ("day", 3, 0, ["2024-02-27", "2024-02-28", "2024-03-01"], "2024-03-01", 1, None),
        ("day", 3, 1, ["2024-02-27", "2024-02-28", "2024-03-01"], "2024-03-01", 3, "2024-03-01"),
        # The present day is not over; yesterday was left out.
        ("day", 4, 0, ["2026-03-02", "2026-03-03"], "2026-03-04", 2, None),
        ("day", 4, 0, ["2026-03-02", "2026-03-03"], "2026-03-05", 0, None),
        ("day", 4, 1, ["2026-03-02", "2026-03-03"], "2026-03-05", 2, None),
        ("day", 4, 1, ["2026-03-02", "2026-03-04", "2026-03-05"], "2026-03-07", 2, None),
        # A week is left out, and the row holds; two are, and it begins anew.
        ("week", 4, 1, ["2026-03-02", "2026-03-09", "2026-03-23", "2026-03-30"], "2026-03-30", 4, "2026-03-30"),
        ("week", 4, 1, ["2026-03-02", "2026-03-16", "2026-03-30", "2026-04-06"], "2026-04-06", 3, None),
        ("week", 2, 0, ["2026-12-28", "2027-01-03", "2027-01-04"], "2027-01-04", 2, "2027-01-04"),
        ("week", 3, 0, ["2026-10-19", "2026-10-25", "2026-10-26", "2026-11-02"], "2026-11-02", 3, "2026-11-02"),
        ("month", 3, 0, ["2026-11-30", "2026-12-31", "2027-01-01"], "2027-01-01", 3, "2027-01-01"),
        ("month", 3, 0, ["2026-01-31", "2026-03-01", "2026-04-01"], "2026-04-30", 2, None),
        ("month", 3, 2, ["2026-01-31", "2026-03-01", "2026-05-01"], "2026-05-01", 3, "2026-05-01"),
    ],
)
def test_so_many_in_a_row_with_what_may_be_left_out(unit, length, rests, came, today, has, met):
    says = f"{{what: orders, at_least: {length}, in_a_row: {unit}, rests: {rests}}}"
    mission = a_mission(prize(f"from: 2024-01-01, steps: [{says}]"))
    [one] = stands(mission, orders(*came), today)
    assert one.goals[0].has == has
    assert days_done(mission, orders(*came), today) == [("", met)]


def test_steps_in_order_count_what_came_after_the_step_before_and_any_order_does_not_mind():
    steps = "steps: [{what: orders, at_least: 2}, {what: spend, at_least: 50}, {what: stores, at_least: 2}]"
    did = done(
        ("2026-03-02T09:00", "orders:", 1),
        ("2026-03-02T09:00", "spend:", 3000),
        ("2026-03-02T10:00", "orders:", 1),
        ("2026-03-02T10:00", "spend:", 3000),
        ("2026-03-02T10:00", "stores:", "leeds"),
        ("2026-03-02T11:00", "spend:", 2000),
        ("2026-03-02T11:00", "stores:", "york"),
    )
    [any_order] = stands(a_mission(prize(steps)), did, "2026-03-02")
    assert any_order.done_us == us("2026-03-02T11:00")
    [in_order] = stands(a_mission(prize(f"in_order: true, {steps}")), did, "2026-03-02")
    assert [(seen.has, seen.met_us is not None) for seen in in_order.goals] == [(2, True), (2000, False), (0, False)]
    assert (in_order.step, in_order.done_us) == (1, None)


def test_what_was_done_before_joining_or_after_leaving_does_not_count():
    mission = a_mission(prize("join: true, steps: [{what: orders, at_least: 2}]"))
    told = [(f"2026-03-0{day}T12:00", "orders:", 1) for day in range(1, 6)]
    [nobody] = stands(mission, done(*told), "2026-03-05")
    assert nobody.goals[0].has == 0
    while_in = (us("2026-03-02T00:00"), us("2026-03-03T00:00"))
    [left] = stands(mission, done(*told, joined=[while_in]), "2026-03-05")
    assert (left.goals[0].has, left.done_us) == (1, None)
    [again] = stands(mission, done(*told, joined=[while_in, (us("2026-03-05T00:00"), None)]), "2026-03-05")
    assert again.done_us == us("2026-03-05T12:00")


def test_a_surprise_is_drawn_once_and_for_ever_for_about_one_in_so_many():
    ten, five = (
        a_mission(prize(f"surprise: true, one_in: {many}, repeat: month, steps: [{{what: orders, at_least: 1}}]"))
        for many in (10, 5)
    )

    def drawn(mission: Mission, month: str) -> set[int]:
        return {record for record in range(1, 5_001) if mission.is_for_one_of([record], month)}

    march = drawn(ten, "2026-03")
    # Written down: another draw would give to others what was given.
    assert sorted(march)[:5] == [18, 30, 36, 48, 50]
    assert 400 < len(march) < 600
    assert march < drawn(five, "2026-03")
    assert 20 < len(march & drawn(ten, "2026-04")) < 90
    lucky, unlucky = min(march), next(one for one in range(1, 99) if one not in march)
    assert ten.is_for_one_of([unlucky, lucky], "2026-03")
    did = orders("2026-03-05")
    for records, found in (([lucky], [("2026-03", "2026-03-05")]), ([unlucky], []), ([unlucky, lucky], 1)):
        did.records = records
        days = days_done(ten, did, "2026-03-09", begun="2026-03-01")
        assert len(days) == found if isinstance(found, int) else days == found
    # Without a number it is for everybody.
    everybody = a_mission(prize("surprise: true, steps: [{what: orders, at_least: 1}]"))
    assert everybody.is_surprise
    assert everybody.is_for_one_of([unlucky], "")


def test_who_did_it_by_the_rules_of_then_has_done_it_and_what_is_open_goes_by_those_of_now():
    easy = a_mission(prize("steps: [{what: orders, at_least: 1}]"))
    hard = a_mission(prize("steps: [{what: orders, at_least: 3}]"))
    march, april = us("2026-03-01T00:00"), us("2026-04-01T00:00")
    days = date(2026, 3, 1).toordinal(), date(2026, 4, 1).toordinal()
    turns = [Turn(march, days[0], easy, 1), Turn(april, days[1], hard, 2)]
    [before] = stands(easy, orders("2026-03-10", "2026-04-10"), "2026-04-11", turns=turns)
    assert (before.version, before.done_us) == (1, us("2026-03-10T12:00"))
    [after] = stands(easy, orders("2026-04-10"), "2026-04-11", turns=turns)
    assert (after.version, after.goals[0].at_least, after.done_us) == (2, 3, None)
    gone = [*turns, Turn(us("2026-05-01T00:00"), date(2026, 5, 1).toordinal(), None, 3)]
    assert stands(easy, orders("2026-04-10"), "2026-05-11", turns=gone) == []
    assert len(stands(easy, orders("2026-03-10"), "2026-05-11", turns=gone)) == 1


@settings(max_examples=60, deadline=None)
@given(
    told=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 23), st.sampled_from([1000, 2500, 6000])), max_size=14),
    repeat=st.sampled_from(["once", "week", "month"]),
    in_order=st.booleans(),
    until=st.integers(0, 125),
)
def test_done_is_a_function_of_what_was_kept_until_then(told, repeat, in_order, until):
    """Looked at after everything that was done one by one, and once at the end: the same rounds are done at the same
    moments; and nothing that came later changes when."""
    steps = "[{what: orders, at_least: 2}, {what: spend, at_least: 60}]"
    mission = a_mission(prize(f"repeat: {repeat}, in_order: {str(in_order).lower()}, steps: {steps}"))
    start = datetime(2026, 1, 5, tzinfo=UTC)
    moments = sorted({start + timedelta(days=day, hours=hour) for day, hour, _minor in told})
    spent = dict(zip(moments, [minor for *_when, minor in told], strict=False))
    did = done(*[(at.isoformat(), counter, spent[at] if counter == "spend:" else 1)
                 for at in moments for counter in ("orders:", "spend:")])  # fmt: skip
    end = start + timedelta(days=until)

    def looked(at: datetime) -> dict[str, int]:
        found = stands(mission, did, at.astimezone(LONDON).date().isoformat(), now_us=us(at.isoformat()))
        return {one.round.name: one.done_us for one in found if one.done_us is not None}

    seen: dict[str, int] = {}
    for at in [one for one in moments if one <= end]:
        now = looked(at)
        assert {name: when for name, when in now.items() if name in seen} == seen
        seen = now
    assert looked(end) == seen
    assert all(when <= us(end.isoformat()) for when in seen.values())


@pytest.mark.parametrize(
    ("says", "field", "mend"),
    [
        ("prize: {points: 5}", "missions[0].steps", "1 to 12"),
        ("steps: [{what: orders, at_least: 1}]", "missions[0].prize", "points, a badge or a reward"),
        (prize("steps: [{what: points, at_least: 5}]"), "missions[0].steps[0].what", "use one of"),
        (prize("steps: [{what: spend, at_least: 5, in_a_row: week}]"), "missions[0].steps[0].in_a_row", "only orders"),
        (prize("steps: [{what: orders, at_least: 1, in_a_row: week}]"), "missions[0].steps[0].at_least", "from 2"),
        (prize("steps: [{what: orders, at_least: 3, rests: 1}]"), "missions[0].steps[0].rests", "use one of"),
        (prize("repeat: hour, steps: [{what: orders, at_least: 1}]"), "missions[0].repeat", ""),
        (prize("from: 2026-03-02, until: 2026-03-02, steps: [{what: orders, at_least: 1}]"), "missions[0].until", ""),
        ("steps: [{what: orders, at_least: 1}], prize: {badge: moon}", "missions[0].prize.badge", "use one of star"),
        (prize("steps: [{asks: {field: commerce.orders, at_least: 3}}]"), "missions[0].steps[0].name", "in words"),
        (prize("steps: [{name: x, asks: {field: measures.churn, at_least: 1}}]"), "missions[0].steps[0].asks", ""),
        (prize("surprise: true, join: true, steps: [{what: orders, at_least: 1}]"), "missions[0].join", "nobody joins"),
        (prize("one_in: 5, steps: [{what: orders, at_least: 1}]"), "missions[0].one_in", "surprise: true"),
        (prize("surprise: true, one_in: 1, steps: [{what: orders, at_least: 1}]"), "missions[0].one_in", "from 2"),
        (prize("surprise: perhaps, steps: [{what: orders, at_least: 1}]"), "missions[0].surprise", ""),
    ],
)
def test_what_may_not_be_said_of_missions_is_refused_with_field_and_mend(says, field, mend):
    with pytest.raises(BadProgramme) as refused:
        a_mission(says, customers=ASKED)
    assert refused.value.facts["field"] == field
    assert mend in refused.value.message
