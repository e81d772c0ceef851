"""Periods, criteria and who stands where: tables, and a plain walk from day to day that has to come to the same."""

from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.kit import civil
from regulars.levers.loyalty import programme_files
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.programme_files import BadProgramme
from regulars.levers.loyalty.rules import tier_progress, tier_standing
from regulars.levers.loyalty.rules.tier_periods import Period, Window
from regulars.levers.loyalty.rules.tier_sets import Every, Need, TierSet
from regulars.levers.loyalty.rules.tier_standing import Facts, Frozen, Segment, Tally, walk
from tests.often import often

LADDER = """
      - {id: silver, all: [{what: spend, at_least: 100}]}
      - id: gold
        any: [{what: spend, at_least: 300}, {all: [{what: orders, at_least: 4}, {what: spend, at_least: 200}]}]
      - {id: platinum, all: [{what: spend, at_least: 600}]}
"""


def a_set(period="{kind: calendar_year}", down="{}", levels=LADDER) -> TierSet:
    text = f"""
programme: tried
money: GBP
tiers:
  - id: status
    period: {period}
    down: {down}
    levels: {levels}
rules: [{{id: spend, kind: spend, points: 1, per: 1}}]
"""
    return programme_files.read(text, currency="GBP", zone="Europe/London").tiers[0]


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def on(number: int | None) -> str | None:
    return None if number is None else date.fromordinal(number).isoformat()


def facts(*bought: tuple[str, int], joined: str | None = None) -> Facts:
    """Purchases of so many pounds."""
    days = [(day(when), pounds * 100) for when, pounds in bought]
    first = min([when for when, _ in days], default=day("2026-01-01"))
    tallies = {"spend:": Tally(days), "orders:": Tally([(when, 1) for when, _ in days])}
    return Facts(day(joined) if joined else first, tallies)


def stands(tiers: TierSet, done: Facts, when: str, frozen=(), segments=None) -> tier_standing.Walk:
    return walk(segments or [Segment(0, tiers)], done, frozen, day(when))


@pytest.mark.parametrize(
    ("period", "joined", "when", "window"),
    [
        (Period("calendar_year"), "2020-01-01", "2026-12-31", ("2026-01-01", "2027-01-01")),
        (Period("calendar_quarter"), "2020-01-01", "2026-03-31", ("2026-01-01", "2026-04-01")),
        (Period("calendar_quarter"), "2020-01-01", "2026-04-01", ("2026-04-01", "2026-07-01")),
        (Period("calendar_quarter"), "2020-01-01", "2024-02-29", ("2024-01-01", "2024-04-01")),
        (Period("anniversary"), "2025-06-15", "2026-06-14", ("2025-06-15", "2026-06-15")),
        (Period("anniversary"), "2025-06-15", "2026-06-15", ("2026-06-15", "2027-06-15")),
        # Joined on 29 February: the year turns on the 28th where there is no 29th, and comes back to it.
        (Period("anniversary"), "2024-02-29", "2025-02-27", ("2024-02-29", "2025-02-28")),
        (Period("anniversary"), "2024-02-29", "2025-02-28", ("2025-02-28", "2026-02-28")),
        (Period("anniversary"), "2024-02-29", "2028-02-28", ("2027-02-28", "2028-02-29")),
        (Period("anniversary"), "2024-02-29", "2028-02-29", ("2028-02-29", "2029-02-28")),
        (Period("rolling", 12), "2020-01-01", "2026-03-15", ("2025-03-16", "2026-03-16")),
        # What was bought on 31 August counts for six months until before 28 February, as that of the 28th does.
        (Period("rolling", 6), "2020-01-01", "2026-02-27", ("2025-08-28", "2026-02-28")),
        (Period("rolling", 6), "2020-01-01", "2026-02-28", ("2025-09-01", "2026-03-01")),
        (Period("rolling", 1), "2020-01-01", "2026-03-31", ("2026-03-01", "2026-04-01")),
        (Period("rolling", 12), "2020-01-01", "2025-02-28", ("2024-03-01", "2025-03-01")),
    ],
)
def test_which_days_count_together(period, joined, when, window):
    found = period.window(day(when), day(joined))
    assert (on(found.since), on(found.until)) == window


