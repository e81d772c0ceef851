"""What was decided, posted: the difference to what was posted for it before, in one act for each kind of points."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from regulars.kit import money
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._earning.cases import Case
from regulars.levers.loyalty._earning.earned import EarnedLot, Saved, lots_of, pledge, released, save
from regulars.levers.loyalty._earning.longer import Longer, extend, kept_longer
from regulars.levers.loyalty._ledger import account_rows, acting
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.wallet import NewLot, Wallet
from regulars.levers.loyalty.expiring import lapses_at, matures_at
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.rules.deciding import Decision
from regulars.levers.loyalty.rules.grants import Grant, Pledge
from regulars.levers.loyalty.rules.rule import SHOP


@dataclass(frozen=True)
class Posted:
    """What came of it: how many subjects were decided, how many awards were posted, and how many parts came and went;
    of a back-fill, how many orders were left out because their members' points are frozen.

    Parts of several currencies are added up: of one programme they mean something.
    """

    decided: int = 0
    awards: int = 0
    awarded: int = 0
    taken_back: int = 0
    waiting: int = 0

    def __add__(self, other: "Posted") -> "Posted":
        return Posted(
            self.decided + other.decided,
            self.awards + other.awards,
            self.awarded + other.awarded,
            self.taken_back + other.taken_back,
            self.waiting + other.waiting,
        )


def post(cases: Sequence[Case], *, at: datetime, by: Actor, origin: Origin) -> Posted:
    """Bring the ledger to what was decided: one act for each kind of points."""
    done = Posted(decided=len(cases))
    by_currency: dict[str, list[Case]] = {}
    for case in cases:
        by_currency.setdefault(case.programme.currency.code, []).append(case)
    for currency, some in sorted(by_currency.items()):
        done += _post_in(currency, some, at=at, by=by, origin=origin)
    pledge(
        [
            (case.claimed, rule, cause, case.programme.money, minor)
            for case in cases
            for rule, cause, minor in _pledged(case)
        ],
        at=at,
        by=by,
    )
    save([saved(case) for case in cases if case.claimed.is_kept])
    return done


def _pledged(case: Case) -> Iterator[tuple[str, str, int]]:
    now = {one.rule: one for one in case.steps[-1][1].pledges}
    for rule, one in now.items():
        yield rule, one.cause, one.minor
    for rule, cause in case.claimed.causes.items():
        if rule not in now:
            yield rule, cause, 0


def _post_in(currency: str, cases: Sequence[Case], *, at: datetime, by: Actor, origin: Origin) -> Posted:
    changing = [case for case in cases if _changes(case)]
    known = lots_of([case.claimed for case in cases if not case.claimed.is_new])
    maturing = _maturing(cases, known)
    extending = _extending(changing, currency) if origin == "live" else {}
    if not changing and not maturing and not extending:
        return Posted()
    revisions = sorted((case.claimed.id, case.claimed.revision + 1) for case in changing or cases)
    name = (
        f"{cases[0].programme.code}/{cases[0].claimed.subject}/{revisions[0][1]}"
        if len(cases) == 1
        else blake2b(repr(revisions).encode(), digest_size=16).hexdigest()
    )
    told = Told("earn", f"earn/{currency}/{name}"[:200], at, by, {"revisions": revisions}, origin)
    if not changing:
        told = replace(told, verb="mature")
    awards = awarded = taken = 0
    owe: dict[int, int] = {}
    lent: dict[int, int] = {}
    for case in changing:
        owe[case.record] = owe.get(case.record, 0) + sum(_current(case).values())
    named = [lot.id for lots in known.values() for lot in lots] + [
        one.lot for some in extending.values() for one in some
    ]
    whose = {case.record for case in changing} | {case.record for case, _, _ in maturing}
    with acting.act(told, customers=whose, currency=currency, owe=owe, lots=named) as work:
        if not work.is_new:
            return Posted()
        # Again: until the accounts were locked something could be taken by hand, or go to an heir and back.
        known = lots_of([case.claimed for case in changing if case.claimed.id in known])
        for case, lot, moment in maturing:
            if lot.id in work.wallet(case.record).lots:
                work.wallet(case.record).mature(lot.id, moment)
        for record, dates in extending.items():
            for one in dates:
                extend(work.wallet(record), one, at)
        for case in changing:
            wallet, before = work.wallet(case.record), _current(case)
            if origin == "history":
                # As it would have been told then: what lapsed or could be spent by then stands before it.
                wallet.catch_up(case.steps[0][0])
            of_rules = _by_rule(known, case) if case.claimed.id in known else {}
            # Of what was passed on to an heir nothing is taken: it counts as taken by hand.
            lots = {
                rule: [(lot.id, wallet.lots[lot.id].reversible) for lot in some if lot.id in wallet.lots]
                for rule, some in of_rules.items()
            }
            by_hand = {rule: sum(lot.by_hand for lot in some) for rule, some in of_rules.items()}
            if origin == "live" and case.record not in lent and _lends(case):
                lent[case.record] = _lent(case, wallet, at)
            forgiven = account_rows.forgiven([wallet.lots[lot] for some in lots.values() for lot, _ in some])
            for when, decision in case.steps:
                after = {grant.rule: grant for grant in decision.grants}
                changes = _by(case, {rule: grant.parts for rule, grant in after.items()}, before, by_hand)
                for rule, change in changes:
                    if change > 0:
                        new = _lot(case, decision, after[rule], change, when, lent)
                        number = wallet.award(new, at=when)
                        # What these were spent as when they were taken back is given a second time.
                        mine = [(lot, wallet.forgiven_of(lot, forgiven)) for lot, _ in lots.get(rule, [])]
                        again = _shares(mine, change)
                        wallet.make_good(number, again, at=when)
                        lots.setdefault(rule, []).append((number, change))
                        awards, awarded = awards + 1, awarded + change
                    elif change < 0:
                        shares = _shares(lots.get(rule, []), -change)
                        if shares:
                            wallet.take_back(shares, at=when, reason=_because(case, decision))
                            taken += sum(shares.values())
                            lots[rule] = [(lot, left - shares.get(lot, 0)) for lot, left in lots[rule]]
                before = {rule: grant.parts for rule, grant in after.items()}
        if origin == "history":
            for wallet in work.wallets.values():
                wallet.catch_up(at)
    return Posted(0, awards, awarded, taken)


def change_of(case: Case, lots: Sequence[EarnedLot]) -> int:
    """By how many parts it gives more than it has, or with fewer than none, takes back."""
    by_hand: dict[str, int] = {}
    for lot in lots:
        by_hand[lot.rule] = by_hand.get(lot.rule, 0) + lot.by_hand
    after = {grant.rule: grant.parts for grant in case.steps[-1][1].grants}
    return sum(change for _, change in _by(case, after, _current(case), by_hand))


def _by(
    case: Case, after: Mapping[str, int], before: Mapping[str, int], by_hand: Mapping[str, int]
) -> list[tuple[str, int]]:
    """By how much each rule's points change, in the order in which they are posted."""
    found = []
    for rule in sorted({*before, *after} if before else after):
        # What somebody took back by hand of this order's stays with the shop, whatever becomes of it.
        kept_back = by_hand.get(rule, 0)
        found.append((rule, max(after.get(rule, 0) - kept_back, 0) - max(before.get(rule, 0) - kept_back, 0)))
    # Of a batch, what comes first pays what goes: else something could be owed, and forgiven, in between.
    return sorted(found, key=lambda one: one[1] < 0) if case.before is not None else found


