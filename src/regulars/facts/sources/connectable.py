"""What kinds of shop systems can be connected, told by the rooms that speak with them.

Screens and the API need a kind's words and questions, and may know nothing of whoever speaks with the shop: so it comes
to them as values, through the one tuple of rooms. A room's `connectable.py` has `CONNECTABLE`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.connections import Connection
from regulars.kit.refusals import Refusal
from regulars.runtime import rooms


@dataclass(frozen=True)
class Field:
    """One credential or setting: its name, and what it is, for whoever fills it in."""

    name: str
    says: Promise
    is_required: bool = True


class NotReached(Refusal):
    """The shop could not be asked, or does not know us."""

    code = "connections.not_reached"


class NoSuchKind(Refusal):
    """Nobody speaks with such shops."""

    code = "connections.no_connector"


class BadCredentials(Refusal):
    """These are not what the shop is asked with, or what its messages are signed with."""

    code = "connections.bad"


@dataclass(frozen=True, kw_only=True)
class Connectable:
    """One kind of shop system. `streams` are the things it has many of, in the order in which they are read; `every`
    how far apart the polls of those are of which all there is has to be read each time.

    `check` refuses settings that cannot be and gives them in one form. `trial` asks the shop who it is, with settings,
    credentials and a zone, and may take a minute; what it answers that we go on needing is in `wanted_of_trial`.
    `backfill` and `poll` begin the walks, whose jobs exist if the transaction commits; they return what begins.
    `subscribe` has the shop send its messages to a URL. The latter three raise `NotReached`. `can_be_asked`: it has
    a history to read and can be polled. `is_told`: it sends messages to our door. `can_write`: rights too.
    """

    kind: str
    label: Promise
    settings: Sequence[Field]
    credentials: Sequence[Field]
    streams: Mapping[str, Promise]
    every: Mapping[str, timedelta] = field(default_factory=dict)
    wanted_of_trial: Sequence[str] = ()
    can_be_asked: bool = True
    is_told: bool = True
    can_write: bool = False
    check: Callable[[Mapping[str, str]], Mapping[str, Any]]
    trial: Callable[[Mapping[str, Any], Mapping[str, str], str], Mapping[str, str]]
    backfill: Callable[[Connection, datetime], Sequence[str]]
    poll: Callable[[Connection, datetime], Sequence[str]]
    subscribe: Callable[[Connection, str], Sequence[str]]

    def check_credentials(self, told: Mapping[str, str], *, is_new: bool) -> None:
        """Refuse names that this kind has not, and a new connection without what it must have.

        A misspelled name would otherwise be kept beside the old secret, which would go on counting.
        """
        known = [one.name for one in self.credentials]
        for name in told:
            if name not in known:
                raise BadCredentials(
                    _("credentials: there is no %(name)r; send %(known)s")
                    % {"name": name[:40], "known": _listed(known)},
                    field=name[:40],
                )
        for one in self.credentials:
            if is_new and one.is_required and not told.get(one.name):
                raise BadCredentials(
                    _("%(name)s: is missing; send it in the credentials") % {"name": one.name}, field=one.name
                )
        if not is_new and not told:
            raise BadCredentials(
                _("credentials: there is none; send %(known)s") % {"known": _listed(known)}, field="credentials"
            )


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) or "none"


def kinds() -> dict[str, Connectable]:
    """All kinds there are, by name."""
    return {one.kind: one for module in rooms.modules("connectable") for one in module.CONNECTABLE}


def of(kind: str) -> Connectable:
    """One kind; refused when nobody speaks with such shops."""
    known = kinds()
    if kind not in known:
        raise NoSuchKind(
            _("kind: choose from %(known)s") % {"known": ", ".join(sorted(known))}, field="kind", value=kind[:20]
        )
    return known[kind]


#: This module carries the name by which rooms are asked for theirs; this room speaks with nobody.
CONNECTABLE: tuple[Connectable, ...] = ()