@given(
    st.sampled_from(["calendar_year", "calendar_quarter", "anniversary"]),
    st.integers(700_000, 760_000),
    st.integers(0, 9_000),
)
def test_periods_meet_and_every_day_is_in_one(kind, joined, later):
    period, when = Period(kind), joined + later
    here = period.window(when, joined)
    assert here.since <= when < here.until
    assert period.window(here.until, joined).since == here.until
    assert period.window(here.since - 1, joined).until == here.since or here.since == joined


@given(st.integers(700_000, 760_000), st.integers(1, 60))
def test_what_is_done_counts_from_its_day_until_so_many_months_later(done, months):
    period = Period("rolling", months)
    [gone] = period.turns(done, 0)
    assert gone == civil.add_months(date.fromordinal(done), months).toordinal()
    assert done in range(period.window(gone - 1, 0).since, gone)
    assert period.window(gone, 0).since > done


JANUARY, MARCH, LEAP = "2024-01-15", "2024-03-05", "2024-02-29"


@pytest.mark.parametrize(
    ("asks", "did", "period", "reached", "is_so_until"),
    [
        # Days with a visit, however many visits a day; a purchase in a store and an event of the same day are one.
        (
            "{what: visits, at_least: 3}",
            {"visits:": [(JANUARY, JANUARY), (JANUARY, JANUARY), (LEAP, LEAP), (MARCH, MARCH)]},
            "{kind: calendar_quarter}",
            MARCH,
            "2024-07-01",
        ),
        ("{what: visits, at_least: 2}", {"visits:": [(JANUARY, JANUARY), (JANUARY, JANUARY)]}, "{}", None, None),
        # Each time counts of an event, and other events do not.
        (
            "{what: events, event: review, at_least: 2}",
            {"events:review": [(JANUARY, 1), (LEAP, 1)], "events:share": [(JANUARY, 1)]},
            "{kind: rolling, months: 12}",
            LEAP,
            "2025-01-15",
        ),
        ("{what: events, event: review, at_least: 1}", {"events:share": [(JANUARY, 1)]}, "{}", None, None),
        # Different categories and different stores, each once.
        (
            "{what: categories, at_least: 2}",
            {"categories:": [(JANUARY, "Tea"), (JANUARY, "Tea"), (MARCH, "Cups")]},
            "{kind: anniversary, keeps: 0}",
            MARCH,
            "2025-01-15",
        ),
        (
            "{what: stores, at_least: 2}",
            {"stores:": [(LEAP, "leeds"), (MARCH, "leeds"), ("2024-03-31", "york")]},
            "{kind: rolling, months: 1}",
            "2024-03-31",
            # On 31 March Leeds of the 5th is there and that of 29 February gone; York alone is not enough.
            "2024-04-05",
        ),
        # Of one category alone.
        (
            "{what: spend, category: Tea, at_least: 50}",
            {"spend:Tea": [(JANUARY, 3_000), (LEAP, 2_000)], "spend:": [(JANUARY, 90_000)]},
            "{kind: rolling, months: 12}",
            LEAP,
            "2025-01-15",
        ),
        ("{what: points, at_least: 30}", {"points:": [(JANUARY, 20), (LEAP, 10)]}, "{kind: ever}", LEAP, None),
        # Whole months since they were seen first, which never go: from the 29th of a leap year, from a month's end.
        ("{what: tenure, at_least: 12}", {"joined": LEAP}, "{kind: ever}", "2025-02-28", None),
        ("{what: tenure, at_least: 1}", {"joined": "2024-01-31"}, "{kind: ever}", "2024-02-29", None),
        ("{what: tenure, at_least: 48}", {"joined": LEAP}, "{kind: ever}", "2028-02-29", None),
    ],
)
def test_what_each_criterion_counts_when_it_is_met_and_until_when(asks, did, period, reached, is_so_until):
    tiers = a_set(period, levels=f"[{{id: x, all: [{asks}]}}]")
    counted = {name: Tally((day(when), many) for when, many in rows) for name, rows in did.items() if name != "joined"}
    done = Facts(day(did.get("joined", JANUARY)), counted)
    if reached is None:
        assert stands(tiers, done, "2024-12-31").level == ""
        return
    assert stands(tiers, done, on(day(reached) - 1)).level == ""
    here = stands(tiers, done, reached)
    assert (here.level, on(here.since)) == ("x", reached)
    if is_so_until is not None:
        assert stands(tiers, done, on(day(is_so_until) - 1)).level == "x"
        assert stands(tiers, done, is_so_until).level == ""
    else:
        assert stands(tiers, done, "2033-12-31").level == "x"


