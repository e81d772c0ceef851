"""An order's decision made anew by another version, and brought back: within the caps, by difference to what it has.

What was known of its customer when it was decided first is known still; only what the other version asks besides is
read now. What the former decision has of the caps is free for the new one alone, and is its own again where it stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from regulars.facts.commerce import kept
from regulars.facts.commerce.kept import Kept
from regulars.facts.commerce.kept_columns import fingerprint
from regulars.kit import civil
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning import posting, seeing
from regulars.levers.loyalty._earning.capping import Counters, Place, places
from regulars.levers.loyalty._earning.cases import Case, decide
from regulars.levers.loyalty._earning.earned import Claimed, lots_of
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.programmes import Active
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules.donation import Donation
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.views import Context

#: Which orders a version would decide that another one decided, and by which.
_DECIDED = """
SELECT earning.id, earning.subject, earning.version_id FROM loyalty_earning AS earning
  JOIN loyalty_programme AS programme ON programme.id = earning.programme_id AND programme.code = %s
 WHERE earning.effective_at >= %s AND earning.effective_at < %s AND earning.version_id <> %s AND earning.revision > 0
   AND starts_with(earning.subject, 'order:')
 ORDER BY earning.effective_at, earning.id
"""
_TURN = """
UPDATE loyalty_earning AS earning SET version_id = told.version
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(id, version) WHERE earning.id = told.id
"""


@dataclass(frozen=True)
class Former:
    """A decision as it was before a batch: by which version, for whose record, with what was known, and what caps let
    it have."""

    version: int
    record: int
    context: Mapping[str, Any]
    allowed: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, claimed: Claimed) -> "Former":
        """As it stands now."""
        return cls(claimed.version, claimed.record, claimed.context, claimed.allowed)

    @classmethod
    def read(cls, told: object) -> "Former":
        """As it was kept."""
        return msgspec.convert(told, cls)

    def told(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "version": self.version,
            "record": self.record,
            "context": dict(self.context),
            "allowed": {rule: list(parts) for rule, parts in self.allowed.items()},
        }


def decided_by_others(to: Active, since: datetime, until: datetime) -> list[tuple[int, str, int]]:
    """The decisions for orders placed in that time that another version made: number, subject and version of each, by
    when they were placed. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED, [to.programme.code, since, until, to.version])
        return list(cursor.fetchall())


def unlike(before: Programme, after: Programme) -> str:
    """What both must have alike and do not: "currency", "money", "donation" or "every"; "" where all of it is."""
    if before.currency.code != after.currency.code:
        return "currency"
    if before.money != after.money:
        return "money"
    if _of(before, Donation) != _of(after, Donation):
        return "donation"
    return "" if before.of_every == after.of_every else "every"


def _of(programme: Programme, kind: type[Rule]) -> list[Rule]:
    return [rule for rule in programme.rules if isinstance(rule, kind)]


def anew(found: Sequence[Claimed], told: Mapping[int, Kept], to: Active, *, reason: Reason, at: datetime) -> list[Case]:
    """These decisions, locked, to be made by that version. Orders of which something else is settled first are left
    out. Points that come of it last as if they were earned today: those of long ago would be over before they are
    seen."""
    zone = civil.zone(to.programme.zone)
    mine = [one for one in found if not one.is_new and one.order in told and _is_settled(one, told[one.order])]
    fresh = seeing.contexts(
        [told[one.order] for one in mine], to.programme, to.programme.of_orders, zone, of_the_past=True
    )
    cases = []
    for one in mine:
        before = _standing(one, told[one.order])
        case = Case(
            replace(one, version=to.version, number=to.number),
            to.programme,
            to.number,
            told[one.order],
            zone,
            _together(before, fresh[one.order], to.programme),
            stamp=one.stamp,
        )
        case.before, case.reason, case.earned_on = before, reason, civil.day_of(at, zone)
        cases.append(case)
    return cases


