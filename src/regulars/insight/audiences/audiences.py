"""Audiences: named conditions that customers come into and leave as facts come in and time goes by.

What one asks is kept by number and never changed; a change is another definition. When one is made, changed or taken
back into use, everybody is looked at (`reactions`); until that is done it holds whom it held.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from regulars.insight.audiences import _ready_made, vocabulary
from regulars.insight.audiences.models import Audience as Row
from regulars.insight.audiences.models import Definition, Due, Member
from regulars.insight.audiences.notices import AudienceArchived, AudienceDefined
from regulars.insight.audiences.vocabulary import PREFIX
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.conditions import reading
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce
from regulars.runtime.secrets import lookup

LONGEST_NAME, LONGEST_MEANING, LONGEST_KEY = 80, 300, 140
#: Each is looked at when something happens.
MOST = 500


@dataclass(frozen=True)
class Audience:
    """One audience. Of one that was `ready_made` and never renamed `name` and `meaning` are in the reader's language.
    `condition` is what was told, as JSON; `members` how many are in; `filled_at` as of when everybody
    was last looked at, None before the first time; `is_filling` while that is still to come for what it asks now.
    `problem` says why it cannot be asked any more, such as a trait that is gone."""

    number: int
    id: str
    name: str
    meaning: str
    ready_made: str | None
    definition: int
    condition: Mapping[str, Any]
    members: int
    cuts: Mapping[str, str]
    made_at: datetime
    archived_at: datetime | None
    filled_at: datetime | None
    is_filling: bool
    problem: str


@dataclass(frozen=True)
class Version:
    """What an audience asked from `at` on, and who said so, as in the trail."""

    number: int
    condition: Mapping[str, Any]
    at: datetime
    by: str


class UnknownAudience(Refusal):
    """There is none of that id."""

    code = "audiences.unknown"


class BadAudience(Refusal):
    """Not a name or a condition that an audience can have."""

    code = "audiences.bad"


class NameTaken(Refusal):
    """Another audience is called so."""

    code = "audiences.name_taken"


class InUse(Refusal):
    """Other audiences ask who is in it."""

    code = "audiences.in_use"


class KeyTaken(Refusal):
    """The key told something else before."""

    code = "audiences.key_taken"


def define(
    *,
    name: str,
    condition: Mapping[str, Any],
    key: str,
    at: datetime,
    by: Actor,
    meaning: str = "",
    ready_made: str | None = None,
) -> Audience:
    """Make an audience of whoever the condition holds for. The same `key` again answers with the one it made.

    Refuses what cannot be asked (`reading.BadCondition`, which names the node and the mend), names that are taken, and
    keys that told something else.
    """
    _check_key(key)
    told = _digest({"name": name, "meaning": meaning, "condition": condition})
    if (before := _of_key(key, told)) is not None:
        return before
    name, meaning = _check_words(name, meaning)
    read(condition)
    _check_free(name)
    try:
        with transaction.atomic():
            if Row.objects.filter(archived_at=None).count() >= MOST:
                raise BadAudience(
                    _("audiences: there are %(most)s, and more cannot be followed; archive some") % {"most": MOST}
                )
            row = Row.objects.create(name=name, meaning=meaning, ready_made=ready_made, definition=1, made_at=at)
            Definition.objects.create(
                audience=row, number=1, condition=condition, key=key, told=told, at=at, by=str(by)
            )
            announce(
                AudienceDefined(audience=row.id, definition=1, at=at),
                by=by,
                verb="audiences.define",
                after={"definition": 1},
            )
    except IntegrityError as conflict:
        if (before := _of_key(key, told)) is not None:
            return before
        raise _name_taken(name) from conflict
    return get(row.id)


def change(
    *,
    audience: int,
    key: str,
    at: datetime,
    by: Actor,
    name: str | None = None,
    meaning: str | None = None,
    condition: Mapping[str, Any] | None = None,
) -> Audience:
    """Call it something else, or let it ask something else from now on. The same `key` again changes nothing.

    A new condition is a new definition; who is in stays until everybody was looked at. Refuses as `define` does, and a
    condition that asks the audience itself, directly or through others.
    """
    _check_key(key)
    told = _digest({"audience": audience, "name": name, "meaning": meaning, "condition": condition})
    if (before := _of_key(key, told)) is not None:
        return before
    asked = None if condition is None else read(condition)
    try:
        with transaction.atomic():
            row = _locked(audience)
            new_name, new_meaning = _check_words(
                row.name if name is None else name, row.meaning if meaning is None else meaning
            )
            _check_free(new_name, own=audience)
            current = Definition.objects.get(audience=row, number=row.definition).condition
            number = row.definition + 1
            if asked is not None:
                _check_circles(row.id, asked)
            Definition.objects.create(
                audience=row,
                number=number,
                condition=current if condition is None else condition,
                key=key,
                told=told,
                at=at,
                by=str(by),
            )
            is_same = condition is None or condition == current
            filled_with = number if is_same and row.filled_with == row.definition else row.filled_with
            Row.objects.filter(id=row.id).update(
                name=new_name, meaning=new_meaning, definition=number, filled_with=filled_with, problem=""
            )
            announce(
                AudienceDefined(audience=row.id, definition=number, at=at),
                by=by,
                verb="audiences.change",
                before={"definition": row.definition},
                after={"definition": number},
            )
    except IntegrityError as conflict:
        if (before := _of_key(key, told)) is not None:
            return before
        raise _name_taken(name or "") from conflict
    return get(audience)


def archive(*, audience: int, at: datetime, by: Actor) -> Audience:
    """Nobody is in it any more. Its definitions and who came and went stay on record. Again it changes nothing.

    Refuses while other audiences ask who is in it.
    """
    with transaction.atomic():
        row = _locked(audience)
        if row.archived_at is None:
            asking = [one.name for one in every() if ids.public(PREFIX, row.public_id) in _asked_by(one.condition)]
            if asking:
                raise InUse(
                    _("audience: %(names)s ask who is in it; change these first") % {"names": "; ".join(asking[:5])},
                    field="audience",
                )
            Member.objects.filter(audience=row).delete()
            Due.objects.filter(audience=row).delete()
            Row.objects.filter(id=row.id).update(archived_at=at, members=0, filled_with=None)
            announce(AudienceArchived(audience=row.id, at=at), by=by, verb="audiences.archive")
    return get(audience)


def restore(*, audience: int, at: datetime, by: Actor) -> Audience:
    """Take an archived one back into use: everybody is looked at anew. Again it changes nothing."""
    try:
        with transaction.atomic():
            row = _locked(audience)
            if row.archived_at is not None:
                Row.objects.filter(id=row.id).update(archived_at=None, filled_at=None, filled_with=None)
                announce(
                    AudienceDefined(audience=row.id, definition=row.definition, at=at), by=by, verb="audiences.restore"
                )
    except IntegrityError as conflict:
        raise _name_taken(row.name) from conflict
    return get(audience)


def read(condition: object, words: Vocabulary | None = None) -> Condition:
    """What the told condition asks, checked against what can be asked here. Raises `reading.BadCondition`."""
    return reading.read(condition, vocabulary.current() if words is None else words)


def get(audience: int) -> Audience:
    """One by its number. One query."""
    found = _found("WHERE audience.id = %s", [audience])
    if not found:
        raise unknown(str(audience))
    return found[0]


def by_public_id(text: str) -> Audience:
    """One by the id that the outside knows, such as aud_…. One query."""
    try:
        uuid = ids.parse(text, PREFIX)
    except ids.BadId:
        raise unknown(text) from None
    found = _found("WHERE audience.public_id = %s", [uuid])
    if not found:
        raise unknown(text)
    return found[0]


def every(*, with_archived: bool = False) -> list[Audience]:
    """All of them, by name; one query. At most `MOST` are in use."""
    return _found("" if with_archived else "WHERE audience.archived_at IS NULL", [])


def versions(audience: int) -> list[Version]:
    """What it asked, newest first. One query."""
    rows = Definition.objects.filter(audience=audience).order_by("-number")
    return [Version(row.number, row.condition, row.at, row.by) for row in rows]


def unknown(text: str) -> UnknownAudience:
    """The refusal for an id that nobody has."""
    return UnknownAudience(
        _("audience: there is no %(id)r; look at the list of audiences") % {"id": text[:60]},
        field="audience",
        value=text[:60],
    )


_SELECT = """
SELECT audience.id, audience.public_id, audience.name, audience.meaning, audience.ready_made, audience.definition,
       definition.condition::text, audience.members, audience.cuts::text, audience.made_at, audience.archived_at,
       audience.filled_at, audience.filled_with IS DISTINCT FROM audience.definition, audience.problem
  FROM audiences_audience AS audience
  JOIN audiences_definition AS definition
    ON definition.audience_id = audience.id AND definition.number = audience.definition
