"""A version that shall count for the past: orders of some days that other versions decided are decided by it, as a
batch that is looked at first, approved, run in lots, and can be undone.

An order of a batch is that version's from then on, so whatever comes back of it later is taken as it gives. Its former
decision is kept: undone, the order is decided by that again, as it stands by then.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from regulars.facts.commerce import kept
from regulars.facts.sources import api_keys
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import earning, programmes
from regulars.levers.loyalty._earning import regranting
from regulars.levers.loyalty._earning.capping import Counters
from regulars.levers.loyalty._earning.cases import Case
from regulars.levers.loyalty._earning.earned import Claimed, claim
from regulars.levers.loyalty._earning.posting import post
from regulars.levers.loyalty._earning.regrant_rows import Regrant, RegrantOrder
from regulars.levers.loyalty._earning.regranting import Former
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty._ledger.account_rows import AccountFrozen
from regulars.levers.loyalty._regrants import approving, due
from regulars.levers.loyalty._regrants.shown import MOST_LISTED, cost, views
from regulars.levers.loyalty._regrants.values import UNDER_WAY, Preview, RegrantView, State
from regulars.levers.loyalty.programmes import Active, NeedsAnother, NotApproved
from regulars.levers.loyalty.reasons import Reason
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task
from regulars.runtime.trail import trail

__all__ = (
    "BadDays",
    "LaterFirst",
    "NothingToGive",
    "Preview",
    "RegrantView",
    "State",
    "TakesFromMembers",
    "UnderWay",
    "UnknownRegrant",
    "Unlike",
    "approve",
    "ask",
    "get",
    "go_on",
    "of_programme",
    "preview",
    "set_aside",
    "take_up",
    "undo",
)

#: Orders of one transaction.
AT_ONCE = 1_000
_BY = Actor("system", "loyalty.regrants")
_OPEN = ("looking", "ready")


class UnknownRegrant(Refusal):
    """No such batch."""

    code = "regrants.unknown"


class BadDays(Refusal):
    """No days, or days to come."""

    code = "regrants.days"


class Unlike(Refusal):
    """The version and one that decided some of the orders differ in what a batch cannot bring from one to the other."""

    code = "regrants.unlike"


class TakesFromMembers(Refusal):
    """A law's pack does not let a programme take from members for the past."""

    code = "regrants.takes_from_members"


class UnderWay(Refusal):
    """Another batch of the programme is being written."""

    code = "regrants.under_way"


class NothingToGive(Refusal):
    """The batch changes nothing, or was not looked at to the end yet."""

    code = "regrants.nothing"


class LaterFirst(Refusal):
    """A later batch rests on it."""

    code = "regrants.later_first"


@dataclass(frozen=True)
class _Change:
    earning: int
    record: int
    parts: int


