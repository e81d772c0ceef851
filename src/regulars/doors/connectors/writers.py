"""What writers into shops share (`protocol.Writer`): how they say that a shop will not have it, and one exchange."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.reading import Document, NotUnderstood, document, got

#: Under this name shops keep what we tell them, beside what others do.
OURS = "regulars"
#: Seconds a shop that is busy is left alone where it does not say for how long.
_BUSY = 30.0


class WontTake(Exception):
    """The shop refuses it as it is: it is left until it is wanted otherwise."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code, self.why = code, why


class CannotSay(WontTake):
    """Its API has no way to say this."""


class NotYet(Exception):
    """The shop has no beginning for such a thing: it is written when it begins."""

    def __init__(self, begins_at: datetime) -> None:
        super().__init__(begins_at.isoformat())
        self.begins_at = begins_at


class Gone(Exception):
    """The shop has no such customer any more."""


def send(
    caller: Caller, method: str, url: str, *, headers: Mapping[str, str], told: Mapping[str, Any] | None = None
) -> Document | None:
    """One exchange with a JSON API; its answer, None where there is no such thing.

    A refusal of what was sent is WontTake, with the shop's own words.
    """
    body = b"" if told is None else json.dumps(told).encode()
    sent = {"Accept": "application/json", **headers, **({"Content-Type": "application/json"} if told else {})}
    reply = caller.once(method, url, headers=sent, body=body)
    if 200 <= reply.status <= 299:
        return reply.document()
    if reply.status == 404:
        return None
    if reply.status in {401, 403}:
        raise CallFailed("not_allowed", f"the shop answered {reply.status}; may these credentials write?")
    if reply.status == 429:
        raise Rest(reply.asked_wait or _BUSY)
    if reply.status < 500:
        raise WontTake(f"status_{reply.status}", _words(reply.body))
    raise CallFailed(f"status_{reply.status}", f"the shop answered {reply.status}")


def _words(body: bytes) -> str:
    """What a shop says of what it refuses: of codes and terms of ours, nothing personal was sent."""
    try:
        said = got(document(body), "message")
    except NotUnderstood:
        said = None
    return str(said or "the shop says no more")[:200]
