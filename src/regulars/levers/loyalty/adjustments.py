"""Points given or taken by hand, debts forgiven, what ended made valid again: at once up to a limit; beyond it, when a
second person agrees.

The limit is for what one person gives or takes of one member in a day, by themselves and by the programs they answer
for, so that a large sum is not told in small ones. What a program asks for is another's to decide than who answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers import persons
from regulars.facts.sources import api_keys
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.points import Points
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import inheriting, points, reasons, wallets
from regulars.levers.loyalty._ledger import account_rows, books
from regulars.levers.loyalty._ledger.acts import KeyUsedOtherwise, Told
from regulars.levers.loyalty.models import Act, Request
from regulars.levers.loyalty.points import BadAmount, NotEnoughPoints, Receipt
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.wallets import AwardView
from regulars.runtime.preferences.preferences import Preference, between, read
from regulars.runtime.trail import trail

__all__ = (
    "APPROVAL_ABOVE",
    "REASONS",
    "AlreadyDecided",
    "BadReason",
    "NobodyAnswers",
    "NotLater",
    "OwnRequest",
    "Proposed",
    "RequestView",
    "UnknownRequest",
    "approve",
    "by_public_id",
    "count_waiting",
    "of_customer",
    "prolong",
    "propose",
    "propose_to_forgive",
    "propose_to_pass_on",
    "propose_to_reinstate",
    "turn_down",
    "waiting",
    "withdraw",
)

PREFIX = "prq"
#: Whole points that one person gives or takes of one member in a day without a second.
APPROVAL_ABOVE = Preference("points.approval_above", int, default=1000, check=between(0, 10**9))
DAY = timedelta(days=1)
#: Why by hand. A list, not words: what is typed about a person is personal.
REASONS = ("service", "amends", "missing", "present", "correction", "misuse")

_ROWS = Request.objects.select_related("currency")
# Of their records' accounts; and of those from which something came to them lately, what was done to what is theirs.
_LATELY = """
WITH mine AS MATERIALIZED (
  SELECT id FROM loyalty_account WHERE customer_id = ANY(%(records)s) AND currency_id = %(currency)s
), left_by AS MATERIALIZED (
  SELECT DISTINCT gone.account_id AS id FROM mine JOIN loyalty_entry AS came ON came.account_id = mine.id
    JOIN loyalty_entry AS gone ON gone.act_id = came.act_id AND gone.kind = 'merge_out'
   WHERE came.kind = 'merge_in' AND came.recorded_at > %(since)s AND gone.account_id NOT IN (SELECT id FROM mine)
)
SELECT coalesce(sum(posting.amount), 0)
  FROM (SELECT id, true AS is_mine FROM mine UNION ALL SELECT id, false FROM left_by) AS account
  JOIN loyalty_entry AS entry ON entry.account_id = account.id
  JOIN loyalty_act AS act ON act.id = entry.act_id JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
  JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
 WHERE (entry.kind = 'adjust' OR (entry.kind = 'merge_out' AND entry.reason = 'passed_on')
        OR (entry.kind = 'write_off' AND act.verb = 'forgive') OR (entry.kind = 'reinstate' AND act.verb = 'reinstate'))
   AND entry.recorded_at > %(since)s AND act.by = ANY(%(hands)s) AND act.key NOT LIKE 'request:%%'
   AND (account.is_mine OR coalesce(lot.earned_by_id, lot.record_id) = ANY(%(records)s))
