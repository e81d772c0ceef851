"""Messages out of quarantine: read again as their source is now, mended or as they came, and taken in."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from regulars.facts.events import intake, messages
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import KINDS, Envelope, Sender
from regulars.facts.sources import quarantine, sources
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup

MOST_AT_ONCE = 1_000


@dataclass(frozen=True)
class Replayed:
    """What became of many: taken in now, known already, still bad; and how many more there are to try."""

    accepted: int
    duplicates: int
    still_bad: int
    left: int


def replay(*, quarantined: int, mended: str | None = None, at: datetime, by: Actor) -> Verdict:
    """Take the message in, as it came or as `mended`, one JSON object.

    It arrived when it first did: that settles its time. What its batch said for all of its messages is not known any
    more. Taken, or known already, it leaves the quarantine; still bad, it stays there as it came, with the reason of
    now. A key that was revoked, and a plan that blocks, do not stand in its way: whoever replays it wants it. Refused
    for one that was settled before.
    """
    with transaction.atomic():
        held = quarantine.hold(quarantined)
        raw = quarantine.opened(number=quarantined, at=at, by=by) if mended is None else mended
        text = raw.encode("utf-8", "replace")
        # The call it was sent to counts where it does not say so itself.
        sent_to = held.kind if held.kind in KINDS and not messages.names_its_call(text) else ""
        told = messages.read(
            text, envelope=Envelope({}, None, held.arrived_at, type=sent_to), sender=_sender(held.source)
        )
        (verdict,) = intake.take_many(told=[told], received_at=held.arrived_at, keep_rejected=False)
        if verdict.said in ("accepted", "duplicate"):
            quarantine.settle(number=quarantined, as_="replayed", at=at, by=by)
        else:
            quarantine.keep_waiting(
                number=quarantined, code=verdict.code, field=verdict.field, why=verdict.why, at=at, by=by
            )
    return verdict


def replay_many(
    *, source: int | None = None, code: str = "", limit: int = MOST_AT_ONCE, at: datetime, by: Actor
) -> Replayed:
    """`replay` for those that wait, oldest first, of a source or with a code or all; each in its own transaction.

    Somebody else may replay at the same time: what is settled meanwhile is passed over.
    """
    numbers = quarantine.numbers_waiting(source=source, code=code, limit=min(limit, MOST_AT_ONCE))
    counts = {"accepted": 0, "duplicate": 0, "rejected": 0, "conflict": 0}
    for number in numbers:
        try:
            counts[replay(quarantined=number, at=at, by=by).said] += 1
        except (quarantine.AlreadySettled, quarantine.NotInQuarantine):
            continue
    beyond = quarantine.numbers_waiting(source=source, code=code, limit=10_000)
    tried = set(numbers)
    return Replayed(
        accepted=counts["accepted"],
        duplicates=counts["duplicate"],
        still_bad=counts["rejected"] + counts["conflict"],
        left=sum(number not in tried for number in beyond),
    )


def _sender(source: int) -> Sender:
    known = sources.get(source)
    return Sender(known.id, known.namespace, civil.zone(known.zone), lookup.key_of("events"))