@pytest.mark.parametrize(
    ("zone", "moment", "when"),
    [
        # The last and the first moments of quarters and years, in nights and years in which clocks do something.
        ("Europe/London", "2026-03-29T00:59:59+00:00", "2026-03-29"),
        ("Europe/London", "2026-03-31T22:59:59+00:00", "2026-03-31"),
        ("Europe/London", "2026-03-31T23:00:00+00:00", "2026-04-01"),
        ("Europe/London", "2026-12-31T23:59:59+00:00", "2026-12-31"),
        ("America/New_York", "2026-11-01T05:30:00+00:00", "2026-11-01"),
        ("America/New_York", "2026-11-02T04:59:59+00:00", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-04T15:29:00+00:00", "2026-04-05"),
        # There was no midnight, and no 30 December at all.
        ("America/Sao_Paulo", "2018-11-04T03:00:00+00:00", "2018-11-04"),
        ("America/Sao_Paulo", "2018-11-04T02:59:59+00:00", "2018-11-03"),
        ("Pacific/Apia", "2011-12-30T09:59:59+00:00", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00+00:00", "2011-12-31"),
        ("Asia/Shanghai", "2024-02-28T16:00:00+00:00", "2024-02-29"),
        ("Asia/Shanghai", "2024-02-29T16:00:00+00:00", "2024-03-01"),
    ],
)
def test_a_moment_counts_on_its_civil_day_whatever_clocks_do(zone, moment, when):
    at = datetime.fromisoformat(moment)
    done = tier_facts.Done([(tier_facts.micros(at), "spend:", 100)])
    [counted] = done.facts(civil.zone(zone), tier_facts.micros(at) + 1).tallies["spend:"].days
    assert on(counted) == when
    assert done.facts(civil.zone(zone), tier_facts.micros(at)).tallies == {}, "of what was before that moment"


YEAR = (("2025-03-01", 320), ("2026-02-10", 50))


@pytest.mark.parametrize(
    ("when", "level", "supported", "falls"),
    [
        ("2025-02-28", "", "", None),
        ("2025-03-01", "gold", "gold", None),
        ("2025-12-31", "gold", "gold", None),
        # Kept through the year after, then gone after the grace: who bought for 50 is on no level.
        ("2026-12-31", "gold", "gold", None),
        ("2027-01-01", "gold", "", "2027-01-31"),
        ("2027-01-30", "gold", "", "2027-01-31"),
        ("2027-01-31", "", "", None),
    ],
)
def test_a_level_is_kept_through_the_year_after_and_then_the_grace(when, level, supported, falls):
    here = stands(a_set(down="{grace_days: 30}"), facts(*YEAR), when)
    assert (here.level, here.supported, on(here.falls_on)) == (level, supported, falls)


def test_somebody_comes_down_by_a_step_at_a_time_where_the_landing_is_soft():
    tiers = a_set(down="{grace_days: 10, one_step: true, every_days: 60}")
    done = facts(("2024-05-05", 700))
    here = stands(tiers, done, "2026-12-31")
    assert [(on(step.day), step.before, step.after, step.because) for step in here.steps] == [
        ("2024-05-05", "", "platinum", "reached"),
        ("2026-01-11", "platinum", "gold", "fell"),
        ("2026-03-12", "gold", "silver", "fell"),
        ("2026-05-11", "silver", "", "fell"),
    ]
    assert stands(tiers, done, "2026-03-11").level == "gold"
    assert on(stands(tiers, done, "2026-03-11").next.day) == "2026-03-12"


def test_what_is_met_again_within_the_grace_stays_and_nothing_is_said_of_it():
    here = stands(a_set(down="{grace_days: 30}"), facts(("2025-03-01", 320), ("2027-01-30", 300)), "2027-06-01")
    assert [(step.after, on(step.day)) for step in here.steps] == [("gold", "2025-03-01")]


def test_frozen_nothing_falls_and_afterwards_the_grace_begins():
    tiers, done = a_set(down="{grace_days: 30}"), facts(("2025-03-01", 320))
    endless = [Frozen(day("2026-10-01"), None)]
    assert stands(tiers, done, "2029-01-01", endless).level == "gold"
    assert stands(tiers, done, "2029-01-01", endless).next is None
    ended = [Frozen(day("2026-10-01"), day("2027-05-01"))]
    assert on(stands(tiers, done, "2027-04-01", ended).falls_on) == "2027-05-31"
    assert stands(tiers, done, "2027-05-31", ended).level == ""


def test_other_rules_take_nothing_at_once_and_taken_back_nothing_was_lost():
    easy = a_set(down="{grace_days: 30}")
    hard = a_set(
        down="{grace_days: 30}",
        levels="[{id: silver, all: [{what: spend, at_least: 1000}]}, {id: gold, all: [{what: spend, at_least: 5000}]}]",
    )
    done, changed, back = facts(("2026-03-01", 320)), day("2026-04-01"), day("2026-04-20")
    after = [Segment(0, easy), Segment(changed, hard)]
    here = stands(easy, done, "2026-04-10", segments=after)
    assert (here.level, here.supported, on(here.falls_on)) == ("gold", "", "2026-05-01")
    assert stands(easy, done, "2026-05-01", segments=after).level == ""
    undone = [*after, Segment(back, easy)]
    here = stands(easy, done, "2026-06-01", segments=undone)
    assert (here.level, [step.after for step in here.steps]) == ("gold", ["gold"])


def test_a_level_that_the_rules_do_not_know_any_more_is_nobodys():
    other = a_set(levels="[{id: bronze, all: [{what: spend, at_least: 100}]}]")
    here = stands(
        other,
        facts(("2026-03-01", 320)),
        "2026-04-10",
        segments=[Segment(0, a_set()), Segment(day("2026-04-01"), other)],
    )
    assert [(step.before, step.after, step.because) for step in here.steps] == [
        ("", "gold", "reached"),
        ("gold", "", "rules"),
        ("", "bronze", "reached"),
    ]


def test_the_nearest_way_up_is_the_one_of_which_least_is_missing():
    tiers, done = a_set(), facts(("2026-03-01", 80), ("2026-03-09", 70), ("2026-04-01", 40))
    silver, gold, platinum = tier_progress.of(tiers, done, tiers.period.window(day("2026-05-01"), done.joined))
    assert (silver.is_met, silver.share) == (True, 1)
    # 190 pounds in three orders: one more order, of ten pounds, is nearer than 110 pounds.
    assert [(part.need.what, part.left) for part in gold.nearest] == [("orders", 1), ("spend", 1000)]
    assert gold.share == (Fraction(3, 4) + Fraction(19, 20)) / 2
    assert [(part.need.what, part.left) for part in platinum.nearest] == [("spend", 41000)]


@pytest.mark.parametrize(
    ("tiers", "field", "mend"),
    [
        ("[{id: a, period: {kind: weekly}, levels: [{id: x}]}]", "tiers[0].period.kind", "use one of"),
        ("[{id: a, period: {kind: rolling, months: 0}, levels: [{id: x}]}]", "tiers[0].period.months", "from 1 to 120"),
        ("[{id: a, period: {kind: ever, keeps: 2}, levels: [{id: x}]}]", "tiers[0].period.keeps", "kind"),
        ("[{id: a, levels: []}]", "tiers[0].levels", "the lowest first"),
        ("[{id: a, levels: [{id: x}, {id: y}]}]", "tiers[0].levels[1].all", "only the lowest"),
        ("[{id: a, levels: [{id: x}, {id: x}]}]", "tiers[0].levels[1].id", "another level"),
        ("[{id: a, levels: [{id: x, all: [{what: spent, at_least: 3}]}]}]", "tiers[0].levels[0].all[0].what", "spend"),
        ("[{id: a, levels: [{id: x, all: [{what: orders, at_least: 0}]}]}]", "tiers[0].levels[0].all[0].at_least", "1"),
        ("[{id: a, levels: [{id: x, all: [{what: events, at_least: 1}]}]}]", "tiers[0].levels[0].all[0].event", "text"),
        ("[{id: a, levels: [{id: x, any: []}]}]", "tiers[0].levels[0].any", "list what it asks"),
        ("[{id: a, levels: [{id: x, colour: red}]}]", "tiers[0].levels[0].colour", "c79a3a"),
        ("[{id: a, levels: [{id: x, image: ../x.png}]}]", "tiers[0].levels[0].image", "small letters"),
        (
            "[{id: a, levels: [{id: x, brands: [{brand: b, image: c}, {brand: b}]}]}]",
            "tiers[0].levels[0].brands[1].brand",
            "write it once",
        ),
        ("[{id: a, levels: [{id: x}]}, {id: a, levels: [{id: x}]}]", "tiers[1].id", "another set"),
    ],
)
def test_what_may_not_be_said_of_tiers_is_refused_with_field_and_mend(tiers, field, mend):
    with pytest.raises(BadProgramme) as refused:
        programme_files.read(
            f"programme: p\ntiers: {tiers}\nrules: [{{id: s, kind: spend, points: 1, per: 1}}]",
            currency="GBP",
            zone="Europe/London",
        )
    assert refused.value.facts["field"] == field
    assert mend in refused.value.message


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("{id: m, kind: tier_bonus, tiers: other, times: {gold: 2}, multiplies: [s]}", "rules[1].tiers"),
        ("{id: m, kind: tier_bonus, tiers: a, times: {}, multiplies: [s]}", "rules[1].times"),
        ("{id: m, kind: tier_bonus, tiers: a, times: {bronze: 2}, multiplies: [s]}", "rules[1].times.bronze"),
        ("{id: m, kind: tier_bonus, tiers: a, times: {gold: 1}, multiplies: [s]}", "rules[1].times.gold"),
        ("{id: m, kind: tier_bonus, tiers: by_points, times: {gold: 2}, multiplies: [s]}", "rules[1].tiers"),
    ],
)
def test_a_bonus_of_levels_that_cannot_be_is_refused(rule, field):
    gold = "levels: [{id: gold, all: [{what: %s, at_least: 5}]}]"
    with pytest.raises(BadProgramme) as refused:
        programme_files.read(
            f"programme: p\ntiers: [{{id: a, {gold % 'spend'}}}, {{id: by_points, {gold % 'points'}}}]\n"
            f"rules: [{{id: s, kind: spend, points: 1, per: 1}}, {rule}]",
            currency="GBP",
            zone="Europe/London",
        )
    assert refused.value.facts["field"] == field