"""


class UnknownRequest(Refusal):
    """No such request."""

    code = "points.unknown_request"


class AlreadyDecided(Refusal):
    """Somebody decided it before."""

    code = "points.already_decided"


class OwnRequest(Refusal):
    """Nobody decides what they asked for themselves."""

    code = "points.own_request"


class NobodyAnswers(Refusal):
    """A program asks for more than one may give alone, and nobody knows who that one is."""

    code = "points.nobody_answers"


class NotLater(Refusal):
    """The award lasts as long already."""

    code = "points.not_later"


class BadReason(Refusal):
    """No reason on the list."""

    code = "points.bad_reason"


@dataclass(frozen=True)
class RequestView:
    """An adjustment that is waiting, or was approved, turned_down or withdrawn. `what`: adjust, pass_on, forgive, or
    reinstate of `lot`.

    `amount` is in the smallest parts of the currency, of which a point has ten to the `scale`; `because` is in the
    reader's language.
    """

    id: int
    public_id: str
    customer: int
    currency: str
    scale: int
    amount: int
    reason: str
    because: str
    expires_on: date | None
    heir: int | None
    asked_by: str
    asked_behind: str
    asked_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None
    what: str = "adjust"
    lot: int | None = None


@dataclass(frozen=True)
class Proposed:
    """What became of it: done at once, or waiting for somebody. One of the two."""

    done: Receipt | None = None
    request: RequestView | None = None


def propose(
    *,
    customer: int,
    amount: int,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
    expires_on: date | None = None,
) -> Proposed:
    """Give points, or with an amount below zero take some: at once up to the limit, else when a second person agrees.

    Raises `BadAmount`, `BadReason`, `NotEnoughPoints` of more than can be spent, and beyond the limit `NobodyAnswers`
    of a program's key that nobody of the staff answers for.
    """
    _check_reason(reason)
    # The verb's own check, before anything waits that never could be done.
    _check_amount(amount)
    what = {"customer": customer, "amount": amount, "currency": currency, "reason": reason, "expires_on": expires_on}
    return _ask(
        Told("propose", key, at, by, what),
        Request(customer_id=customer, reason=reason, expires_on=expires_on),
        currency,
        amount=lambda: amount,
        do=lambda: points.adjust(
            customer=customer,
            amount=amount,
            currency=currency,
            reason=Reason(reason),
            expires_on=expires_on,
            key=key,
            at=at,
            by=by,
        ),
        check=lambda: _is_there(-amount, customer, currency, at),
    )


def propose_to_forgive(
    *,
    customer: int,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    amount: int | None = None,
    currency: str = "points",
) -> Proposed:
    """`points.forgive` of what they owe, or `amount` of it: at once up to the limit, else when a second person agrees.

    Raises `BadReason`, `BadAmount` of more than is owed, and `NobodyAnswers`.
    """
    _check_reason(reason)
    if amount is not None:
        _check_amount(amount)
    what = {"customer": customer, "amount": amount, "currency": currency, "reason": reason}
    return _ask(
        Told("propose_to_forgive", key, at, by, what),
        Request(customer_id=customer, reason=f"forgive:{reason}"),
        currency,
        amount=lambda: _owed(customer, currency, at, amount),
        do=lambda: points.forgive(
            customer=customer, amount=amount, currency=currency, reason=Reason(reason), key=key, at=at, by=by
        ),
    )


def propose_to_reinstate(
    *,
    customer: int,
    lot: int,
    expires_on: date | None,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
) -> Proposed:
    """`points.reinstate` of all that ended of an award of theirs: at once up to the limit, else when a second person
    agrees.

    Raises `BadReason`, `points.UnknownEntry` of what is no award of theirs, `points.NothingToReverse` where nothing of
    it ended, `NotLater` where what is left of it lasts longer, and `NobodyAnswers`.
    """
    _check_reason(reason)
    mine = wallets.award(customer=customer, lot=lot, currency=currency, at=at)
    if mine.left:
        _check_later(mine, expires_on)
    what = {"customer": customer, "lot": lot, "currency": currency, "reason": reason, "expires_on": expires_on}
    return _ask(
        Told("propose_to_reinstate", key, at, by, what),
        Request(customer_id=customer, reason=f"reinstate:{lot}:{reason}", expires_on=expires_on),
        currency,
        amount=lambda: _ended(mine),
        do=lambda: points.reinstate(
            lot=lot, expires_on=expires_on, currency=currency, reason=Reason(reason), key=key, at=at, by=by
        ),
    )


def prolong(
    *,
    customer: int,
    lot: int,
    expires_on: date | None,
    reason: str,
    key: str,
    at: datetime,
    by: Actor,
    currency: str = "points",
) -> Receipt:
    """`points.extend` of an award of theirs, by hand: to a later day, or None for good. It moves no points, so no limit
    counts.

    Raises `BadReason`, `points.UnknownEntry` of what is no award of theirs, and `NotLater`.
    """
    _check_reason(reason)
    mine = wallets.award(customer=customer, lot=lot, currency=currency, at=at)
    with transaction.atomic():
        if not Act.objects.filter(key=key).exists():
            _check_later(mine, expires_on, than_now=True)
        return points.extend(lots={lot: expires_on}, currency=currency, reason=Reason(reason), key=key, at=at, by=by)


def propose_to_pass_on(
    *, customer: int, to: int, key: str, at: datetime, by: Actor, currency: str = "points"
) -> Proposed:
    """`inheriting.pass_on`: at once up to the limit, else when a second person agrees: what can be spent then.

    Raises what that does, and `NobodyAnswers`.
    """
    return _ask(
        Told("propose_to_pass_on", key, at, by, {"customer": customer, "to": to, "currency": currency}),
        Request(customer_id=customer, heir_id=to, reason="passed_on"),
        currency,
        amount=lambda: -inheriting.passable(customer=customer, at=at, currency=currency),
        do=lambda: inheriting.pass_on(customer=customer, to=to, currency=currency, key=key, at=at, by=by),
        check=lambda: inheriting.check(customer=customer, to=to, currency=currency, at=at),
    )


def _ask(
    told: Told,
    row: Request,
    currency: str,
    *,
    amount: Callable[[], int],
    do: Callable[[], Receipt],
    check: Callable[[], None] = lambda: None,
) -> Proposed:
    """At once where it is within the limit of whose hands these are, or was done; else kept as this row, for a second
    person. `amount` is what it would change by, asked for once nobody else changes it; `check` refuses what could not
    be done by anybody."""
    kind, digest = account_rows.currency(currency), told.digest()
    with transaction.atomic():
        person = _one_at_a_time(row.customer_id)
        if (known := _ROWS.filter(key=told.key).first()) is not None:
            if bytes(known.told) != digest:
                raise _told_otherwise(told.key)
            return Proposed(request=_view(known))
        if Act.objects.filter(key=told.key).exists():
            return Proposed(done=do())
        parts = amount()
        limit = read(APPROVAL_ABOVE) * 10**kind.terms.scale
        behind = api_keys.behind(told.by)
        hands = [told.by] if behind is None else api_keys.hands_of(behind)
        if abs(parts) + _lately(person, kind.id, told.at, hands) <= limit:
            return Proposed(done=do())
        check()
        if behind is None:
            raise _nobody_answers(parts)
        row.key, row.told, row.currency_id, row.amount = told.key, digest, kind.id, parts
        row.asked_by, row.asked_behind, row.asked_at = str(told.by), str(behind), told.at
        row.save(force_insert=True)
        _tell(row, "propose", told.at, told.by)
        return Proposed(request=_view(_ROWS.get(id=row.id)))


def approve(*, request: int, at: datetime, by: Actor) -> Receipt:
    """Agree, and it is done. Asked again by the same, it gives the first answer.

    Raises `OwnRequest`, `AlreadyDecided`, and `NotEnoughPoints` where they were spent meanwhile, `points.AlreadyOver`
    where the last day has passed meanwhile: then it still waits.
    """
    with transaction.atomic():
        row = _held(request)
        _anothers(row, by)
        if row.state != "approved" or row.decided_by != str(by):
            points.check_last_day(row.expires_on, currency=row.currency.code, at=at)
            _decide(row, "approved", at, by)
        return _done(row, at, by)


def _done(row: Request, at: datetime, by: Actor) -> Receipt:
    deed, currency, key = _deed(row), row.currency.code, f"request:{row.id}"
    if row.heir_id is not None:
        return inheriting.pass_on(customer=row.customer_id, to=row.heir_id, currency=currency, key=key, at=at, by=by)
    if deed.lot is not None:
        return points.reinstate(
            lot=deed.lot,
            amount=row.amount,
            expires_on=row.expires_on,
            currency=currency,
            reason=Reason(deed.why),
            key=key,
            at=at,
            by=by,
        )
    if deed.what == "forgive":
        return points.forgive(
            customer=row.customer_id,
            amount=row.amount,
            currency=currency,
            reason=Reason(deed.why),
            key=key,
            at=at,
            by=by,
        )
    return points.adjust(
        customer=row.customer_id,
        amount=row.amount,
        currency=currency,
        reason=Reason(deed.why),
        expires_on=row.expires_on,
        key=key,
        at=at,
        by=by,
    )


def turn_down(*, request: int, at: datetime, by: Actor) -> RequestView:
    """Do not agree. Raises `OwnRequest` and `AlreadyDecided`."""
    with transaction.atomic():
        row = _held(request)
        _anothers(row, by)
        return _decide(row, "turned_down", at, by)


def withdraw(*, request: int, at: datetime, by: Actor) -> RequestView:
    """Whoever asked does not want it any more. Raises `AlreadyDecided`, and `OwnRequest` of another's."""
    with transaction.atomic():
        row = _held(request)
        if str(by) not in (row.asked_by, row.asked_behind):
            raise OwnRequest(
                _("request: only whoever asked takes it back; turn it down instead"), field="request", value=row.id
            )
        return _decide(row, "withdrawn", at, by)


