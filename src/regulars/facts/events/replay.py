"""Messages out of quarantine: read again as their source is now, mended or as they came, and taken in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction

from regulars.facts.events import intake, messages, planning
from regulars.facts.events.intake import Said, Verdict
from regulars.facts.events.messages import KINDS, Envelope, Message, Rejected, Sender
from regulars.facts.sources import plan, quarantine, sources
from regulars.facts.sources.expectations import Plan
from regulars.facts.sources.quarantine import Quarantined
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup

MOST_AT_ONCE = 1_000


@dataclass(frozen=True)
class Outcome:
    """What became of one in quarantine.

    `said` is what became of the message, and `event`, `code`, `field` and `why` are its own; for a batch it is "batch".
    How many of its messages were taken now, known already and rejected: a message is one of one.
    """

    said: Said | Literal["batch"]
    event: int | None
    code: str
    field: str
    why: str
    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True)
class Replayed:
    """What became of many: taken in now, known already, still bad; and how many more there are to try."""

    accepted: int
    duplicates: int
    still_bad: int
    left: int


def replay(
    *, quarantined: int, mended: str | None = None, despite_plan: bool = False, at: datetime, by: Actor
) -> Outcome:
    """Take in what is kept, as it came or as `mended`: one JSON object, a message or `{"batch": […]}`.

    It arrived when it first did: that settles its time. What its batch said for all of its messages is known only
    where the batch itself is kept. A message that is taken, or known already, leaves the quarantine; still bad, it
    stays there as it came, with the reason it has now: what is wrong with a mended text is answered and not kept. A
    batch leaves the quarantine, and those of its messages that are bad are kept there as messages of their own. A
    plan that blocks is asked as at the door, unless somebody wants it in `despite_plan`. A key that was revoked does
    not stand in its way: whoever replays it wants it. Refused for one that was settled before.
    """
    with transaction.atomic():
        held = quarantine.hold(quarantined)
        raw = quarantine.opened(number=quarantined, at=at, by=by) if mended is None else mended
        text = raw.encode("utf-8", "replace")
        planned = None if despite_plan else plan.blocking().get(held.source)
        done = _batch(text, held, planned) if messages.says_batch(text) else _message(text, held, planned)
        if done.said in ("rejected", "conflict"):
            reason = done if mended is None else held
            quarantine.keep_waiting(
                number=quarantined, code=reason.code, field=reason.field, why=reason.why, at=at, by=by
            )
        else:
            quarantine.settle(number=quarantined, as_="replayed", at=at, by=by)
    return done


def _message(text: bytes, held: Quarantined, planned: Plan | None) -> Outcome:
    # The call it was sent to counts where it does not say so itself.
    sent_to = held.kind if held.kind in KINDS and not messages.names_its_call(text) else ""
    told = messages.read(text, envelope=Envelope({}, None, held.arrived_at, type=sent_to), sender=_sender(held.source))
    (verdict,) = intake.take_many(told=[_as_planned(told, planned)], received_at=held.arrived_at, keep_rejected=False)
    return Outcome(verdict.said, verdict.event, verdict.code, verdict.field, verdict.why, **_counted([verdict]))


def _batch(text: bytes, held: Quarantined, planned: Plan | None) -> Outcome:
    try:
        batch = messages.batch(text)
    except messages.NoBatch as no:
        return Outcome("rejected", None, no.code, "batch", no.why, accepted=0, duplicates=0, rejected=1)
    if not len(batch.messages):
        why = "batch: it has no message; put them in, or throw it away"
        return Outcome("rejected", None, "not_json", "batch", why, accepted=0, duplicates=0, rejected=1)
    envelope, sender = Envelope(batch.context, batch.sent_at, held.arrived_at), _sender(held.source)
    read = messages.read_many(batch.messages, envelope=envelope, sender=sender)
    told = [_as_planned(one, planned) for one in read]
    verdicts = intake.take_many(told=told, received_at=held.arrived_at)
    return Outcome("batch", None, "", "", "", **_counted(verdicts))


def _as_planned(told: Message | Rejected, planned: Plan | None) -> Message | Rejected:
    if planned is None or isinstance(told, Rejected):
        return told
    return planning.turned_away(told, planned) or told


def _counted(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(one.said for one in verdicts)
    return {
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": counts["rejected"] + counts["conflict"],
    }


def replay_many(
    *,
    source: int | None = None,
    code: str = "",
    limit: int = MOST_AT_ONCE,
    despite_plan: bool = False,
    at: datetime,
    by: Actor,
) -> Replayed:
    """`replay` for those that wait, oldest first, of a source or with a code or all; each in its own transaction.

    Somebody else may replay at the same time: what is settled meanwhile is passed over.
    """
    # Asked before: the bad messages of a batch join those that wait, and were tried.
    waiting = quarantine.numbers_waiting(source=source, code=code, limit=10_000)
    numbers = waiting[: min(limit, MOST_AT_ONCE)]
    accepted = duplicates = still_bad = 0
    for number in numbers:
        try:
            done = replay(quarantined=number, despite_plan=despite_plan, at=at, by=by)
        except (quarantine.AlreadySettled, quarantine.NotInQuarantine):
            continue
        accepted, duplicates = accepted + done.accepted, duplicates + done.duplicates
        still_bad += done.rejected
    return Replayed(accepted=accepted, duplicates=duplicates, still_bad=still_bad, left=len(waiting) - len(numbers))


def _sender(source: int) -> Sender:
    known = sources.get(source)
    return Sender(known.id, known.namespace, civil.zone(known.zone), lookup.key_of("events"))
