"""A set of tiers changed in the text of a programme's file: what is not changed stays as it was written (`yaml_text`).
Pure; whether what it says may be is for `programme_files`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from regulars.kit.texts import translated as _
from regulars.levers.loyalty import yaml_text
from regulars.levers.loyalty.rules.tier_periods import WITH_ENDS
from regulars.levers.loyalty.rules.tier_sets import COLOURS, MOST_LEVELS, Down
from regulars.levers.loyalty.rules.told import BadProgramme, bad
from regulars.levers.loyalty.yaml_text import Path, Text, says, value_of

#: What a form of a set tells of its period and of the way down, with what is so where the file says nothing.
_PERIOD = {"kind": "calendar_year", "months": "12", "keeps": "1"}
_DOWN = {"grace_days": "0", "one_step": "no", "every_days": str(Down().every_days)}
#: What may name a level, besides its set.
_NAMES_LEVELS = {"benefits": ("for",), "rewards": ("level_prices", "from_level"), "rules": ("times",)}
_FIRST_ASKS = "[{what: spend, at_least: 100}]"


@dataclass(frozen=True)
class LevelTold:
    """A level as a form tells it: what it is called, its thresholds in the order of the file, and what they are
    thresholds of. A new one begins as a copy of the level `like`."""

    id: str
    english: str
    chinese: str
    asks: tuple[str, ...]
    like: str = ""
    rows: tuple["Row", ...] = ()


@dataclass(frozen=True)
class SetTold:
    """A set as a form tells it, its levels from the lowest up, everything as it is written."""

    levels: tuple[LevelTold, ...]
    kind: str
    months: str
    keeps: str
    grace_days: str
    one_step: bool
    every_days: str


@dataclass(frozen=True)
class Row:
    """A line of what a level asks: the threshold numbered `number`, or what joins those below it (`all`, `any`). `name`
    is what its file calls the category or event `of`."""

    depth: int
    joins: str = ""
    what: str = ""
    of: str = ""
    name: object = None
    number: int = -1


def sets(text: str) -> list[str]:
    """The ids of a file's sets."""
    each = _content(text).get("tiers")
    return [str(one["id"]) for one in each or () if isinstance(one, Mapping) and "id" in one]


def told(text: str, tiers: str) -> SetTold:
    """What a set says. Refused where it is written by reference."""
    return _told(_one(_content(text), tiers))