def waiting(limit: int = 50) -> list[RequestView]:
    """What waits for a second person, the oldest first. One query."""
    return [_view(row) for row in _ROWS.filter(state="waiting").order_by("id")[:limit]]


def count_waiting() -> int:
    """How many wait. One query."""
    return Request.objects.filter(state="waiting").count()


def of_customer(customer: int, limit: int = 20) -> list[RequestView]:
    """What was asked for this member, the latest first. Two queries."""
    records = persons.records_of(persons.of(customer))
    return [_view(row) for row in _ROWS.filter(customer_id__in=records).order_by("-id")[:limit]]


def by_public_id(text: str) -> RequestView:
    """One request by `prq_…`. One query; refused when there is none."""
    row = _ROWS.filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        raise _unknown(text[:40])
    return _view(row)


@dataclass(frozen=True)
class _Deed:
    what: str
    why: str
    lot: int | None = None


def _deed(row: Request) -> _Deed:
    """What is to be done: its `reason` says it before the reason, where it is not to give or to take."""
    *what, why = row.reason.split(":")
    if not what:
        return _Deed("adjust" if row.heir_id is None else "pass_on", why)
    return _Deed(what[0], why, int(what[1]) if what[0] == "reinstate" else None)


def _owed(customer: int, currency: str, at: datetime, amount: int | None) -> int:
    owed = points.balance(customer=customer, currency=currency, at=at).debt
    if not owed or (amount or 0) > owed:
        most = Points(owed, wallets.scale(currency))
        raise BadAmount(
            _("amount: %(most)s is owed; forgive no more than that") % {"most": most},
            field="amount",
            value=amount,
            most=owed,
        )
    return amount or owed