PERIODS = (
    "{kind: calendar_year}",
    "{kind: calendar_quarter, keeps: 0}",
    "{kind: calendar_quarter, keeps: 2}",
    "{kind: rolling, months: 3}",
    "{kind: anniversary}",
    "{kind: anniversary, keeps: 0}",
    "{kind: ever}",
)
DOWNS = (
    "{}",
    "{grace_days: 20}",
    "{one_step: true, every_days: 25}",
    "{grace_days: 7, one_step: true, every_days: 40}",
)
MIXED = """
      - {id: silver, any: [{what: spend, at_least: 100}, {what: categories, at_least: 2}]}
      - {id: gold, all: [{what: spend, at_least: 150}, {what: tenure, at_least: 5}]}
      - id: platinum
        all: [{what: spend, at_least: 400}, {any: [{what: orders, at_least: 4}, {what: categories, at_least: 3}]}]
"""
BEGIN = day("2024-01-20")


def day_by_day(segments, done: Facts, frozen, until: int) -> list[tuple[int, str]]:
    """The same in the plainest way: each day by itself. The days on which the level was another, with it."""
    level, fall, tiers, found = "", None, None, []
    for now in range(done.joined, until + 1):
        current = next(one for one in reversed(segments) if one.since <= now)
        if current.set is not tiers:
            tiers, fall = current.set, None
            if level and (tiers is None or not tiers.rank(level)):
                level = ""
                found.append((now, level))
        if tiers is None:
            continue
        here, rank = plainly(tiers, done, now), tiers.rank(level)
        is_frozen = [one for one in frozen if one.since <= now and (one.until is None or now < one.until)]
        thawed = [one for one in frozen if one.until == now]
        if here >= rank:
            fall = None
            if here > rank:
                level = tiers.levels[here - 1].id
                found.append((now, level))
            continue
        if fall is None:
            fall = now + tiers.down.grace_days
        while fall is not None and fall <= now and rank > here:
            if is_frozen:
                fall = now + 1 if is_frozen[0].until is None else is_frozen[0].until + tiers.down.grace_days
                continue
            rank = max(rank - 1, here) if tiers.down.one_step else here
            level = tiers.levels[rank - 1].id if rank else ""
            found.append((now, level))
            fall = now + tiers.down.every_days if rank > here else None
        del thawed
    return found