def _changes(case: Case) -> bool:
    before = _current(case)
    for _, decision in case.steps:
        after = {grant.rule: grant.parts for grant in decision.grants}
        if after != before:
            return True
    return False


def _current(case: Case) -> dict[str, int]:
    """What each rule has given, as it was kept."""
    if not case.claimed.lines:
        return {}
    return {rule: sum(lines.values()) for rule, lines in case.claimed.lines.items() if lines}


def _by_rule(known: Mapping[int, Sequence[EarnedLot]], case: Case) -> dict[str, list[EarnedLot]]:
    found: dict[str, list[EarnedLot]] = {}
    for lot in known.get(case.claimed.id, ()):
        found.setdefault(lot.rule, []).append(lot)
    return found


def _shares(lots: Sequence[tuple[int, int]], parts: int) -> dict[int, int]:
    """From which lots: the last first."""
    shares: dict[int, int] = {}
    for lot, left in reversed(lots):
        if taken := min(left, parts):
            shares[lot] = taken
            parts -= taken
    return shares


def _because(case: Case, decision: Decision) -> Reason:
    if case.reason is not None:
        return case.reason
    order = case.order
    assert order is not None
    code = "goods_returned"
    if order.record != case.record:
        code = "order_moved"
    elif case.is_for_others:
        code = "fewer_orders"
    elif order.is_double:
        code = "told_twice"
    elif not order.counts:
        code = "order_cancelled"
    elif all(line.kept == line.quantity for line in order.lines):
        code = "order_changed"
    return Reason(code, {"subject": case.claimed.subject})


def _lends(case: Case) -> bool:
    """Whether something of what it gives can be spent before it is theirs for good."""
    own = [rule.at_once for rule in case.programme.rules if rule.at_once is not None]
    return case.order is not None and any((case.programme.pending.at_once, *own))


def _lent(case: Case, wallet: Wallet, at: datetime) -> int:
    """What their record could spend so far, or owes because it did; where there is a limit to it."""
    if case.programme.debt_limit is None:
        return 0
    owed = sum(lot.owed for lot in wallet.lots.values() if lot.record == case.record)
    return owed + released(wallet.account, case.record, at)


