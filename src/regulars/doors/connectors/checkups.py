"""Whether shops tell, whether they can be asked, and what waits for somebody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from regulars.facts.sources import connections, cursors, inbox, privacy_requests
from regulars.facts.sources.connections import Connection
from regulars.facts.sources.cursors import Cursor
from regulars.runtime.checkups import Checkup, Finding
from regulars.runtime.database import clock

#: A walk that fails, or is behind, so long is a matter for the doctor; and gaps found within a day are.
LONG, LATELY = timedelta(hours=1), timedelta(days=1)
WHAT = "Connections"
_NEVER = datetime.min.replace(tzinfo=UTC)


def _connections() -> Iterator[Finding]:
    """Every connection that does not tell, cannot be asked, or told what nobody understood."""
    now, counts, well = clock.now(), inbox.counts(), 0
    alive = [one for one in connections.every() if one.state != "retired"]
    streams = cursors.of_many([one.id for one in alive])
    for one in alive:
        found = list(_of(one, streams[one.id], counts.get(one.id, inbox.Counts({})), now))
        yield from found
        well += not found
    if well:
        yield Finding(WHAT, "fine", f"{well} connections are well")


def _of(one: Connection, streams: list[Cursor], counts: inbox.Counts, now: datetime) -> Iterator[Finding]:
    if one.state == "paused" and one.state_why != "by_hand":
        mend = f"Install the app in the shop again, then: regulars connection resume {one.name}"
        yield Finding(WHAT, "warning", f"{one.name} is paused: {one.state_why}", mend)
    if waits := counts.by_state.get("not_understood"):
        mend = f"Look at them: regulars connection inbox {one.name} --state not_understood"
        yield Finding(WHAT, "warning", f"{one.name}: {waits} deliveries were not understood", mend)
    if one.state == "on" and counts.waiting_since is not None and now - counts.waiting_since > LONG:
        said = f"{one.name}: deliveries wait since {counts.waiting_since:%Y-%m-%d %H:%M} UTC"
        yield Finding(WHAT, "warning", said, "Look at the failed jobs, and whether workers run.")
    heard_at, refused_at = one.heard_at or _NEVER, one.refused_at or _NEVER
    if heard_at < refused_at and now - refused_at < LATELY:
        mend = f"Compare the secret with the shop's: regulars connection rotate {one.name}"
        if one.refused_why in {"too_old", "too_early", "bad_time"}:
            mend = "Compare the clock of whoever sends them with this machine's."
        yield Finding(WHAT, "warning", f"{one.name}: messages are not believed: {one.refused_why}", mend)
    for stream in streams if one.state == "on" else ():
        if stream.failing_since is not None and now - stream.failing_since > LONG:
            said = f"{one.name}: {stream.stream} cannot be read since {stream.failing_since:%Y-%m-%d %H:%M} UTC"
            yield Finding(WHAT, "warning", f"{said}: {stream.problem}", f"{stream.problem_why or 'Look at the shop.'}")
    yield from _gaps(one, streams, now)


def _gaps(one: Connection, streams: list[Cursor], now: datetime) -> Iterator[Finding]:
    gaps = [stream for stream in streams if stream.gap_at is not None and now - stream.gap_at < LATELY]
    if gaps and one.state == "on":
        found = ", ".join(f"{stream.gaps_found} {stream.stream}" for stream in gaps)
        is_silent = one.heard_at is None or now - one.heard_at > LONG
        if is_silent:
            mend = f"The shop may have dropped its webhooks: regulars connection subscribe {one.name} URL"
            yield Finding(WHAT, "warning", f"{one.name}: no message comes, polls found {found}", mend)
        else:
            yield Finding(WHAT, "fine", f"{one.name}: some messages were lost, polls found {found}")


def _requests() -> Iterator[Finding]:
    """What shops passed on of their people's rights, and nobody has done."""
    now = clock.now()
    waiting = privacy_requests.still_open()
    late = [one for one in waiting if one.due_at < now]
    if waiting:
        said = f"{len(waiting)} requests of people are open, the first is due on {waiting[0].due_at:%Y-%m-%d}"
        mend = "Do what they ask, then: regulars connection settle NUMBER --how WORDS"
        yield Finding("Privacy requests", "wrong" if late else "warning", said, mend)


CHECKUPS: tuple[Checkup, ...] = (_connections, _requests)