def plainly(tiers: TierSet, done: Facts, now: int) -> int:
    """The rank held up on a day, asking of every past purchase whether it counts."""
    ends = [Window(0, now + 1)]
    if tiers.period.kind == "rolling":
        ends = [Window(first_that_counts(now, tiers.period.months), now + 1)]
    elif tiers.period.kind != "ever":
        ends, start = [], now
        for nth in range(tiers.period.keeps + 1):
            window = tiers.period.window(start, done.joined)
            ends.append(Window(window.since, min(window.until, now + 1)))
            start = window.since - 1
            if start < done.joined:
                break
            del nth
    for rank in range(len(tiers.levels), 0, -1):
        if any(met(tiers.levels[rank - 1].asks, done, window) for window in ends):
            return rank
    return 0


@lru_cache(maxsize=8192)
def first_that_counts(now: int, months: int) -> int:
    return next(d for d in range(now - 200, now + 1) if civil.add_months(date.fromordinal(d), months).toordinal() > now)


def met(asks, done: Facts, window: Window) -> bool:
    if isinstance(asks, Need):
        return done.count(asks, window) >= asks.at_least
    return (all if isinstance(asks, Every) else any)(met(part, done, window) for part in asks.parts)


BOUGHT = st.tuples(st.integers(0, 500), st.sampled_from([20, 60, 110, 260]), st.sampled_from(["tea", "mugs", "books"]))
FREEZES = st.lists(st.tuples(st.integers(0, 700), st.one_of(st.none(), st.integers(1, 200))), max_size=1)