def _lot(
    case: Case, decision: Decision, grant: Grant, parts: int, at: datetime, lent: MutableMapping[int, int]
) -> NewLot:
    """The lot that a grant, or what it came to give more, is posted as. `lent`: what each record could spend before it
    was theirs for good, or owes because it did; of the past, and where nothing is lent, it does not stand there."""
    programme = case.programme
    rule = programme.by_id[grant.rule]
    last_day = programme.expiry.last_day(case.earned_on or case.on)
    for active_on in case.active_on:
        last_day = programme.expiry.extended(last_day, active_on)
    matures = _matures(case)
    share = programme.pending.at_once if rule.at_once is None else rule.at_once
    at_once = parts * share // 100 if case.record in lent and (matures is None or matures > at) else 0
    if programme.debt_limit is not None and at_once:
        at_once = max(min(at_once, programme.debt_limit - lent[case.record]), 0)
    if at_once:
        lent[case.record] += at_once
    is_partners = grant.funding != SHOP
    price = _price(case, decision, grant, parts)
    return NewLot(
        record=case.record,
        amount=parts,
        reason=case.reason or Reason(grant.because.code, dict(grant.because.facts)),
        matures_at=matures,
        waits=matures is None,
        at_once=at_once,
        expires_on=last_day,
        expires_at=lapses_at(last_day, case.zone),
        expiry_policy=str(programme.expiry),
        funding="partner" if is_partners else "issuance",
        partner=grant.funding.removeprefix("partner:") if is_partners else "",
        allocated_price_minor=price,
        price_currency="" if price is None else programme.money,
        standalone_price=programme.currency.worth,
        estimate_version=None if programme.currency.worth is None else case.number,
        rule=f"{programme.code}.{grant.rule}",
        rule_version=case.number,
        subject=case.claimed.subject,
        earning=case.claimed.id,
    )


def _price(case: Case, decision: Decision, grant: Grant, parts: int) -> int | None:
    """What of the price paid stands for the points, by what both are worth on their own (IFRS 15, B39 to B43)."""
    worth, order = case.programme.currency.worth, case.order
    if worth is None or order is None or order.currency != case.programme.money or grant.funding != SHOP:
        return None
    paid = max(order.kept_minor, 0)
    over, under = worth.as_integer_ratio()
    over, under = over * 10 ** money.exponent(case.programme.money), under * 10**case.programme.currency.scale
    others = sum(other.parts for other in decision.grants if other.funding == SHOP)
    return paid * parts * over // (paid * under + others * over) if paid else 0


def _matures(case: Case) -> datetime | None:
    """When what an order earned can be spent; None: nobody can say yet."""
    order, pending = case.order, case.programme.pending
    if order is None:
        return case.claimed.effective_at
    if pending.until == "placed":
        since: datetime | None = order.placed_at
    elif pending.until == "paid":
        is_paid = order.kept_minor >= order.due_minor
        since = (order.paid_at or order.placed_at) if is_paid else None
    else:
        since = order.arrived_at or order.placed_at + timedelta(days=pending.at_latest_days)
    return None if since is None else matures_at(since, pending.days, case.zone)


def _maturing(
    cases: Sequence[Case], known: Mapping[int, Sequence[EarnedLot]]
) -> list[tuple[Case, EarnedLot, datetime]]:
    """Lots that are pending until another moment than is known now."""
    found = []
    for case in cases:
        lots = known.get(case.claimed.id)
        if not lots:
            continue
        moment = _matures(case)
        for lot in lots:
            if lot.pending and moment is not None and lot.matures_at != moment:
                found.append((case, lot, moment))
    return found


def _extending(cases: Sequence[Case], currency: str) -> dict[int, list[Longer]]:
    """Lots of a member that something new keeps longer, by the record it came with: also those of versions before,
    where by the present one points lapse otherwise."""
    found: dict[int, list[Longer]] = {}
    for case in cases:
        if (
            case.claimed.is_new
            and case.steps[-1][1].grants
            and programmes.is_kept_by_activity(case.claimed.version, case.number, case.programme)
            and (some := kept_longer(case.record, currency, case.on, case.zone))
        ):
            found.setdefault(case.record, []).extend(some)
    return found


def saved(case: Case) -> Saved:
    last = case.steps[-1][1]
    return Saved(
        id=case.claimed.id,
        context=seeing.kept_context(case.context),
        allowed={rule: list(parts) for rule, parts in case.allowed.items()},
        lines={grant.rule: {str(line): parts for line, parts in grant.lines.items()} for grant in last.grants},
        why={
            one.rule: [one.because.code, dict(one.because.facts)]
            for one in last.answers
            if isinstance(one, Grant | Pledge)
        },
        missed={one.rule: [one.why.code, dict(one.why.facts)] for one in last.missed},
        stamp=case.stamp,
        revision=case.claimed.revision + 1,
    )
