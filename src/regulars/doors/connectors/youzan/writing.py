"""Writes rights into a Youzan shop: tags of its customers, and their points.

Youzan makes its codes itself, in its own letters, so one that people type here cannot be one there. What we say of a
customer becomes a tag, `tier: Gold`, for those names that the settings list (`tags`); a tag is a word and no number, so
a balance is only written where the settings say which of our values is the shop's points (`points`): then ours replaces
whatever stands there, and Youzan's own rules for points should be switched off.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from regulars.doors.connectors.calling import CallFailed
from regulars.doors.connectors.protocol import Asking
from regulars.doors.connectors.reading import got, listing
from regulars.doors.connectors.writers import CannotSay, Gone, WontTake
from regulars.doors.connectors.youzan.client import YouzanClient
from regulars.oversight.outbound.writing import AttributesDue, CodeDue
from regulars.runtime.database import clock

#: Which of our values become tags where the settings do not say.
TAGS = "tier"
_LONGEST_TAG = 32
_GONE = frozenset({"youzan_141001107", "youzan_141502108", "youzan_142400105", "youzan_144100000", "youzan_144100001"})
#: It was done before: who was killed after it does it again.
_DONE = frozenset({"youzan_142100106"})


class YouzanWriter:
    """Writes into one shop."""

    def __init__(self, asking: Asking) -> None:
        settings = asking.about.settings
        self._client = YouzanClient(asking)
        self._points = str(settings.get("points") or "")
        self._tags = {name.strip() for name in str(settings.get("tags") or TAGS).split(",") if name.strip()}

    def code(self, due: CodeDue) -> str:
        """Refused: its API takes no code of ours."""
        if due.is_active:
            raise CannotSay("own_codes", "Youzan makes its codes itself, and takes none of ours")
        return due.remote

    def has_code(self, due: CodeDue) -> bool:
        """As none is ever there, it is as it was wanted once it is not wanted any more."""
        return not due.is_active

    def attributes(self, due: AttributesDue) -> None:
        """A tag for each name, and the points; an empty text takes the tag away, and leaves the points as they are."""
        tags, points = self._sayable(due)
        if tags:
            there = set(self._tags_of(due.ref))
            wanted = {tag for tag in tags.values() if tag}
            old = [one for one in there if one.partition(": ")[0] in tags and ": " in one and one not in wanted]
            if old:
                self._call("youzan.scrm.tag.relation.delete/4.0.0", _tagged(due.ref, old))
            if new := sorted(wanted - there):
                self._call("youzan.scrm.tag.relation.add/4.0.0", _tagged(due.ref, new))
        if points is not None and (there_are := self._points_of(due.ref)) != points:
            # The same within three months is taken for a repeat: what somebody changed there since is another write.
            said = f"{due.right}-{due.version}-{there_are}-{points}-{clock.now():%Y%m%d}"
            self._call(
                "youzan.crm.customer.points.sync/4.0.0",
                {
                    "user": _user(due.ref),
                    "points": points,
                    "reason": "Regulars",
                    "biz_value": f"regulars-{said}",
                    "is_do_extpoint": False,
                },
            )

    def has_attributes(self, due: AttributesDue) -> bool:
        """Whether the tags and the points stand as they are wanted."""
        tags, points = self._sayable(due)
        there = set(self._tags_of(due.ref)) if tags else set()
        ours = {one for one in there if ": " in one and one.partition(": ")[0] in tags}
        return ours == {tag for tag in tags.values() if tag} and (points is None or self._points_of(due.ref) == points)

    def _sayable(self, due: AttributesDue) -> tuple[dict[str, str], int | None]:
        """By name the tags that shall be there, "" for none; and the points."""
        tags = {
            name: f"{name}: {value}"[:_LONGEST_TAG] if value else ""
            for name, value in due.told.items()
            if name in self._tags
        }
        told = due.told.get(self._points, "") if self._points else ""
        if told and not (told.isascii() and told.isdigit()):
            raise WontTake("no_points", f"{self._points}: Youzan's points are whole numbers from 0 on")
        if not tags and self._points not in due.told:
            raise CannotSay("no_place", "none of it is a tag or the points of this shop; see its settings")
        return tags, int(told) if told else None

    def _tags_of(self, who: str) -> Iterator[str]:
        """The names of a customer's tags, wherever they stand in the answer: no document shows it."""
        yield from _named(self._call("youzan.scrm.tag.relation.get/4.0.0", _account(who)), "tag_name")

    def _points_of(self, who: str) -> int | None:
        told = self._call("youzan.crm.customer.points.get/1.0.0", {"user": _user(who)})
        found = got(told, "points") if isinstance(told, Mapping) else told
        return int(found) if isinstance(found, int) or (isinstance(found, str) and found.isdigit()) else None

    def _call(self, api: str, asked: Mapping[str, Any]) -> Any:
        try:
            return self._client.call(api, asked)
        except CallFailed as failed:
            if failed.code in _DONE:
                return None
            if failed.code in _GONE:
                raise Gone from None
            if failed.code.startswith("youzan_"):
                raise WontTake(failed.code, failed.why) from None
            raise


def _account(who: str) -> dict[str, Any]:
    return {"account_type": "YzOpenId", "account_id": who}


def _user(who: str) -> dict[str, Any]:
    # Points know kinds of accounts by numbers, tags by words.
    return {"account_type": 5, "account_id": who}


def _tagged(who: str, tags: list[str]) -> dict[str, Any]:
    return {**_account(who), "tags": [{"tag_name": one} for one in tags]}


def _named(told: object, name: str) -> Iterator[str]:
    if isinstance(told, Mapping):
        if isinstance(told.get(name), str):
            yield told[name]
        for inside in told.values():
            yield from _named(inside, name)
    elif isinstance(told, list | tuple):
        for inside in listing(told, name):
            yield from _named(inside, name)