@settings(max_examples=60)
@given(
    st.lists(BOUGHT, max_size=8),
    st.sampled_from(PERIODS),
    st.sampled_from(DOWNS),
    FREEZES,
    st.one_of(st.none(), st.tuples(st.integers(50, 600), st.sampled_from(PERIODS))),
)
def test_whoever_bought_whatever_it_is_as_day_by_day_and_foretold_on_every_day(bought, period, down, frozen, change):
    purchases = [(BEGIN + when, pounds * 100, what) for when, pounds, what in bought]
    first = min([when for when, _, _ in purchases], default=BEGIN)
    done = Facts(
        first,
        {
            "spend:": Tally([(when, minor) for when, minor, _ in purchases]),
            "orders:": Tally([(when, 1) for when, _, _ in purchases]),
            "categories:": Tally([(when, what) for when, _, what in purchases]),
        },
    )
    segments = [Segment(0, a_set(period, down, MIXED))]
    if change is not None:
        segments.append(Segment(BEGIN + change[0], a_set(change[1], down)))
    held = [Frozen(BEGIN + since, None if many is None else BEGIN + since + many) for since, many in frozen]
    until = BEGIN + 1500
    plain = day_by_day(segments, done, held, until)
    whole = walk(segments, done, held, until)
    assert [(step.day, step.after) for step in whole.steps] == plain
    for today in range(BEGIN, until, 37):
        here = walk(segments, done, held, today)
        past = [(when, level) for when, level in plain if when <= today]
        assert here.level == (past[-1][1] if past else "")
        # What comes next, if nothing else happens, is what came.
        coming = next(((when, level) for when, level in plain if when > today), None)
        # A walk that ends earlier knows nothing of what was bought after it: of that, see what it is a function of.
        assert coming is None or (here.next is not None and (here.next.day, here.next.after) == coming)