def shaped(rows: Sequence[Row], asks: Sequence[str]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """What is asked in its plainest form, with the thresholds that go with it: nothing is joined that is one alone, and
    thresholds are numbered in their order."""
    return _flat(_plain(_tree(rows, asks)))


def one_ask_more(level: LevelTold, group: int = -1) -> LevelTold:
    """With another threshold, still empty, in the group of that number; beside what it asks where that is none."""
    return _replaced(level, _added(_tree(level.rows, level.asks), _Node(Row(0, "", "orders")), group))


def one_group_more(level: LevelTold, group: int = -1) -> LevelTold:
    """With two more thresholds, still empty, that are joined otherwise than that group."""
    tree = _tree(level.rows, level.asks)
    joins = "any" if tree is None or _group(tree, group).row.joins != "any" else "all"
    new = _Node(Row(0, joins), "", [_Node(Row(0, "", "spend")), _Node(Row(0, "", "orders"))])
    return _replaced(level, _added(tree, new, group))


def one_ask_less(level: LevelTold, number: int) -> LevelTold:
    """Without the threshold of that number."""
    gone = {place for place, row in enumerate(level.rows) if row.number == number}
    rows = [row for place, row in enumerate(level.rows) if place not in gone]
    return _replaced(level, _tree(rows, [one for place, one in enumerate(level.asks) if place != number]))


def one_more(wanted: SetTold, after: int) -> SetTold:
    """With another level above that one: in the shape of the one below it, of the one above where that asks nothing.
    Its thresholds lie between both, above the highest they are twice as high."""
    below = wanted.levels[after]
    above = wanted.levels[after + 1] if after + 1 < len(wanted.levels) else None
    shape = below if below.asks or above is None else above
    if above is None:
        asks = tuple(_middle(one, one, 2) for one in below.asks) or ("100",)
    elif not below.asks:
        asks = tuple(_middle("0", one) for one in above.asks)
    elif len(below.asks) == len(above.asks):
        asks = tuple(_middle(low, high) for low, high in zip(below.asks, above.asks, strict=True))
    else:
        asks = below.asks
    rows, asks = (shape.rows, asks) if shape.rows else ((Row(0, "", "spend", number=0),), ("100",))
    new = LevelTold("", "", "", asks, shape.like or shape.id, rows)
    return replace(wanted, levels=(*wanted.levels[: after + 1], new, *wanted.levels[after + 1 :]))


def written(text: str, tiers: str, wanted: SetTold) -> str:
    """The text that says what is wanted of that set; the text itself where it says that already.

    New levels without an id have one made of their English name. Refused where it cannot be said by changing the text
    here and there.
    """
    if not 0 < len(wanted.levels) <= MOST_LEVELS:
        raise bad(
            "levels", len(wanted.levels), _("write 1 to %(most)s levels, the lowest first") % {"most": MOST_LEVELS}
        )
    wanted = _named(wanted)
    before = _content(text)
    made = text
    for place, level in enumerate(wanted.levels):
        if level.like:
            made = _with(made, tiers, level, wanted.levels[place - 1].id if place else "")
    stays = {level.id for level in wanted.levels}
    gone = [one.id for one in told(made, tiers).levels if one.id not in stays]
    for level_id in gone:
        made = _without(_let_go(made, tiers, level_id), tiers, level_id)
    made = _changed(made, tiers, wanted)
    after = _content(made)
    rest, as_it_was = (_bare(one, tiers, passed=bool(gone)) for one in (after, _shaped(before, tiers, wanted)))
    if rest != as_it_was or _told(_one(after, tiers)) != _as(wanted):
        raise yaml_text.by_hand("tiers", tiers)
    return made


def fields(text: str, tiers: str) -> Mapping[str, str]:
    """The place of each thing that a form tells, as refusals name it, to its name in the form: `asks-1-0` is the first
    threshold of the second level."""
    content = _content(text)
    at = f"tiers[{next(place for place, one in enumerate(content['tiers']) if one['id'] == tiers)}]"
    found = {f"{at}.period.{key}": key for key in _PERIOD} | {f"{at}.down.{key}": key for key in _DOWN}
    for place, level in enumerate(_one(content, tiers)["levels"]):
        here = f"{at}.levels[{place}]"
        found |= {f"{here}.{key}": f"en-{place}" for key in ("id", "name", "name.en")}
        found[f"{here}.name.zh"] = f"zh-{place}"
        found |= {f"{here}.{key}": f"asked-{place}" for key in ("all", "any")}
        for number, (path, _leaf) in enumerate(_leaves(level)):
            steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            found[f"{here}{steps}.at_least"] = f"asks-{place}-{number}"
            found |= {f"{here}{steps}.{key}": f"of-{place}-{number}" for key in ("category", "event")}
    return found


# --- what is there


def _content(text: str) -> dict[str, Any]:
    return yaml_text.parsed(text, "tiers")[1]


def _one(content: Mapping[str, Any], tiers: str) -> Any:
    found = [one for one in content.get("tiers") or () if one["id"] == tiers]
    if len(found) != 1:
        raise bad("tiers", tiers, _("this programme has no such set of tiers; write one under `tiers`"))
    return found[0]


def _told(one: Mapping[str, Any]) -> SetTold:
    period, down = one.get("period") or {}, one.get("down") or {}
    return _as(
        SetTold(
            tuple(
                LevelTold(
                    str(level["id"]),
                    *_titles(level),
                    tuple(str(leaf.get("at_least", "")) for _path, leaf in _leaves(level)),
                    rows=tuple(_rows(level)),
                )
                for level in one["levels"]
            ),
            **{key: str(period.get(key, value)) for key, value in _PERIOD.items()},
            grace_days=str(down.get("grace_days", _DOWN["grace_days"])),
            one_step=down.get("one_step") is True,
            every_days=str(down.get("every_days", _DOWN["every_days"])),
        )
    )


def _titles(level: Mapping[str, Any]) -> tuple[str, str]:
    name = level.get("name")
    if isinstance(name, Mapping):
        return str(name.get("en", "")), str(name.get("zh", ""))
    return (str(level["id"]),) * 2 if name is None else (str(name),) * 2


def _leaves(told_of: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    for key in ("all", "any"):
        for place, one in enumerate(told_of.get(key) or ()):
            here = (*path, key, place)
            if one.get("what") is not None:
                yield here, one
            else:
                yield from _leaves(one, here)


def _rows(level: Mapping[str, Any]) -> Iterator[Row]:
    numbers = iter(range(1000))

    def under(one: Mapping[str, Any], depth: int) -> Iterator[Row]:
        if one.get("what") is not None:
            what = str(one["what"])
            of = str(one.get("category" if what == "spend" else "event") or "")
            yield Row(depth, "", what, of, one.get("name"), next(numbers))
            return
        groups = [(key, one[key]) for key in ("all", "any") if one.get(key)]
        if len(groups) > 1:
            yield Row(depth, "all")
        deeper = depth + (len(groups) > 1)
        for key, inner in groups:
            if len(inner) > 1:
                yield Row(deeper, key)
            for part in inner:
                yield from under(part, deeper + (len(inner) > 1))

    return under(level, 0)


@dataclass
class _Node:
    """A line with those that it joins; `ask` is its threshold."""

    row: Row
    ask: str = ""
    parts: list["_Node"] = field(default_factory=list)


def _tree(rows: Sequence[Row], asks: Sequence[str]) -> _Node | None:
    """The lines as they hang together, None of none. Each joins those that are deeper and follow it."""
    top, open_at = _Node(Row(-1, "all")), list[_Node]()
    thresholds = iter(asks)
    for row in rows:
        node = _Node(row, "" if row.joins else next(thresholds, ""))
        while open_at and open_at[-1].row.depth >= row.depth:
            open_at.pop()
        (open_at[-1] if open_at else top).parts.append(node)
        if row.joins:
            open_at.append(node)
    return _plain(top)


def _plain(node: _Node | None) -> _Node | None:
    if node is None or not node.row.joins:
        return node
    parts = [one for one in map(_plain, node.parts) if one is not None]
    return _Node(node.row, "", parts) if len(parts) > 1 else (parts[0] if parts else None)


def _flat(node: _Node | None) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    found, asks = list[Row](), list[str]()

    def walk(one: _Node, depth: int) -> None:
        if one.row.joins:
            found.append(Row(depth, one.row.joins))
            for part in one.parts:
                walk(part, depth + 1)
        else:
            found.append(replace(one.row, depth=depth, number=len(asks)))
            asks.append(one.ask)

    if node is not None:
        walk(node, 0)
    return tuple(found), tuple(asks)


def _group(node: _Node, number: int) -> _Node:
    """The group of that number, in the order of the lines; the first of all where there is none."""
    groups = [one for one in _walked(node) if one.row.joins]
    return groups[number] if 0 <= number < len(groups) else node


def _walked(node: _Node) -> Iterator[_Node]:
    yield node
    for part in node.parts:
        yield from _walked(part)


def _added(tree: _Node | None, new: _Node, group: int) -> _Node:
    if tree is None:
        return new
    into = _group(tree, group)
    if into.row.joins:
        into.parts.append(new)
        return tree
    return _Node(Row(0, "all"), "", [tree, new])


def _replaced(level: LevelTold, tree: _Node | None) -> LevelTold:
    rows, asks = _flat(tree)
    return replace(level, rows=rows, asks=asks)


def _as(wanted: SetTold) -> SetTold:
    """As it is written: numbers in their plainest form, and nothing that its kind of period does not ask."""
    levels = []
    for one in wanted.levels:
        rows, asks = shaped(one.rows, one.asks)
        told_as = one.id, one.english.strip(), one.chinese.strip(), tuple(map(yaml_text.plain_number, asks))
        levels.append(LevelTold(*told_as, rows=rows))
    return SetTold(
        tuple(levels),
        wanted.kind,
        yaml_text.plain_number(wanted.months) if wanted.kind == "rolling" else _PERIOD["months"],
        yaml_text.plain_number(wanted.keeps) if wanted.kind in WITH_ENDS else _PERIOD["keeps"],
        yaml_text.plain_number(wanted.grace_days),
        wanted.one_step,
        yaml_text.plain_number(wanted.every_days),
    )


def _middle(low: str, high: str, times: int = 1) -> str:
    try:
        least, most = Decimal(low), Decimal(high)
    except InvalidOperation:
        return low
    if not (least.is_finite() and most.is_finite()):
        return low
    exact = (least + most) / 2 * times
    whole = max(int(exact), 1)
    return f"{exact:f}" if "." in low + high else str(whole)


def _named(wanted: SetTold) -> SetTold:
    """With an id for each level that has none."""
    taken = {one.id for one in wanted.levels}
    levels = []
    for one in wanted.levels:
        name = one.id
        if not name:
            plain = re.sub("[^a-z0-9]+", "_", one.english.lower())[:30].strip("_") or "level"
            stem = plain if plain[0].isalpha() else f"level_{plain}"
            name = next(each for each in (stem, *(f"{stem}_{number}" for number in range(2, 99))) if each not in taken)
            taken.add(name)
        levels.append(replace(one, id=name))
    return replace(wanted, levels=tuple(levels))


def _shaped(content: Mapping[str, Any], tiers: str, wanted: SetTold) -> dict[str, Any]:
    """The whole content with the levels that are wanted, before their names and thresholds."""
    made = deepcopy(dict(content))
    one = _one(made, tiers)
    by_id = {level["id"]: level for level in one["levels"]}
    levels = []
    for level in wanted.levels:
        shape = by_id.get(level.like or level.id)
        if shape is None:
            raise yaml_text.by_hand("tiers", level.id)
        here = deepcopy(shape)
        if level.like:
            here = {key: value for key, value in here.items() if key not in ("image", "brands")} | {"id": level.id}
            if not list(_leaves(here)):
                here["all"] = yaml.safe_load(_FIRST_ASKS)
        levels.append(here)
    one["levels"] = levels
    return made


def _bare(content: Mapping[str, Any], tiers: str, *, passed: bool) -> dict[str, Any]:
    """The content without what a form of the set tells, and (`passed`) what goes on to other levels."""
    made = deepcopy(dict(content))
    for key, names in _NAMES_LEVELS.items() if passed else ():
        for part in made.get(key) or ():
            for name in names:
                part.pop(name, None)
    one = _one(made, tiers)
    for key in ("period", "down"):
        one.pop(key, None)
    for level in one["levels"]:
        for key in ("name", "colour", "all", "any"):
            level.pop(key, None)
    return made


# --- its text


def _set_node(text: str, tiers: str) -> yaml.MappingNode:
    each: list[yaml.MappingNode] = value_of(yaml_text.parsed(text, "tiers")[0], "tiers").value
    return next(one for one in each if value_of(one, "id").value == tiers)


def _level_nodes(node: yaml.MappingNode) -> yaml.SequenceNode:
    found = value_of(node, "levels")
    assert isinstance(found, yaml.SequenceNode)
    return found


def _with(text: str, tiers: str, level: LevelTold, below: str) -> str:
    """With a copy of the level it is like, above the one `below`; first of all where that is none."""
    one = _level_nodes(_set_node(text, tiers))
    places = {value_of(node, "id").value: place for place, node in enumerate(one.value)}
    if level.like not in places or (below and below not in places):
        raise yaml_text.by_hand("tiers", level.like)
    shape = one.value[places[level.like]]
    copy = Text(text, "tiers")
    copy.put(shape, "id", level.id)
    for key in ("image", "brands"):
        copy.drop(shape, key)
    colours = [value_of(node, "colour") for node in one.value]
    taken = {node.value.lower() for node in colours if node is not None}
    free = next((colour for colour in COLOURS if colour not in taken), None)
    if free is not None and value_of(shape, "colour") is not None:
        copy.put(shape, "colour", f'"{free}"')
    if not value_of(shape, "all") and not value_of(shape, "any"):
        copy.put(shape, "all", _FIRST_ASKS)
    body = copy.made(shape.start_mark.index, copy.end(shape)).rstrip()
    made = Text(text, "tiers")
    dash = f"{' ' * one.start_mark.column}- "
    if below:
        end = made.end(one.value[places[below]])
        since = end if one.flow_style else made.line_end(end)
        made.change(since, since, f", {body}" if one.flow_style else f"\n{dash}{body}")
    else:
        first = one.value[0].start_mark.index
        since = first if one.flow_style else text.rfind("\n", 0, first) + 1
        made.change(since, since, f"{body}, " if one.flow_style else f"{dash}{body}\n")
    return made.made()


def _without(text: str, tiers: str, level: str) -> str:
    one = _level_nodes(_set_node(text, tiers))
    made = Text(text, "tiers")
    made.drop_item(one, next(place for place, node in enumerate(one.value) if value_of(node, "id").value == level))
    return made.made()


def _let_go(text: str, tiers: str, level: str) -> str:
    """Without anything that names that level: what it gives begins at the one above, where nothing does yet; what only
    it had is refused. A reward from that level on is from the one above, of the highest from the one below."""
    levels = [one.id for one in told(text, tiers).levels]
    place = levels.index(level)
    above = levels[place + 1] if place + 1 < len(levels) else ""
    below = levels[place - 1] if place else ""
    made, root = Text(text, "tiers"), yaml_text.parsed(text, "tiers")[0]
    for benefit in yaml_text.items(root, "benefits"):
        each = value_of(benefit, "for")
        for item, one in enumerate(each.value if each is not None else ()):
            if (says(one, "tiers"), says(one, "from")) != (tiers, level):
                continue
            others = {says(other, "from") for other in each.value if says(other, "tiers") == tiers}
            if above and above not in others:
                made.put(one, "from", above)
            elif len(each.value) > 1:
                made.drop_item(each, item)
            else:
                raise _only_theirs(f"benefits.{says(benefit, 'id')}", level)
    for reward in yaml_text.items(root, "rewards"):
        prices = value_of(reward, "level_prices")
        if prices is not None and value_of(prices, f"{tiers}.{level}") is not None:
            made.drop(*((prices, f"{tiers}.{level}") if len(prices.value) > 1 else (reward, "level_prices")))
        if says(reward, "from_level") == f"{tiers}.{level}":
            made.put(reward, "from_level", f"{tiers}.{above or below}")
    for rule in yaml_text.items(root, "rules"):
        times = value_of(rule, "times")
        if says(rule, "tiers") == tiers and isinstance(times, yaml.MappingNode) and value_of(times, level) is not None:
            if len(times.value) == 1:
                raise _only_theirs(f"rules.{says(rule, 'id')}", level)
            made.drop(times, level)
    return made.made()


def _only_theirs(field: str, level: str) -> BadProgramme:
    return bad(field, level, _("nobody else has this; give it to another level, in the file, before this one goes"))


def _changed(text: str, tiers: str, wanted: SetTold) -> str:
    """With other names, thresholds, period and way down, the levels being there."""
    node, content = _set_node(text, tiers), _one(_content(text), tiers)
    was, now, made = _told(content), _as(wanted), Text(text, "tiers")
    if [one.id for one in was.levels] != [one.id for one in now.levels]:
        raise yaml_text.by_hand("tiers", tiers)
    for level, before, after, raw in zip(
        _level_nodes(node).value, was.levels, now.levels, content["levels"], strict=True
    ):
        if (before.english, before.chinese) != (after.english, after.chinese):
            _name(made, level, after)
        if before.rows != after.rows:
            _ask(made, level, after)
            continue
        for (path, _leaf), old, new in zip(_leaves(raw), before.asks, after.asks, strict=True):
            if old != new:
                made.put(yaml_text.at(level, path), "at_least", yaml_text.source(new))
    said = {key: (getattr(was, key), getattr(now, key)) for key in (*_PERIOD, *_DOWN)}
    asked = {"kind": True, "months": now.kind == "rolling", "keeps": now.kind in WITH_ENDS}
    period = {key: yaml_text.source(new) for key, (old, new) in said.items() if asked.get(key) and old != new}
    made.put_all(node, "period", period)
    if (there := value_of(node, "period")) is not None and there.value:
        for key in (key for key, is_asked in asked.items() if not is_asked):
            made.drop(there, key)
    down = {key: yaml_text.source(new) for key, (old, new) in said.items() if key in _DOWN and old != new}
    made.put_all(node, "down", down)
    return made.made()


def _ask(made: Text, level: yaml.MappingNode, wanted: LevelTold) -> None:
    """What it asks anew, in brackets."""
    tree = _tree(wanted.rows, wanted.asks)
    there = [key for key, _value in level.value if key.value in ("all", "any")]
    if tree is None:
        for key in there:
            made.drop(level, key.value)
        return
    key = tree.row.joins or "all"
    parts = tree.parts if tree.row.joins else [tree]
    source = f"[{', '.join(map(_asked, parts))}]"
    if not there:
        made.put(level, key, source)
        return
    first, *others = there
    made.change(first.start_mark.index, made.end(value_of(level, first.value)), f"{key}: {source}")
    for other in others:
        made.drop(level, other.value)


def _asked(node: _Node) -> str:
    row = node.row
    if row.joins:
        return f"{{{row.joins}: [{', '.join(map(_asked, node.parts))}]}}"
    said = {"what": row.what}
    if row.of:
        said["event" if row.what == "events" else "category"] = yaml_text.text(row.of)
    if row.name:
        said["name"] = yaml.safe_dump(
            row.name, default_flow_style=True, allow_unicode=True, width=10**6, default_style='"'
        ).strip()
    said["at_least"] = yaml_text.source(node.ask)
    return "{" + ", ".join(f"{key}: {value}" for key, value in said.items()) + "}"


def _name(made: Text, level: yaml.MappingNode, wanted: LevelTold) -> None:
    there = value_of(level, "name")
    if isinstance(there, yaml.MappingNode):
        for language, title in (("en", wanted.english), ("zh", wanted.chinese)):
            old = value_of(there, language)
            if old is None or old.value != title:
                made.put(there, language, yaml_text.text(title))
    elif wanted.english == wanted.chinese:
        made.put(level, "name", yaml_text.text(wanted.english))
    else:
        made.put(level, "name", f"{{en: {yaml_text.text(wanted.english)}, zh: {yaml_text.text(wanted.chinese)}}}")
