"""What a notice is: a frozen value saying what a room did, with ids and numbers, never personal data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from regulars.kit.actors import Origin
from regulars.runtime.trail import only_ids

_KINDS: dict[str, type["Notice"]] = {}


class FromANewerRelease(Exception):
    """A notice was written by a newer release than this process runs. It waits, and is tried again later."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Subclass it, frozen and keyword-only, with a `kind` ("commerce.order_recorded") and a `subject`.

    Fields are ids, numbers, short codes, days and instants, and flat tuples of these. `at` is when it took effect;
    `origin` says whether it is news or comes from an import of the past.
    When fields change, raise `version` and let `from_older` read what earlier releases wrote.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    at: datetime
    origin: Origin = "live"

    @property
    def subject(self) -> str:
        """What notices are ordered by: "customer:<id>", or "order:<id>" where there is no customer."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is about")

    @classmethod
    def from_older(cls, version: int, body: dict[str, Any]) -> dict[str, Any]:
        """The body an earlier `version` wrote, in today's fields."""
        raise NotImplementedError(f"{cls.__name__} cannot read version {version}")

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not hasattr(cls, "kind"):
            return
        taken = _KINDS.setdefault(cls.kind, cls)
        # A dataclass with slots is made twice under one name; anything else is two rooms with one word.
        if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__qualname__} and {taken.__qualname__} both call themselves {cls.kind!r}")
        _KINDS[cls.kind] = cls


@dataclass(frozen=True)
class Told:
    """A notice with its number in the stream and when it was told, for who must know it again."""

    number: int
    told_at: datetime
    notice: Notice


def body_of(notice: Notice) -> dict[str, object]:
    """The fields that go into the `body` column: all but `at` and `origin`, which have columns of their own.

    Raises NotForTheTrail for what could be personal data, like the trail does.
    """
    fields = msgspec.to_builtins(notice)
    del fields["at"], fields["origin"]
    checked: dict[str, object] = only_ids.mapping("notice", fields) or {}
    return checked


def read(kind: str, version: int, body: Mapping[str, Any], *, at: datetime, origin: str) -> Notice:
    """The notice a row holds. KeyError for a kind no room of this release knows."""
    cls = _KINDS[kind]
    if version > cls.version:
        raise FromANewerRelease(f"{kind} version {version}; this release knows {cls.version}")
    fields = dict(body) if version == cls.version else cls.from_older(version, dict(body))
    return msgspec.convert({**fields, "at": at, "origin": origin}, type=cls)