@settings(max_examples=60)
@given(st.lists(BOUGHT, max_size=8), st.sampled_from(PERIODS), st.sampled_from(DOWNS), st.integers(0, 900))
def test_a_level_is_a_function_of_what_was_done_until_then(bought, period, down, later):
    """What comes after a day changes nothing of where somebody stood on it."""
    segments, today = [Segment(0, a_set(period, down))], BEGIN + later

    def of(purchases):
        first = min([BEGIN + when for when, _, _ in bought], default=BEGIN)
        days = [(BEGIN + when, pounds * 100) for when, pounds, _ in purchases]
        return Facts(first, {"spend:": Tally(days), "orders:": Tally([(when, 1) for when, _ in days])})

    known = of([one for one in bought if BEGIN + one[0] <= today])
    everything = of(bought)
    here, after = walk(segments, known, (), today), walk(segments, everything, (), today)
    assert (here.level, here.since, here.falls_on, here.steps) == (
        after.level,
        after.since,
        after.falls_on,
        after.steps,
    )


EVERYBODYS = """
      - {id: green}
      - {id: silver, any: [{what: spend, at_least: 100}, {what: categories, at_least: 2}]}
      - {id: gold, all: [{what: spend, at_least: 300}, {what: orders, at_least: 3}]}
"""
HOUR = 3_600_000_000


@settings(max_examples=often(150))
@given(
    st.lists(st.tuples(BOUGHT, st.integers(0, 3)), max_size=10),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3)), max_size=5),
    st.sampled_from([one for one in PERIODS if "anniversary" not in one]),
    st.sampled_from(DOWNS),
    st.sampled_from([LADDER, EVERYBODYS]),
    FREEZES,
)
def test_before_each_of_many_orders_it_is_the_level_of_a_walk_until_then(bought, asked, period, down, ladder, frozen):
    tiers = a_set(period, down, ladder)
    told = sorted(((BEGIN + when) * 24 + hour, pounds, what) for (when, pounds, what), hour in bought)
    rows = [
        (hours * HOUR, hours // 24, *of)
        for hours, pounds, what in told
        for of in (("spend:", pounds * 100), ("orders:", 1), ("categories:", what))
    ]
    moments = sorted({hours for hours, *_ in told} | {(BEGIN + when) * 24 + hour for when, hour in asked})
    held = [Frozen(BEGIN + since, None if many is None else BEGIN + since + many) for since, many in frozen]
    found = tier_standing.levels(tiers, rows, held, [(hours * HOUR, hours // 24) for hours in moments])
    plain = []
    for hours in moments:
        known = [row for row in rows if row[0] < hours * HOUR]
        tallies = {name: Tally(row[1::2] for row in known if row[2] == name) for name in {row[2] for row in known}}
        done = Facts(known[0][1] if known else day("1970-01-01"), tallies)
        plain.append(walk([Segment(0, tiers)], done, held, hours // 24).level)
    assert found == plain