def _ended(mine: AwardView) -> int:
    if not mine.ended:
        raise points.NothingToReverse(
            _("lot: nothing of this award has ended; look at it again"), field="lot", value=mine.lot
        )
    return mine.ended


def _check_later(mine: AwardView, day: date | None, *, than_now: bool = False) -> None:
    """Nobody is left with fewer days by what is to give them more."""
    is_later = day is None or (mine.expires_on is not None and day > mine.expires_on)
    if not is_later and (than_now or day != mine.expires_on):
        words = _("expires_on: they have no end as it is; leave it as it is")
        if mine.expires_on is not None:
            words = _("expires_on: they can be spent until %(day)s as it is; give a later day") % {
                "day": mine.expires_on
            }
        raise NotLater(words, field="expires_on", value=str(day))


def _check_reason(reason: str) -> None:
    if reason not in REASONS:
        raise BadReason(
            _("reason: %(reason)r is none; choose from %(known)s")
            % {"reason": reason[:40], "known": ", ".join(REASONS)},
            field="reason",
            value=reason[:40],
        )


def _check_amount(amount: int) -> None:
    if type(amount) is not int or not 0 < abs(amount) <= books.MOST:
        raise BadAmount(
            _("amount: %(amount)r is no number of points; give a whole number above zero") % {"amount": amount},
            field="amount",
            value=repr(amount)[:40],
        )


