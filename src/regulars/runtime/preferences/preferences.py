"""What the shop's people may decide for themselves: typed, checked, with a default that works and a trail of changes.

A room declares its preferences as values in a public module:

    QUIET_FROM = Preference("messaging.quiet_from", int, default=21, check=between(0, 23))

and asks `read(QUIET_FROM)`. What a deployment decides (addresses, folders, keys) is a `REGULARS_…` variable instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences.models import Value
from regulars.runtime.trail import trail

V = TypeVar("V")
W = TypeVar("W")

_DECLARED: dict[str, "Preference[Any]"] = {}


class BadValue(Refusal):
    """`name` is the preference; the message says what would do."""

    code = "preferences.bad_value"

    def __init__(self, name: str, complaint: str) -> None:
        super().__init__(f"{name}: {complaint}", name=name)


@dataclass(frozen=True)
class Preference(Generic[V]):
    """`kind` is str, int, bool, Decimal, a date, or a flat tuple of one of these; `check` returns a complaint or None.

    `is_private`: the trail says that it changed, not to what (a telephone number, a person's name).
    """

    name: str
    kind: type[V]
    default: V
    check: Callable[[V], str | None] = lambda value: None
    is_private: bool = False

    def __post_init__(self) -> None:
        if self.name in _DECLARED:
            raise ValueError(f"two preferences are called {self.name!r}")
        if complaint := self.check(self.default):
            raise ValueError(f"{self.name}: the default does not pass its own check: {complaint}")
        _DECLARED[self.name] = self


def between(least: int, most: int) -> Callable[[int], str | None]:
    """A check: a whole number from `least` to `most`, both included."""

    def check(value: int) -> str | None:
        if least <= value <= most:
            return None
        return _("give a number from %(least)d to %(most)d, not %(value)d") % {
            "least": least,
            "most": most,
            "value": value,
        }

    return check


def read(preference: Preference[V]) -> V:
    """The value; the default where nobody has set one, or what is stored no longer fits. One indexed row, no cache."""
    row = Value.objects.filter(pk=preference.name).first()
    return preference.default if row is None else _stored(preference, row.value)[0]


def read_both(one: Preference[V], other: Preference[W]) -> tuple[V, W]:
    """`read` of two, for who needs both. One query."""
    stored = dict(Value.objects.filter(pk__in=[one.name, other.name]).values_list("name", "value"))
    return (
        _stored(one, stored[one.name])[0] if one.name in stored else one.default,
        _stored(other, stored[other.name])[0] if other.name in stored else other.default,
    )


def write(preference: Preference[V], value: V, *, at: datetime, by: Actor, why: str = "") -> None:
    """Set it. The same value again changes nothing. Refuses with BadValue."""
    try:
        fitting = msgspec.convert(msgspec.to_builtins(value), type=preference.kind)
    except (msgspec.ValidationError, TypeError):
        raise BadValue(preference.name, _wanted(preference)) from None
    if complaint := preference.check(fitting):
        raise BadValue(preference.name, complaint)
    plain = _plain(fitting)
    with transaction.atomic():
        # Made first and locked then, so two who set it at once are told one after the other.
        Value.objects.bulk_create(
            [Value(name=preference.name, value=_plain(preference.default), changed_at=at)],
            ignore_conflicts=True,
        )
        row = Value.objects.select_for_update().get(pk=preference.name)
        if row.value == plain and type(row.value) is type(plain):
            return
        before, row.value, row.changed_at = row.value, plain, at
        row.save(update_fields=["value", "changed_at"])
        trail.record(
            by=by,
            verb="preferences.write",
            subject=f"preference:{preference.name}",
            at=at,
            before=None if preference.is_private else {"value": before},
            after=None if preference.is_private else {"value": plain},
            why=why,
        )


def declared() -> tuple[Preference[Any], ...]:
    """Every preference of every room that has been imported, by name."""
    return tuple(_DECLARED[name] for name in sorted(_DECLARED))


def unfit() -> list[str]:
    """Names of stored values that no longer fit their preference and are read as its default. One query."""
    rows = Value.objects.filter(pk__in=_DECLARED).order_by("name")
    return [row.name for row in rows if not _stored(_DECLARED[row.name], row.value)[1]]


def _plain(value: object) -> Any:
    """As it comes back from its column: a tuple as a list."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _stored(preference: Preference[V], value: Any) -> tuple[V, bool]:
    """The value and True, or the default and False."""
    try:
        fitting = msgspec.convert(value, type=preference.kind)
    except msgspec.ValidationError:
        return preference.default, False
    return (preference.default, False) if preference.check(fitting) else (fitting, True)


def _wanted(preference: Preference[Any]) -> str:
    words = {str: _("give a text"), int: _("give a whole number"), bool: _("say yes or no")}
    return words.get(preference.kind) or _("this is not of the right kind")