def preview(
    *,
    programme: str,
    version: int,
    since: date,
    until: date,
    at: datetime,
    takes_back: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Preview:
    """Who would be given how many more for orders from `since` until before `until`, days in the programme's zone, if
    this version had decided them; with `takes_back`, who fewer, too. Writes nothing. Refuses what `ask` refuses."""
    to = _checked(programme, version, since, until, takes_back, at)
    changes, fewer = _look(to, since, until, takes_back, at, progress)
    by_record: dict[int, int] = {}
    for one in changes:
        by_record[one.record] = by_record.get(one.record, 0) + one.parts
    given, taken = _sums(changes)
    most = sorted(by_record.items(), key=lambda one: (-abs(one[1]), one[0]))[:MOST_LISTED]
    scale, worth = to.programme.currency.scale, cost(given - taken, to.programme)
    return Preview(programme, version, len(changes), len(by_record), given, taken, fewer, scale, worth, most)


def ask(
    *, programme: str, version: int, since: date, until: date, at: datetime, by: Actor, takes_back: bool = False
) -> RegrantView:
    """Have it looked at and kept as a batch, which `approve` runs. `go_on` does it, or soon a job; nothing is given.

    One that was asked for before and not approved is dropped; the same again is the same batch. Raises `NotApproved`,
    `BadDays`, `Unlike`, `TakesFromMembers` and `UnderWay`.
    """
    to = _checked(programme, version, since, until, takes_back, at)
    with transaction.atomic():
        row = ProgrammeRow.objects.select_for_update().get(code=programme)
        there = Regrant.objects.filter(programme=row, state__in=(*_OPEN, *UNDER_WAY)).first()
        wanted = (to.version, since, until, takes_back)
        if there is not None and there.state != "undoing" and _what(there) == wanted:
            return get(there.id)
        if there is not None and there.state in UNDER_WAY:
            raise UnderWay(
                _("programme: batch %(batch)s is being written; ask again when it is done") % {"batch": there.id},
                field="programme",
                value=programme,
            )
        if there is not None:
            _become(there, "dropped")
        made = Regrant.objects.create(
            programme=row,
            version_id=to.version,
            since_on=since,
            until_on=until,
            takes_back=takes_back,
            asked_by=str(by),
            asked_behind=str(api_keys.behind(by) or ""),
            asked_at=at,
        )
        _tell("ask", made.id, row.id, at, by)
        regrant.defer(batch=made.id)
    return get(made.id)


def approve(*, batch: int, at: datetime, by: Actor, why: str = "") -> RegrantView:
    """Have it run, in lots, by `go_on` or soon by a job. Again changes nothing.

    Who asked for it cannot where it gives or takes more than `approval_above` of the version in force, together with
    what they asked for and approved themselves within the year before, with `NeedsAnother`; who sits at the machine
    itself can, and says why.
    """
    with transaction.atomic():
        row = _locked(batch)
        if row.state not in _OPEN:
            return get(batch)
        found = get(batch)
        if row.state == "looking" or not found.orders:
            raise NothingToGive(
                _("batch: there is nothing in it to give; look at it first"), field="batch", value=batch
            )
        if (
            found.needs_another
            and approving.is_same(str(by), approving.hands(row))
            and not (by.kind == "system" and why)
        ):
            raise NeedsAnother(
                _("by: batch %(batch)s gives so much that somebody else has to approve it") % {"batch": batch},
                field="by",
                value=str(by),
            )
        row.approved_by, row.approved_at = str(by), at
        _become(row, "running")
        _tell("approve", batch, row.programme_id, at, by, why)
        regrant.defer(batch=batch)
    return get(batch)


def set_aside(*, batch: int, at: datetime, by: Actor) -> RegrantView:
    """Drop one that nobody approved. Again, and of one that was approved, it changes nothing."""
    with transaction.atomic():
        row = _locked(batch)
        if row.state in _OPEN:
            _become(row, "dropped")
            _tell("set_aside", batch, row.programme_id, at, by)
    return get(batch)


def undo(*, batch: int, at: datetime, by: Actor, why: str = "") -> RegrantView:
    """Take back what it gave and give back what it took, in lots, by `go_on` or soon by a job: each of its orders is
    decided as before it, as the order stands by then. What was spent is owed. Again changes nothing. Raises
    `LaterFirst` and `NothingToGive`."""
    with transaction.atomic():
        row = _locked(batch)
        if row.state in ("undoing", "undone"):
            return get(batch)
        if row.state not in ("running", "done"):
            raise NothingToGive(_("batch: it was never run; set it aside"), field="batch", value=batch)
        later = Regrant.objects.filter(programme=row.programme_id, id__gt=batch, state__in=(*UNDER_WAY, "done")).first()
        if later is not None:
            raise LaterFirst(
                _("batch: batch %(later)s came after it; undo that first") % {"later": later.id},
                field="batch",
                value=batch,
            )
        # One that was asked for since was looked at with what this one gave.
        for open_one in Regrant.objects.filter(programme=row.programme_id, state__in=_OPEN):
            _become(open_one, "dropped")
        row.undone_by, row.undone_at = str(by), at
        _become(row, "undoing")
        _tell("undo", batch, row.programme_id, at, by, why)
        regrant.defer(batch=batch)
    return get(batch)


def go_on(*, batch: int, at: datetime, size: int = AT_ONCE, most: int | None = None) -> RegrantView:
    """Do what is to be done of it, at most so many lots of `size` orders, each a transaction of its own. Harmless
    beside another and after a crash: what was done is done. Orders of members whose points are frozen keep it from
    nothing: it is done without them, and they are taken up once they go on."""
    state = Regrant.objects.values_list("state", flat=True).filter(id=batch).first()
    if state == "looking":
        _keep_look(batch, at)
    lots, was_frozen = 0, False
    while most is None or lots < most:
        try:
            if not _next_lot(batch, at, size):
                break
        except AccountFrozen:
            # Since it was looked up; the next look leaves them out.
            if was_frozen:
                raise
            was_frozen = True
            continue
        lots, was_frozen = lots + 1, False
    return get(batch)


def take_up(*, at: datetime) -> None:
    """Go on with what was left lying, and with orders of members whose points were frozen and are not any more."""
    for batch in due.left_lying():
        go_on(batch=batch, at=at)


@task("loyalty.regrant", lock="loyalty.regrant")
def regrant(batch: int) -> None:
    """What is to be done of a batch. Harmless to repeat."""
    go_on(batch=batch, at=clock.now())


def get(batch: int) -> RegrantView:
    """The batch of that number. Three queries, more where it waits for approval. Raises `UnknownRegrant`."""
    found = views("WHERE batch.id = %s", [batch], members=True)
    if not found:
        raise _unknown(batch)
    return found[0]


def of_programme(programme: str, *, limit: int = 10) -> list[RegrantView]:
    """The batches of a programme, the latest first, without those that were dropped and without their members."""
    where = "WHERE programme.code = %s AND batch.state <> 'dropped' ORDER BY batch.id DESC LIMIT %s"
    return views(where, [programme, limit], members=False)


# --- looking


def _checked(programme: str, version: int, since: date, until: date, takes_back: bool, at: datetime) -> Active:
    found = programmes.get(programme, version)
    if found.approved_at is None:
        raise NotApproved(
            _("version: nobody has approved version %(version)s; have it approved") % {"version": version},
            field="version",
            value=version,
        )
    to = Active(found.id, version, programmes.read(found.id))
    if since >= until or until > civil.day_of(at, civil.zone(to.programme.zone)):
        raise BadDays(
            _("until: write days that are over, the first one before the one that is left out"),
            field="until",
            value=until.isoformat(),
        )
    others = {one for _e, _s, one in regranting.decided_by_others(to, *_between(to, since, until))}
    before = [programmes.read(one) for one in sorted(others)]
    for one in before:
        if named := regranting.unlike(one, to.programme):
            raise Unlike(str(_UNLIKE[named]), field="version", value=version)
    if takes_back and any(one.policies for one in (to.programme, *before)):
        raise TakesFromMembers(
            _("takes_back: the programme keeps to a law by which nothing is taken for the past; only give"),
            field="takes_back",
            value=True,
        )
    return to


def _look(
    to: Active, since: date, until: date, takes_back: bool, at: datetime, progress: Callable[[int], None]
) -> tuple[list[_Change], int]:
    rows = regranting.decided_by_others(to, *_between(to, since, until))
    counters = Counters(ProgrammeRow.objects.values_list("id", flat=True).get(code=to.programme.code))
    found: list[_Change] = []
    fewer = 0

    def wanted(change: int) -> bool:
        nonlocal fewer
        fewer += change < 0 and not takes_back
        return _is_wanted(change, takes_back)

    for start in range(0, len(rows), AT_ONCE):
        page = rows[start : start + AT_ONCE]
        with transaction.atomic():
            claimed = _claim([subject for _e, subject, _v in page], {number for number, _s, _v in page}, at)
            told = kept.of([one.order for one in claimed])
            cases = regranting.anew(claimed, told, to, reason=Reason("regranted", {"batch": 0}), at=at)
            for case, change in regranting.decided(_as_bought(cases), counters, at=at, wanted=wanted):
                found.append(_Change(case.claimed.id, case.record, change))
            # Locked and counted as in earnest, and nothing of it stays.
            transaction.set_rollback(True)
        progress(start + len(page))
    return found, fewer


def _keep_look(batch: int, at: datetime) -> None:
    row = Regrant.objects.get(id=batch)
    to = _version(row)
    changes, fewer = _look(to, row.since_on, row.until_on, row.takes_back, at, lambda done: None)
    with transaction.atomic():
        row = _locked(batch)
        if row.state != "looking":
            return
        RegrantOrder.objects.bulk_create(
            [RegrantOrder(regrant=row, earning_id=one.earning, change=one.parts) for one in changes], batch_size=5_000
        )
        row.given, row.taken = _sums(changes)
        row.fewer = fewer
        _become(row, "ready")


# --- writing


def _next_lot(batch: int, at: datetime, size: int) -> bool:
    """The next orders of it; whether there may be more."""
    subjects = due.subjects(batch, size)
    orders = [int(subject.removeprefix("order:")) for subject in subjects.values()]
    if orders:
        # News of them that nobody has heard yet is heard first: it has nothing to do with the batch.
        earning.award_for_orders(orders=orders, at=at, by=_BY)
    with transaction.atomic():
        row = _locked(batch)
        undoes = row.state in ("undoing", "undone")
        if not subjects:
            # It may have been turned meanwhile.
            if due.subjects(batch, 1):
                return True
            if row.state in UNDER_WAY:
                _become(row, "undone" if undoes else "done")
            return False
        wanted = RegrantOrder.objects.filter(regrant=row, state="done" if undoes else "waiting")
        mine = {one.earning_id: one for one in wanted.filter(earning__in=subjects)}
        if not mine:
            return True
        claimed = _claim([subjects[number] for number in mine], mine.keys(), at)
        told = kept.of([one.order for one in claimed])
        counters = Counters(row.programme_id)
        done = (
            _taken_back(row, mine, claimed, told, counters, at)
            if undoes
            else _given(row, mine, claimed, told, counters, at)
        )
        counters.write()
        # What was left out becomes nothing else; it keeps its former decision, or the batch's where that was undone.
        RegrantOrder.objects.filter(id__in=[one.id for one in mine.values() if one.earning_id not in done]).update(
            state="left"
        )
        post(list(done.values()), at=at, by=_BY, origin="live")
        if done:
            regranting.turn(list(done.values()))
    return True


def _given(
    row: Regrant,
    mine: Mapping[int, RegrantOrder],
    claimed: Sequence[Claimed],
    told: Mapping[int, kept.Kept],
    counters: Counters,
    at: datetime,
) -> dict[int, Case]:
    to = _version(row)
    cases = regranting.anew(claimed, told, to, reason=Reason("regranted", {"batch": row.id}), at=at)
    found = regranting.decided(
        _as_bought(cases), counters, at=at, wanted=lambda change: _is_wanted(change, row.takes_back)
    )
    for case, change in found:
        assert case.before is not None
        one = mine[case.claimed.id]
        one.state, one.change, one.former = "done", change, Former.of(case.before.claimed).told()
    RegrantOrder.objects.bulk_update(
        [mine[case.claimed.id] for case, _c in found], ["state", "change", "former"], batch_size=1_000
    )
    return {case.claimed.id: case for case, _c in found}


def _taken_back(
    row: Regrant,
    mine: Mapping[int, RegrantOrder],
    claimed: Sequence[Claimed],
    told: Mapping[int, kept.Kept],
    counters: Counters,
    at: datetime,
) -> dict[int, Case]:
    formers = {number: Former.read(one.former) for number, one in mine.items()}
    still = [one for one in claimed if one.version == row.version_id]
    cases = regranting.back(still, told, formers, reason=Reason("regrant_undone", {"batch": row.id}))
    found = regranting.decided(_as_bought(cases), counters, at=at, wanted=lambda change: True)
    RegrantOrder.objects.filter(id__in=[mine[case.claimed.id].id for case, _c in found]).update(state="undone")
    return {case.claimed.id: case for case, _c in found}


def _claim(subjects: Sequence[str], numbers: Collection[int], at: datetime) -> list[Claimed]:
    """These decisions, locked, without those of other programmes for the same orders."""
    wanted = set(numbers)
    return [one for one in claim([], subjects, at) if one.id in wanted]


def _as_bought(cases: Sequence[Case]) -> list[Case]:
    return sorted(cases, key=lambda case: (case.claimed.effective_at, case.claimed.id))


def _is_wanted(change: int, takes_back: bool) -> bool:
    return change > 0 or (change < 0 and takes_back)


def _sums(changes: Sequence[_Change]) -> tuple[int, int]:
    return sum(max(one.parts, 0) for one in changes), sum(max(-one.parts, 0) for one in changes)


def _version(row: Regrant) -> Active:
    return Active(row.version_id, programmes.number_of(row.version_id), programmes.read(row.version_id))


def _between(to: Active, since: date, until: date) -> tuple[datetime, datetime]:
    zone = civil.zone(to.programme.zone)
    return civil.start_of_day(since, zone), civil.start_of_day(until, zone)


def _locked(batch: int) -> Regrant:
    row = Regrant.objects.select_for_update().filter(id=batch).first()
    if row is None:
        raise _unknown(batch)
    return row


def _what(row: Regrant) -> tuple[int, date, date, bool]:
    return row.version_id, row.since_on, row.until_on, row.takes_back


def _become(row: Regrant, state: str) -> None:
    row.state = state
    row.save()


def _tell(verb: str, batch: int, programme: int, at: datetime, by: Actor, why: str = "") -> None:
    subject = f"programme:{programme}"
    trail.record(by=by, verb=f"loyalty.regrants.{verb}", subject=subject, at=at, after={"batch": batch}, why=why)


def _unknown(batch: int) -> UnknownRegrant:
    return UnknownRegrant(_("batch: %(value)s is none") % {"value": batch}, field="batch", value=batch)


#: What a batch cannot bring from one version to the other.
_UNLIKE: Mapping[str, Promise] = {
    "currency": gettext_lazy("version: the orders were decided in other points; ask for days of one kind of points"),
    "money": gettext_lazy("version: the orders were decided in other money; ask for days of one kind of money"),
    "donation": gettext_lazy("version: what it promises to causes differs; a batch changes points alone"),
    "every": gettext_lazy("version: its rules for every so many orders differ; a batch cannot give those anew"),
}
