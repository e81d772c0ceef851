"""Writes what is due into shops, and looks whether it still stands there."""

from datetime import datetime, timedelta

from regulars.doors.connectors import shops, taking
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import Writer
from regulars.doors.connectors.reading import NotUnderstood
from regulars.doors.connectors.writers import CannotSay, Gone, NotYet, WontTake
from regulars.facts.sources import connections
from regulars.facts.sources.connections import Connection
from regulars.oversight.outbound import writing
from regulars.oversight.outbound.writing import Claimed, CodeDue, Due
from regulars.runtime.database import clock

#: Rights claimed at a time; few enough to be written before the claim runs out.
LOT = 25
#: Rights of one job, so that others have the worker too.
MOST = 500
#: How long a code of somebody's own waits for a shop that does not know them.
STRANGER = timedelta(hours=1)
#: What says that the shop as a whole cannot be written to, rather than this one thing.
_WHOLE = frozenset({"not_allowed", "refused_address", "bad_url", "no_connection", "timeout", "unknown_host", "no_shop"})


def write_due(*, connection: int, caller: Caller | None = None) -> int:
    """Write what is due in one shop; how many were. A shop that fails as a whole rests, and what is due waits."""
    whose = connections.get(connection)
    if whose.state != "on" or shops.of(whose.kind).writer is None:
        return 0
    done = 0
    with caller or Caller() as asking:
        writer = writer_of(whose, asking, clock.now())
        while done < MOST:
            claimed = writing.claim(connection=connection, limit=LOT, at=clock.now())
            if not claimed.due:
                break
            try:
                for due in claimed.due:
                    _write(claimed, due, writer)
                    done += 1
            except (CallFailed, Rest) as problem:
                writing.released(claim=claimed.claim)
                _rest(connection, problem)
                return done
            writing.well(connection=connection)
    return done


def check(*, connection: int, most: int = MOST, caller: Caller | None = None) -> int:
    """Look whether the shop still says what it was told a day ago or longer; how many things it does not."""
    whose = connections.get(connection)
    if whose.state != "on" or shops.of(whose.kind).writer is None:
        return 0
    otherwise = 0
    with caller or Caller() as asking:
        writer = writer_of(whose, asking, clock.now())
        for due in writing.to_check(connection=connection, limit=most, at=clock.now()):
            try:
                is_as_told = writer.has_code(due) if isinstance(due, CodeDue) else writer.has_attributes(due)
            except Gone:
                is_as_told = False
            except (CallFailed, Rest) as problem:
                _rest(connection, problem)
                return otherwise
            except (NotUnderstood, WontTake):
                # Nobody can say how it stands; it is asked again another day.
                is_as_told = True
            writing.checked(due=due, is_as_told=is_as_told, at=clock.now())
            otherwise += not is_as_told
    return otherwise


def writer_of(connection: Connection, caller: Caller, at: datetime) -> Writer:
    """Somebody who writes into this shop."""
    make = shops.of(connection.kind).writer
    assert make is not None, "who asks has looked"
    return make(taking.asking(connection, caller, at))


def _write(claimed: Claimed, due: Due, writer: Writer) -> None:
    """One right, settled however it ends; raises where the shop as a whole cannot be written to."""
    mine = claimed.claim
    if isinstance(due, CodeDue) and due.is_active and due.is_bound and not due.refs:
        # For everybody it was never meant; whoever the shop does not know yet may come to it.
        writing.postponed(claim=mine, due=due, until=clock.now() + STRANGER)
        return
    try:
        remote = ""
        if isinstance(due, CodeDue):
            remote = writer.code(due)
        else:
            writer.attributes(due)
    except NotYet as early:
        writing.postponed(claim=mine, due=due, until=early.begins_at)
    except Gone:
        writing.dropped(claim=mine, due=due, at=clock.now())
    except WontTake as no:
        is_unsupported = isinstance(no, CannotSay)
        writing.refused(claim=mine, due=due, code=no.code, why=no.why, is_unsupported=is_unsupported, at=clock.now())
    except NotUnderstood as problem:
        writing.failed(claim=mine, due=due, code=problem.code, why=problem.why, at=clock.now())
    except CallFailed as problem:
        if problem.code in _WHOLE:
            raise
        writing.failed(claim=mine, due=due, code=problem.code, why=problem.why, at=clock.now())
    else:
        writing.written(claim=mine, due=due, remote=remote, at=clock.now())


def _rest(connection: int, problem: CallFailed | Rest) -> None:
    if isinstance(problem, Rest):
        writing.rest(connection=connection, code="rests", why="", lasts=problem.lasts, at=clock.now())
    else:
        writing.rest(connection=connection, code=problem.code, why=problem.why, at=clock.now())