"""


def _found(where: str, values: list[Any]) -> list[Audience]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {where} ORDER BY audience.name, audience.id", values)
        rows = cursor.fetchall()
    found = []
    for number, uuid, name, meaning, ready_made, definition, told, members, cuts, made, archived, filled, *rest in rows:
        is_filling, problem = rest
        found.append(
            Audience(
                number=number,
                id=ids.public(PREFIX, uuid),
                name=_ready_made.called(ready_made, name),
                meaning=_ready_made.meant(ready_made, meaning),
                ready_made=ready_made,
                definition=definition,
                condition=json.loads(told),
                members=members,
                cuts=json.loads(cuts),
                made_at=made,
                archived_at=archived,
                filled_at=filled,
                is_filling=is_filling and archived is None,
                problem=problem,
            )
        )
    return found


def _locked(audience: int) -> Row:
    row = Row.objects.select_for_update().filter(id=audience).first()
    if row is None:
        raise unknown(str(audience))
    return row


def _of_key(key: str, told: bytes) -> Audience | None:
    before = Definition.objects.filter(key=key).first()
    if before is None:
        return None
    if bytes(before.told) != told:
        raise KeyTaken(
            _("key: %(key)r told something else; give each act its own key") % {"key": key}, field="key", value=key
        )
    return get(before.audience_id)


def _digest(told: Mapping[str, Any]) -> bytes:
    return lookup.digest("audience", json.dumps(told, default=str, sort_keys=True))


def _check_key(key: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY:
        raise BadAudience(
            _("key: give one of 1 to %(longest)s characters") % {"longest": LONGEST_KEY}, field="key", value=key[:40]
        )


def _check_words(name: str, meaning: str) -> tuple[str, str]:
    name, meaning = " ".join(name.split()), " ".join(meaning.split())
    for field, text, least, most in (("name", name, 1, LONGEST_NAME), ("meaning", meaning, 0, LONGEST_MEANING)):
        if not least <= len(text) <= most or not (text.isprintable() or not text):
            raise BadAudience(
                _("%(field)s: use %(least)s to %(most)s characters") % {"field": field, "least": least, "most": most},
                field=field,
                value=text[:40],
            )
    return name, meaning


def _check_free(name: str, own: int | None = None) -> None:
    """Whether a ready-made one that is in use is called so in another language; the database knows the others. A query
    where some ready-made one is called so at all."""
    codes = _ready_made.codes_called(name)
    if codes and Row.objects.filter(ready_made__in=codes, archived_at=None).exclude(id=own or 0).exists():
        raise _name_taken(name)


def _name_taken(name: str) -> NameTaken:
    return NameTaken(
        _("name: another audience is called %(name)s; choose another name") % {"name": name}, field="name", value=name
    )


def _asked_by(condition: Mapping[str, Any]) -> set[str]:
    """The audiences that a stored condition asks; it was checked when it was told."""
    found: set[str] = set()
    waiting: list[Any] = [condition.get("if")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, Mapping):
            if isinstance(node.get("audience"), str):
                found.add(node["audience"])
            waiting.extend(node.get(kind) for kind in ("all", "any", "not"))
    return found


def _check_circles(audience: int, asked: Condition) -> None:
    others = every()
    asks = {one.id: _asked_by(one.condition) for one in others}
    own = next((one.id for one in others if one.number == audience), None)
    seen: set[str] = set()
    waiting = set(asked.audiences)
    while waiting:
        one = waiting.pop()
        if one == own:
            raise BadAudience(
                _("condition: it asks itself, directly or through another audience; take that part out"),
                field="condition",
            )
        if one not in seen:
            seen.add(one)
            waiting |= asks.get(one, set())


def in_order(audiences: list[Audience]) -> list[Audience]:
    """Each after those whose members it asks."""
    by_id = {one.id: one for one in audiences}
    done: dict[str, Audience] = {}

    def put(one: Audience) -> None:
        if one.id in done:
            return
        for asked in sorted(_asked_by(one.condition)):
            if asked in by_id and asked != one.id:
                put(by_id[asked])
        done[one.id] = one

    for one in audiences:
        put(one)
    return list(done.values())