def _one_at_a_time(customer: int) -> int:
    """The person, of whom nobody else is adjusted until the transaction ends: two small sums at once are one large."""
    person = persons.held([customer])[customer]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.adjust'), %s::int)", [person % 2**31])
    return person


def _is_there(parts: int, customer: int, currency: str, at: datetime) -> None:
    """So many can be taken now: nobody has to decide about what could not be done."""
    spendable = points.balance(customer=customer, currency=currency, at=at).spendable
    if parts > max(spendable, 0):
        say = account_rows.currency(currency).terms.say
        raise NotEnoughPoints(
            _("amount: %(amount)s points are asked for and %(spendable)s can be spent; ask for less")
            % {"amount": say(parts), "spendable": say(spendable)},
            field="amount",
            value=parts,
            spendable=spendable,
        )


def _lately(person: int, kind: int, at: datetime, hands: Sequence[Actor]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _LATELY,
            {
                "records": list(persons.records_of(person)),
                "currency": kind,
                "since": at - DAY,
                "hands": [str(one) for one in hands],
            },
        )
        [(amount,)] = cursor.fetchall()
    return int(amount)


def _held(request: int) -> Request:
    row = _ROWS.select_for_update(of=("self",)).filter(id=request).first()
    if row is None:
        raise _unknown(str(request))
    return row


def _anothers(row: Request, by: Actor) -> None:
    behind = api_keys.behind(by)
    if behind is None or {str(by), str(behind)} & {row.asked_by, row.asked_behind}:
        raise OwnRequest(
            _("request: you asked for it yourself; somebody else has to decide"), field="request", value=row.id
        )


def _decide(row: Request, state: str, at: datetime, by: Actor) -> RequestView:
    if row.state == state and row.decided_by == str(by):
        return _view(row)
    if row.state != "waiting":
        raise AlreadyDecided(_("request: it is decided already; look at it again"), field="request", value=row.id)
    row.state, row.decided_by, row.decided_at = state, str(by), at
    row.save(update_fields=["state", "decided_by", "decided_at"])
    _tell(row, state, at, by)
    return _view(row)


def _tell(row: Request, verb: str, at: datetime, by: Actor) -> None:
    after = {"request": row.id, "amount": row.amount, "reason": row.reason}
    trail.record(by=by, verb=f"loyalty.adjustments.{verb}", subject=f"customer:{row.customer_id}", at=at, after=after)


def _view(row: Request) -> RequestView:
    deed = _deed(row)
    return RequestView(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        customer=row.customer_id,
        currency=row.currency.code,
        scale=row.currency.scale,
        amount=row.amount,
        reason=deed.why,
        because=reasons.say(Reason(deed.why)),
        expires_on=row.expires_on,
        heir=row.heir_id,
        asked_by=row.asked_by,
        asked_behind=row.asked_behind,
        asked_at=row.asked_at,
        state=row.state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        what=deed.what,
        lot=deed.lot,
    )


def _unknown(shown: str) -> UnknownRequest:
    return UnknownRequest(
        _("request: there is no %(request)s; look it up again") % {"request": shown}, field="request", value=shown
    )


def _nobody_answers(amount: int) -> NobodyAnswers:
    return NobodyAnswers(
        _(
            "amount: more than %(limit)s a day needs a second person, and nobody answers for this key; make one"
            " with `regulars api-key make --for`"
        )
        % {"limit": read(APPROVAL_ABOVE)},
        field="amount",
        value=amount,
    )


def _told_otherwise(key: str) -> KeyUsedOtherwise:
    return KeyUsedOtherwise(
        _("key: %(key)r told something else; give each act its own key") % {"key": key[:40]},
        field="key",
        value=key[:40],
    )
