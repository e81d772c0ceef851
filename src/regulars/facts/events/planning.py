"""Events beside the tracking plans of their sources: what the stream tells of them, and what the door turns away."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from regulars.facts.events import messages
from regulars.facts.events.messages import NAMES_OF_KINDS, Message, Rejected
from regulars.facts.events.stream import Event, Reader
from regulars.facts.sources import expectations, plan, shapes
from regulars.facts.sources.expectations import BLOCKED, Deviation, Plan
from regulars.facts.sources.plan import CALLS, NAMED_CALL, Came
from regulars.facts.sources.shapes import Shape

READER: Final = "plan"
_TRAITS: Final = frozenset(["identify", "group"])


def take(events: Sequence[Event]) -> None:
    """Tell the plans what came. Imports of the past say nothing about what a source sends today."""
    told = []
    for event in events:
        call = NAMES_OF_KINDS[event.kind]
        if event.origin == "live" and call in CALLS:
            known = (call, event.name if call == NAMED_CALL else "")
            told.append(Came(event.id, event.source, known, _shape(call, event.data), event.received_at))
    plan.observe(told=told)


#: Whoever reads beside it in the same process waits for one step.
_MOST = 1_000
#: Does not open what is hidden: that something personal was told stands in the event.
PLANNING = Reader(READER, take=take, is_patient=True, most=_MOST)


def turned_away(message: Message, planned: Plan) -> Rejected | None:
    """The message as the quarantine keeps it, where a plan that blocks has it otherwise. Pure; reads `data` again."""
    call = NAMES_OF_KINDS[message.kind]
    if call not in CALLS:
        return None
    event = (call, message.name if call == NAMED_CALL else "")
    found = expectations.compare(planned, event, _shape(call, messages.DECODER.decode(message.data)))
    blocked = [one for one in found if one.code in BLOCKED]
    if not blocked:
        return None
    first = blocked[0]
    field = first.path or ("event" if call == NAMED_CALL else "type")
    why = _why(event, first, planned)
    if len(blocked) > 1:
        why += f"; and {len(blocked) - 1} more"
    return Rejected(message.source, "blocked_by_plan", field, why, message.message_id, call, message.name, message.raw)


def _shape(call: str, data: Mapping[str, Any]) -> Shape:
    part = "traits" if call in _TRAITS else "properties"
    hidden = [path[len(part) + 1 :] for path in data.get("hidden", ()) if path.startswith(f"{part}.")]
    told = data.get(part)
    return shapes.of(told if isinstance(told, dict) else {}, hidden)


def _why(event: tuple[str, str], one: Deviation, planned: Plan) -> str:
    shown = repr(event[1][:60]) if event[1] else f"a call of {event[0]}"
    path = one.path[:60]
    if one.code == "unexpected_event":
        mend = f"did you mean {one.said[:60]!r}?" if one.said else "add it there, or send what is planned"
        return f"event: {shown} is not in the tracking plan; {mend}"
    if one.code == "missing_property":
        return f"{path}: {shown} must have it by the tracking plan; send it"
    if one.code == "forbidden_property":
        return f"{path}: {shown} must not have it by the tracking plan; leave it out"
    wanted = " or ".join(sorted(planned.events[event][one.path].kinds))
    return f"{path}: it is {one.said} and the tracking plan has {wanted}; send that"