def back(
    found: Sequence[Claimed], told: Mapping[int, Kept], formers: Mapping[int, Former], *, reason: Reason
) -> list[Case]:
    """These decisions, locked, to be made as they were before a batch, of the orders as they stand now."""
    mine = [one for one in found if one.order in told]
    cases = []
    for version in sorted({formers[one.id].version for one in mine}):
        some = [one for one in mine if formers[one.id].version == version]
        programme = programmes.read(version)
        zone = civil.zone(programme.zone)
        moved = [told[one.order] for one in some if formers[one.id].record != one.record]
        fresh = seeing.contexts(moved, programme, programme.of_orders, zone, of_the_past=True)
        later = kept.moments_after([one.order for one in some]) if programme.expiry.kind == "activity" else {}
        number = programmes.number_of(version)
        for one in some:
            before, former = _standing(one, told[one.order]), formers[one.id]
            # Another's by now than when it was kept: what was known of the one is nothing of the other.
            context = fresh.get(one.order) or seeing.read_context(former.context)
            case = Case(
                replace(one, version=version, number=number),
                programme,
                number,
                told[one.order],
                zone,
                replace(context, turns=_turns(before, programme)),
                stamp=fingerprint(told[one.order]),
            )
            case.active_on = [civil.day_of(moment, zone) for moment in later.get(one.order, ())]
            case.before, case.reason = before, reason
            if former.record == one.record:
                case.owned = {rule: (parts[0], parts[1]) for rule, parts in former.allowed.items()}
            cases.append(case)
    return sorted(cases, key=lambda case: case.claimed.id)


def _is_settled(one: Claimed, order: Kept) -> bool:
    return one.record == order.record and one.stamp == fingerprint(order)


def _standing(one: Claimed, order: Kept) -> Case:
    """The decision as it is, with what it has of the caps."""
    programme = programmes.read(one.version)
    standing = Case(one, programme, one.number, order, civil.zone(programme.zone), seeing.read_context(one.context))
    standing.allowed = {rule: (parts[0], parts[1]) for rule, parts in one.allowed.items()}
    return standing


def _together(before: Case, fresh: Context, programme: Programme) -> Context:
    """What was known when it was decided first, and what the version asks besides."""
    was, rules = before.context, before.programme.by_id
    fits = {
        rule: held
        for rule, held in was.fits.items()
        if rule in programme.by_id and rule in rules and programme.by_id[rule].only_if == rules[rule].only_if
    }
    return replace(
        fresh,
        member=was.member or fresh.member,
        order_number=fresh.order_number if was.order_number is None else was.order_number,
        fits={**fresh.fits, **fits},
        audiences={**fresh.audiences, **was.audiences},
        tiers={**fresh.tiers, **was.tiers},
        turns=_turns(before, programme),
    )


def _turns(before: Case, programme: Programme) -> dict[str, int]:
    """For every so many orders it has what it has: rules of the kind are the same in both versions."""
    return {
        rule.id: rule.turn(before.context)
        if rule.id in before.claimed.lines or rule.id in before.claimed.allowed
        else 0
        for rule in programme.of_every
    }


def decided(
    cases: Sequence[Case], counters: Counters, *, at: datetime, wanted: Callable[[int], bool]
) -> list[tuple[Case, int]]:
    """Those whose points become others in a way that is `wanted`, each with by how many parts. The others keep what
    they have of the caps, and their decision."""
    counters.lock([place for case in cases for place in _all_places(case)])
    lots = lots_of([case.claimed for case in cases])
    found = []
    for case in cases:
        assert case.before is not None
        _free(case.before, case.before.allowed, counters)
        case.allowed = _owned(case, counters)
        decide(case, counters, {}, at, "live")
        change = posting.change_of(case, lots.get(case.claimed.id, ()))
        if wanted(change):
            found.append((case, change))
        else:
            _free(case, case.allowed, counters)
            for rows, granted in _held(case.before, case.before.allowed):
                counters.take(rows, granted)
    return found


def _owned(case: Case, counters: Counters) -> dict[str, tuple[int, int]]:
    """What it had of the caps is its own again, whoever was given of them since."""
    for rule, (granted, _of) in case.owned.items():
        counters.restore(places(case.programme, case.programme.by_id[rule], case.member, case.on), granted)
    return dict(case.owned)


def _free(case: Case, allowed: Mapping[str, tuple[int, int]], counters: Counters) -> None:
    for rows, granted in _held(case, allowed):
        counters.take(rows, -granted)


def _held(case: Case, allowed: Mapping[str, tuple[int, int]]) -> list[tuple[list[tuple[Place, int]], int]]:
    rules = case.programme.by_id
    return [
        (places(case.programme, rules[rule], case.member, case.on), granted)
        for rule, (granted, _) in allowed.items()
        if rule in rules
    ]


def _all_places(case: Case) -> list[tuple[Place, int]]:
    assert case.before is not None
    found = [place for rows, _ in _held(case.before, case.before.allowed) for place in rows]
    for rule in case.programme.of_orders:
        if rule.id in case.programme.capped:
            found += places(case.programme, rule, case.member, case.on)
    return found


def turn(cases: Sequence[Case]) -> None:
    """These are decided by their version from now on. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [[case.claimed.id for case in cases], [case.claimed.version for case in cases]])
