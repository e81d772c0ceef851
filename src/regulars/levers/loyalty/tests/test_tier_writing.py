"""Levels changed in a programme's text: what is not changed stays as it was written, what is changed is as asked."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.levers.loyalty import programme_files, tier_writing, yaml_text
from regulars.levers.loyalty.rules.told import BadProgramme
from regulars.levers.loyalty.tier_writing import LevelTold

FILES = {name: programme_files.text_of(name) for name in programme_files.ready()} | {
    "blocks": """# by hand
programme: blocks   # of ours
rules: [{id: spend, kind: spend, points: 1, per: 1}]
tiers:
- id: ladder
  levels:
  # the first
  - id: one   # everybody's
  - id: two
    name: Two
    image: medal
    colour: '#8b979f'
    all:
    - what: spend      # of tea
      at_least: "10.50"
      category: tea

    # the last
  - name:
      en: Three
      zh: 三
    id: three
    any:
    - what: orders
      at_least: 3
    - all:
      - {what: visits, at_least: 2}
      - {what: tenure, at_least: 6}
""",
    "in_one_line": "{programme: line, rules: [{id: a, kind: spend, points: 1, per: 1}], tiers: [{id: ladder, period:"
    " {months: 6, kind: rolling}, levels: [{id: one, any: [{what: orders, at_least: 1}]}, {id: two, all: [{what:"
    " orders, at_least: 5}]}]}]}",
}
SETS = [(name, one) for name, text in FILES.items() for one in tier_writing.sets(text)]


def read(text: str):
    return programme_files.read(text, currency="GBP", zone="Europe/London")


def lines_that_differ(before: str, after: str) -> list[str]:
    return [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]


@pytest.mark.parametrize(("name", "tiers"), SETS)
def test_what_is_told_unchanged_is_the_text_itself(name: str, tiers: str):
    text = FILES[name]
    assert tier_writing.written(text, tiers, tier_writing.told(text, tiers)) == text


def test_a_threshold_and_names_change_one_line_each_and_nothing_else():
    text = FILES["classic"]
    was = tier_writing.told(text, "status")
    silver, gold, platinum = was.levels
    assert replace(gold, rows=()) == LevelTold("gold", "Gold", "金卡", ("1000", "12", "600"))
    now = replace(
        was,
        levels=(
            replace(silver, english="Silver: new", chinese="新银卡"),
            replace(gold, asks=("800", "12", "512.5")),
            platinum,
        ),
    )
    made = tier_writing.written(text, "status", now)
    assert [one.strip() for one in lines_that_differ(text, made)] == [
        'name: {en: "Silver: new", zh: 新银卡}',
        'any: [{what: spend, at_least: 800}, {all: [{what: orders, at_least: 12}, {what: spend, at_least: "512.5"}]}]',
    ]
    assert read(made).tiers[0].levels[1].needs[2].at_least == 51250


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("classic", {"grace_days": "60"}, "down: {grace_days: 60, one_step: true, every_days: 90}"),
        ("classic", {"keeps": "2"}, "period: {kind: calendar_year, keeps: 2}"),
        ("classic", {"kind": "rolling", "months": "6"}, "period: {kind: rolling, months: 6}"),
        ("classic", {"kind": "ever"}, "period: {kind: ever}"),
        ("stars", {"kind": "calendar_quarter", "keeps": "3"}, "period: {kind: calendar_quarter, keeps: 3}"),
        ("stars", {"one_step": True, "every_days": "30"}, "down: {grace_days: 30, one_step: true, every_days: 30}"),
    ],
)
def test_the_time_and_the_way_down(name: str, change: dict[str, str], said: str):
    text = FILES[name]
    [tiers] = tier_writing.sets(text)
    wanted = replace(tier_writing.told(text, tiers), **change)
    made = tier_writing.written(text, tiers, wanted)
    assert [one.strip() for one in lines_that_differ(text, made)] == [said]
    read(made)


def test_what_a_file_says_nothing_of_is_said_where_it_is_wanted():
    text = FILES["blocks"]
    was = tier_writing.told(text, "ladder")
    one, two, three = was.levels
    assert [(row.depth, row.joins or row.what) for row in three.rows] == [
        (0, "any"),
        (1, "orders"),
        (1, "all"),
        (2, "visits"),
        (2, "tenure"),
    ]
    now = replace(
        was, grace_days="7", levels=(replace(one, english="One", chinese="一"), replace(two, chinese="二"), three)
    )
    made = tier_writing.written(text, "ladder", now)
    for kept in ("# the first", "# everybody's", "# of tea", "# the last", '"10.50"', "'#8b979f'"):
        assert kept in made
    found = read(made).tiers[0]
    assert found.down.grace_days == 7
    assert [level.titles["zh"] for level in found.levels] == ["一", "二", "三"]


def test_a_level_above_and_one_between_have_the_shape_of_the_one_below():
    for name in ("classic", "blocks", "in_one_line"):
        text = FILES[name]
        for tiers in tier_writing.sets(text):
            was = tier_writing.told(text, tiers)
            for place in range(len(was.levels)):
                wanted = tier_writing.one_more(was, place)
                new = replace(wanted.levels[place + 1], english="New one", chinese="新")
                wanted = replace(wanted, levels=(*wanted.levels[: place + 1], new, *wanted.levels[place + 2 :]))
                made = tier_writing.written(text, tiers, wanted)
                levels = read(made).tiers[0].levels
                assert [one.id for one in levels][place + 1] == "new_one", name
                assert levels[place + 1].needs
                assert not levels[place + 1].image
                assert [one.what for one in levels[place + 1].needs] == (
                    [one.what for one in next(one for one in levels if one.id == new.like).needs] or ["spend"]
                )
                back = replace(tier_writing.told(made, tiers), levels=was.levels)
                assert yaml.safe_load(tier_writing.written(made, tiers, back)) == yaml.safe_load(text)
    top = tier_writing.one_more(tier_writing.told(FILES["classic"], "status"), 2).levels[-1]
    assert top.asks == ("6000", "12")


def test_what_a_level_gave_goes_on_with_the_one_above_when_it_goes():
    text = FILES["classic"]
    was = tier_writing.told(text, "status")
    made = tier_writing.written(text, "status", replace(was, levels=(was.levels[0], was.levels[2])))
    found = read(made)
    assert {one.id: [level.level for level in one.levels] for one in found.benefits} == {
        "free_shipping": ["silver", "platinum"],
        "free_returns": ["platinum"],
        "early": ["platinum"],
    }
    [evening] = [one for one in found.rewards if one.id == "classic_evening"]
    assert set(evening.level_prices) == {"status.platinum"}
    with pytest.raises(BadProgramme) as refused:
        tier_writing.written(text, "status", replace(was, levels=was.levels[:2]))
    assert refused.value.facts["field"] == "benefits.early"


def test_what_a_level_asks_and_what_joins_it_is_changed_and_nothing_else():
    text = FILES["blocks"]
    was = tier_writing.told(text, "ladder")
    one, two, three = was.levels
    more = tier_writing.one_group_more(tier_writing.one_ask_more(two))
    assert [(row.depth, row.joins or row.what) for row in more.rows] == [
        (0, "all"),
        (1, "spend"),
        (1, "orders"),
        (1, "any"),
        (2, "spend"),
        (2, "orders"),
    ]
    asked = list(more.rows)
    asked[0], asked[4] = replace(asked[0], joins="any"), replace(asked[4], what="events", of="1")
    asked[3] = replace(asked[3], joins="all")
    two = replace(more, rows=tuple(asked), asks=("10.50", "3", "2", "4"))
    three = tier_writing.one_ask_less(three, 2)
    made = tier_writing.written(text, "ladder", replace(was, levels=(one, two, three)))
    assert [line.strip() for line in made.splitlines() if "what:" in line] == [
        'any: [{what: spend, category: tea, at_least: "10.50"}, {what: orders, at_least: 3}, {all: [{what: events, '
        'event: "1", at_least: 2}, {what: orders, at_least: 4}]}]',
        "any: [{what: orders, at_least: 3}, {what: visits, at_least: 2}]",
    ]
    for kept in ("# the first", "# everybody's", "# the last", "'#8b979f'"):
        assert kept in made
    found = read(made).tiers[0].levels
    assert [[(need.what, need.of) for need in way] for way in found[1].ways] == [
        [("spend", "tea")],
        [("orders", "")],
        [("events", "1"), ("orders", "")],
    ]
    assert tier_writing.told(made, "ladder").levels[1] == two
    nothing = replace(three, asks=(), rows=())
    with pytest.raises(BadProgramme) as refused:
        read(tier_writing.written(text, "ladder", replace(was, levels=(one, was.levels[1], nothing))))
    assert tier_writing.fields(text, "ladder")[refused.value.facts["field"]] == "asked-2"
    assert not read(tier_writing.written(text, "ladder", replace(was, levels=(nothing,)))).tiers[0].levels[0].needs


def test_both_lists_of_a_level_become_one():
    text = FILES["in_one_line"].replace(
        "{id: two, all: [{what: orders, at_least: 5}]}",
        "{id: two, any: [{what: orders, at_least: 5}, {what: visits, at_least: 2}], all: [{what: spend, at_least: 9}]}",
    )
    was = tier_writing.told(text, "ladder")
    one, two = was.levels
    assert [(row.depth, row.joins or row.what) for row in two.rows] == [
        (0, "all"),
        (1, "spend"),
        (1, "any"),
        (2, "orders"),
        (2, "visits"),
    ]
    two = tier_writing.one_ask_less(two, 2)
    made = tier_writing.written(text, "ladder", replace(was, levels=(one, two)))
    assert "{id: two, all: [{what: spend, at_least: 9}, {what: orders, at_least: 5}]}" in made
    assert len(read(made).tiers[0].levels[1].needs) == 2


def test_what_is_written_by_reference_is_left_to_who_can_read_it():
    text = FILES["classic"].replace(
        "at_least: 300}, {what: orders, at_least: 5}", "at_least: &many 300}, {what: orders, at_least: *many}", 1
    )
    with pytest.raises(BadProgramme):
        tier_writing.told(text, "status")


def test_refusals_find_their_place_in_the_form():
    text = FILES["classic"]
    was = tier_writing.told(text, "status")
    places = tier_writing.fields(text, "status")
    for change, name in (
        ({"levels": (*was.levels[:2], replace(was.levels[2], asks=("much", "6")))}, "asks-2-0"),
        ({"levels": (was.levels[0], replace(was.levels[1], asks=("1000", "2.5", "600")), was.levels[2])}, "asks-1-1"),
        ({"levels": (replace(was.levels[0], chinese=" "), *was.levels[1:])}, "zh-0"),
        ({"grace_days": ""}, "grace_days"),
        ({"kind": "rolling", "months": "9999"}, "months"),
    ):
        with pytest.raises(BadProgramme) as refused:
            read(tier_writing.written(text, "status", replace(was, **change)))
        assert places[refused.value.facts["field"]] == name


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)
amounts = st.one_of(st.integers(1, 10**6).map(str), st.decimals("0.01", 10**4, places=2).map(str), names)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_whatever_is_wanted_is_what_is_told_of_the_text_that_comes(data: st.DataObject):
    name, tiers = data.draw(st.sampled_from([("blocks", "ladder"), ("in_one_line", "ladder")]))
    wanted = tier_writing.told(FILES[name], tiers)
    for place, level in enumerate(wanted.levels):
        if data.draw(st.booleans()):
            asks = tuple(data.draw(amounts) for _ in level.asks)
            new = replace(level, english=data.draw(names), chinese=data.draw(names), asks=asks)
            wanted = replace(wanted, levels=(*wanted.levels[:place], new, *wanted.levels[place + 1 :]))
    for _again in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(wanted.levels) - 1))
        level, number = wanted.levels[place], data.draw(st.integers(-1, 3))
        change = data.draw(
            st.sampled_from([tier_writing.one_ask_more, tier_writing.one_group_more, tier_writing.one_ask_less])
        )
        level = change(level, number)
        rows = tuple(
            replace(one, joins=data.draw(st.sampled_from(["all", "any"])))
            if one.joins
            else replace(one, what="events", of=data.draw(names))
            for one in level.rows
        )
        wanted = replace(
            wanted, levels=(*wanted.levels[:place], replace(level, rows=rows), *wanted.levels[place + 1 :])
        )
    if data.draw(st.booleans()):
        wanted = tier_writing.one_more(wanted, data.draw(st.integers(0, len(wanted.levels) - 1)))
    wanted = replace(
        wanted,
        kind=data.draw(st.sampled_from(["calendar_year", "calendar_quarter", "anniversary", "rolling", "ever"])),
        grace_days=data.draw(st.integers(0, 999).map(str)),
        one_step=data.draw(st.booleans()),
    )
    made = tier_writing.written(FILES[name], tiers, wanted)
    found = tier_writing.told(made, tiers)
    assert [(one.english, one.chinese, one.asks, one.rows) for one in found.levels] == [
        (one.english, one.chinese, tuple(map(yaml_text.plain_number, one.asks)), one.rows) for one in wanted.levels
    ]
    assert (found.kind, found.grace_days, found.one_step) == (wanted.kind, wanted.grace_days, wanted.one_step)
    assert tier_writing.written(made, tiers, found) == made
