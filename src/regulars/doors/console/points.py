"""Points of a member: what they have and until when, every entry with its reason, and points given or taken by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.validators import MaxValueValidator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, people, points_words, refused, rewards
from regulars.doors.console.points_words import shown, signed
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.commerce import orders
from regulars.facts.customers import customers, persons
from regulars.facts.customers.customers import Customer
from regulars.kit.actors import Actor
from regulars.kit.paging import BadCursor
from regulars.kit.points import Points
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    adjustments,
    earlier,
    explaining,
    freezes,
    freezing,
    inheriting,
    ledger_seen,
    points,
    reasons,
    redemptions,
    wallets,
)
from regulars.levers.loyalty.adjustments import Proposed, RequestView
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.wallets import LotView, Wallet
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.preferences.preferences import read
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN, DATES_ON_CARD, LOTS_SHOWN, EARLIER_SHOWN, REWARDS_SHOWN = 25, 3, 100, 10, 20
BECAME = {
    "earned": gettext_lazy("earned"),
    "spent": gettext_lazy("spent"),
    "ended": gettext_lazy("ended unspent"),
    "changed": gettext_lazy("changed"),
}
#: What is asked for, where it is not said by its sign.
ASKED_FOR = {
    "forgive": gettext_lazy("forgive what is owed"),
    "reinstate": gettext_lazy("make valid again"),
}
_MOST_DIGITS = 15
#: As far as the API takes days.
LAST_DAY = date(2199, 12, 31)


@dataclass(frozen=True)
class Ends:
    """Points that are gone after a day, or stay where it is None."""

    on: date | None
    amount: str
    pending: str


@dataclass(frozen=True)
class ToCome:
    """Points that can be spent from a moment on; None: when something has happened."""

    at: datetime | None
    amount: str


@dataclass(frozen=True)
class Shown:
    """A wallet as people read it."""

    wallet: Wallet
    available: str
    pending: str
    held: str
    debt: str
    spendable: str
    ends: tuple[Ends, ...] = ()
    to_come: tuple[ToCome, ...] = ()


@dataclass(frozen=True)
class Lot:
    """What is left of an award."""

    lot: LotView
    left: str
    original: str
    parts: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Asked:
    """A request that waits or waited. `is_mine`: whoever looks asked for it."""

    one: RequestView
    amount: str
    what: str
    who: people.Shown | None
    asked_by: str
    decided_by: str
    is_mine: bool
    heir: people.Shown | None = None


@dataclass(frozen=True)
class Before:
    """What became of somebody's points in the system used before."""

    lines: Sequence[tuple[earlier.Line, Any, str]]
    sums: Sequence[tuple[Any, str]]
    balance: str
    first_at: datetime
    last_at: datetime
    next: str | None
    is_later: bool


def _amount(scale: int) -> forms.DecimalField:
    least = Decimal(1).scaleb(-scale)
    return forms.DecimalField(
        label=gettext_lazy("How many"),
        max_digits=_MOST_DIGITS,
        decimal_places=scale,
        min_value=least,
        widget=forms.NumberInput(attrs={"class": "input", "min": str(least), "step": str(least)}),
    )


def _why() -> list[tuple[str, str]]:
    return [("", _("choose a reason")), *((code, reasons.say(Reason(code))) for code in adjustments.REASONS)]


class ByHand(forms.Form):
    """Points to give or to take."""

    direction = forms.ChoiceField(
        label=gettext_lazy("Give or take"),
        choices=[("give", gettext_lazy("give")), ("take", gettext_lazy("take away"))],
        widget=forms.Select(attrs={"class": "input"}),
    )
    amount = forms.DecimalField(label=gettext_lazy("How many"), max_digits=_MOST_DIGITS)
    reason = forms.ChoiceField(label=gettext_lazy("Why"), widget=forms.Select(attrs={"class": "input"}))
    expires_on = forms.DateField(
        label=gettext_lazy("Last day they can be spent"),
        required=False,
        help_text=gettext_lazy("Of points that are given. Empty: they stay."),
        widget=forms.DateInput(attrs={"class": "input", "type": "date"}),
        validators=[MaxValueValidator(LAST_DAY)],
    )
    key = forms.CharField(max_length=36, widget=forms.HiddenInput)

    def __init__(self, *told: Any, scale: int, **more: Any) -> None:
        super().__init__(*told, **more)
        self.fields["amount"] = _amount(scale)
        self.fields["reason"].choices = _why()  # type: ignore[attr-defined]  # a ChoiceField has them


class Forgiving(forms.Form):
    """How much of a debt is forgiven."""

    amount = forms.DecimalField(label=gettext_lazy("How many"))
    reason = forms.ChoiceField(label=gettext_lazy("Why"), widget=forms.Select(attrs={"class": "input"}))
    key = forms.CharField(max_length=36, widget=forms.HiddenInput)

    def __init__(self, told: Any = None, *, scale: int, **more: Any) -> None:
        super().__init__(told, auto_id="forgive-%s", **more)
        self.fields["amount"] = _amount(scale)
        self.fields["reason"].choices = _why()  # type: ignore[attr-defined]  # a ChoiceField has them


class MoreTime(forms.Form):
    """An award of theirs, and another last day."""

    award = forms.ChoiceField(label=gettext_lazy("Which points"), widget=forms.Select(attrs={"class": "input"}))
    until = forms.DateField(
        label=gettext_lazy("New last day"),
        required=False,
        help_text=gettext_lazy("Empty: they stay."),
        widget=forms.DateInput(attrs={"class": "input", "type": "date"}),
        validators=[MaxValueValidator(LAST_DAY)],
    )
    reason = forms.ChoiceField(label=gettext_lazy("Why"), widget=forms.Select(attrs={"class": "input"}))
    key = forms.CharField(max_length=36, widget=forms.HiddenInput)

    def __init__(self, told: Any = None, *, awards: Sequence[Any], **more: Any) -> None:
        super().__init__(told, auto_id="longer-%s", **more)
        self.fields["award"].choices = [("", _("choose the points")), *awards]  # type: ignore[attr-defined]  # as above
        self.fields["reason"].choices = _why()  # type: ignore[attr-defined]  # as above


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page."""
    who = _found(public_id)
    found = [one for one in _wallets(who.id, timezone.now()) if one.wallet.is_open]
    waiting = sum(one.state == "waiting" for one in adjustments.of_customer(who.id))
    return fragment(
        request,
        "console/member_points_card.html",
        who=who,
        wallets=found,
        waiting=waiting,
        zone=shop_of(request).zone,
    )


@require_safe
@requires("points.read")
def member_points(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """All of a member's points of one kind."""
    who = _found(public_id)
    if who.public_id != public_id:
        return redirect("console:member-points", public_id=who.public_id)  # a joined record: ids are for ever
    return _page(request, who)


@require_safe
@requires("points.read")
def explained(request: HttpRequest, entry: str) -> HttpResponseBase:
    """What an entry moved of which award, when it is unfolded."""
    try:
        told = points.explain(entry=wallets.entry(entry).number)
    except Refusal:
        raise Http404 from None
    assert told is not None
    scale = wallets.scale(wallets.entry(entry).currency)
    came = explaining.came_of({move.lot for move in told.moved})
    called = orders.called(one.order for one in came.values() if one.order is not None)
    moved = [
        {
            "move": move,
            "came": came.get(move.lot),
            "order": called.get(came[move.lot].order or 0) if move.lot in came else None,
            # What gave it says why in its own line.
            "is_own": told.line.kind in ("award", "adjust"),
            "amount": shown(move.amount, scale),
            "from": points_words.book(move.from_book),
            "to": points_words.book(move.to_book),
        }
        for move in told.moved
    ]
    return fragment(request, "console/points_moved.html", moved=moved, line=told.line, zone=shop_of(request).zone)


@require_POST
@requires("points.manage")
def adjust(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Give points or take some, by hand."""
    who = _found(public_id)
    currency, scale = _kind(request)
    form = ByHand(request.POST, scale=scale)
    if not form.is_valid():
        return _page(request, who, form, status=422)
    said = form.cleaned_data
    parts = points_words.exact(said["amount"], scale)
    give = said["direction"] == "give"
    now = clock.now()
    try:
        points.check_last_day(said["expires_on"] if give else None, currency=currency, at=now)
    except points.AlreadyOver:
        form.add_error("expires_on", _("That day is over."))
        return _page(request, who, form, status=422)
    try:
        came = adjustments.propose(
            customer=who.id,
            amount=parts if give else -parts,
            currency=currency,
            reason=said["reason"],
            expires_on=said["expires_on"] if give else None,
            key=f"console:{me(request)}:{said['key']}",
            at=clock.now(),
            by=_by(request),
        )
    except Refusal as refusal:
        form.add_error(None, refused.words(refusal))
        return _page(request, who, form, status=422)
    return _came(request, came, who, currency)


@require_POST
@requires("points.manage")
def forgive(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Forgive what a member owes, or some of it."""
    who = _found(public_id)
    currency, scale = _kind(request)
    form = Forgiving(request.POST, scale=scale)
    if not form.is_valid():
        return _page(request, who, forgiving=form, status=422)
    try:
        came = adjustments.propose_to_forgive(
            customer=who.id,
            amount=points_words.exact(form.cleaned_data["amount"], scale),
            currency=currency,
            reason=form.cleaned_data["reason"],
            key=f"console:{me(request)}:{form.cleaned_data['key']}",
            at=clock.now(),
            by=_by(request),
        )
    except Refusal as refusal:
        form.add_error(None, refused.words(refusal))
        return _page(request, who, forgiving=form, status=422)
    return _came(request, came, who, currency)


@require_POST
@requires("points.manage")
def give_time(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Give an award another last day, or make valid again what ended of one."""
    who, now, by = _found(public_id), clock.now(), _by(request)
    currency, scale = _kind(request)
    form = MoreTime(request.POST, awards=_awards(who.id, currency, scale, now, told=request.POST.get("award", "")))
    if not form.is_valid():
        return _page(request, who, longer=form, status=422)
    said, key = form.cleaned_data, f"console:{me(request)}:{form.cleaned_data['key']}"
    verb, _colon, lot = said["award"].partition(":")
    what = {"customer": who.id, "lot": int(lot), "expires_on": said["until"], "reason": said["reason"]}
    try:
        points.check_last_day(said["until"], currency=currency, at=now)
        if verb == "extend":
            came = Proposed(adjustments.prolong(**what, currency=currency, key=key, at=now, by=by))
        else:
            came = adjustments.propose_to_reinstate(**what, currency=currency, key=key, at=now, by=by)
    except (points.AlreadyOver, adjustments.NotLater) as refusal:
        form.add_error("until", refusal.message.partition(": ")[2])
        return _page(request, who, longer=form, status=422)
    except Refusal as refusal:
        form.add_error(None, refused.words(refusal))
        return _page(request, who, longer=form, status=422)
    return _came(request, came, who, currency)


def _came(request: HttpRequest, came: Proposed, who: Customer, currency: str) -> HttpResponseBase:
    if came.done:
        messages.success(request, _("It is done."))
    else:
        messages.success(
            request,
            _("More than %(limit)s in a day: it waits until somebody else agrees.")
            % {"limit": formats.number(read(adjustments.APPROVAL_ABOVE))},
        )
    return _back(who, currency)


def _awards(customer: int, currency: str, scale: int, at: datetime, *, told: str = "") -> list[tuple[str, Any]]:
    """What can be given another day, as a form offers it: what ends, and what has ended. `told` is one that was chosen
    before and may be neither by now."""
    ending = [
        (f"extend:{one.id}", _until(one.available + one.pending + one.held, one.expires_on, scale))
        for one in wallets.lots(customer=customer, currency=currency, at=at, limit=LOTS_SHOWN)
        if one.expires_on is not None and one.available + one.pending + one.held
    ]
    ended = [
        (f"reinstate:{one.lot}", _until(one.ended, one.expires_on, scale))
        for one in wallets.ended(customer=customer, currency=currency, at=at, limit=LOTS_SHOWN)
    ]
    found: list[tuple[str, Any]] = []
    if ending:
        found.append((_("Points that end"), ending))
    if ended:
        found.append((_("Points that have ended"), ended))
    verb, _colon, lot = told.partition(":")
    if verb in ("extend", "reinstate") and lot.isdecimal() and told not in dict(ending + ended):
        found.append((told, told))
    return found


def _until(parts: int, day: date | None, scale: int) -> str:
    words = _("until %(day)s") % {"day": formats.day(day)} if day is not None else _("without an end")
    return f"{shown(parts, scale)} · {words}"


@require_POST
@requires("points.manage")
def freeze(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Freeze a member's points of every kind, or let them go on."""
    who, key = _found(public_id), f"console:{me(request)}:{request.POST.get('key', '')[:36]}"
    currency, _scale = _kind(request)
    now, by = clock.now(), _by(request)
    try:
        if request.POST.get("act") == "thaw":
            freezing.thaw(customer=who.id, key=key, at=now, by=by)
            messages.success(request, _("They go on, with the days left that they had."))
        else:
            freezing.freeze(customer=who.id, why=request.POST.get("why", ""), key=key, at=now, by=by)
            messages.success(request, _("Their points are frozen. Nothing ends meanwhile."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return _back(who, currency)


@require_POST
@requires("points.manage")
def pass_on(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Pass a member's points on to an heir, or take back what was passed on."""
    who, now, by = _found(public_id), clock.now(), _by(request)
    currency, _scale = _kind(request)
    try:
        if entry := request.POST.get("entry"):
            inheriting.pass_back(entry=wallets.entry(entry).number, at=now, by=by)
            messages.success(request, _("It is taken back."))
        else:
            came = adjustments.propose_to_pass_on(
                customer=who.id,
                to=customers.by_public_id(request.POST.get("to", "").strip()).id,
                currency=currency,
                key=f"console:{me(request)}:{request.POST.get('key', '')[:36]}",
                at=now,
                by=by,
            )
            messages.success(request, _("It is done.") if came.done else _("It waits until somebody else agrees."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return _back(who, currency)


@require_POST
@requires("points.manage")
def decide(request: HttpRequest, asked: str) -> HttpResponseBase:
    """Approve a request, turn it down, or take one's own back."""
    try:
        one = adjustments.by_public_id(asked)
    except Refusal:
        raise Http404 from None
    now, by = clock.now(), _by(request)
    try:
        match request.POST.get("act"):
            case "approve":
                adjustments.approve(request=one.id, at=now, by=by)
                messages.success(request, _("It is approved and done."))
            case "turn_down":
                adjustments.turn_down(request=one.id, at=now, by=by)
                messages.success(request, _("It is turned down."))
            case "withdraw":
                adjustments.withdraw(request=one.id, at=now, by=by)
                messages.success(request, _("It is taken back."))
            case _:
                raise Http404
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("console:ledger")


def asked_for(request: HttpRequest, found: list[RequestView]) -> list[Asked]:
    """Requests with the people in them."""
    names = actors.told({one.asked_by for one in found} | {one.decided_by for one in found if one.decided_by})
    who = named([one.customer for one in found] + [one.heir for one in found if one.heir is not None])
    mine = str(_by(request))
    return [
        Asked(
            one,
            signed(one.amount, one.scale),
            str(ASKED_FOR.get(one.what, "")),
            who.get(one.customer),
            names[one.asked_by],
            names.get(one.decided_by, ""),
            mine in (one.asked_by, one.asked_behind),
            None if one.heir is None else who.get(one.heir),
        )
        for one in found
    ]


def named(records: Sequence[int]) -> dict[int, people.Shown]:
    """Whom records belong to, by the record's number. Five queries."""
    person_of = persons.of_many(records)
    shown_ones = {person.id: person for person in people.shown(sorted(set(person_of.values())))}
    return {record: shown_ones[person] for record, person in person_of.items() if person in shown_ones}


def _kind(request: HttpRequest) -> tuple[str, int]:
    """The kind of points that a form is about, and its decimals."""
    currency = request.POST.get("of", "points")
    try:
        return currency, wallets.scale(currency)
    except Refusal:
        raise Http404 from None


def _back(who: Customer, currency: str) -> HttpResponseBase:
    """To their points of that kind."""
    there = reverse("console:member-points", args=[who.public_id])
    return redirect(there if currency == "points" else f"{there}?{urlencode({'of': currency})}")


def _page(
    request: HttpRequest,
    who: Customer,
    form: ByHand | None = None,
    *,
    forgiving: Forgiving | None = None,
    longer: MoreTime | None = None,
    status: int = 200,
) -> HttpResponseBase:
    now = timezone.now()
    all_of = wallets.of(customer=who.id, at=now)
    wanted = request.POST.get("of") or request.GET.get("of") or "points"
    chosen = next((one for one in all_of if one.currency == wanted), None)
    if chosen is None:
        raise Http404
    scale, after = chosen.scale, request.GET.get("after") or None
    try:
        lines = points.statement(customer=who.id, currency=chosen.currency, cursor=after, limit=SHOWN)
    except BadCursor:
        after, lines = None, points.statement(customer=who.id, currency=chosen.currency, limit=SHOWN)
    open_ones = wallets.lots(customer=who.id, currency=chosen.currency, at=now, limit=LOTS_SHOWN + 1)
    [person] = people.shown([who.id])
    by_hand = may(request, "points.manage") and chosen.frozen_at is None
    if by_hand and forgiving is None and chosen.balance.debt:
        owed = Points(chosen.balance.debt, scale).decimal
        forgiving = Forgiving(scale=scale, initial={"key": str(uuid4()), "amount": owed})
    if by_hand and longer is None and (awards := _awards(who.id, chosen.currency, scale, now)):
        longer = MoreTime(awards=awards, initial={"key": str(uuid4())})
    passed = inheriting.passed(customer=who.id, currency=chosen.currency)
    heirs = named([one.to for one in passed]) if passed else {}
    return page(
        request,
        "console/member_points.html",
        title=_("Points"),
        status=status,
        who=who,
        name=person.name,
        one=_shown(who.id, chosen, now),
        others=[one for one in all_of if one.is_open or one.currency == chosen.currency],
        lines=_together(points_words.told(lines.items, scale)),
        next=lines.next,
        is_later=after is not None,
        lots=[_lot(one, scale) for one in open_ones[:LOTS_SHOWN]],
        has_more_lots=len(open_ones) > LOTS_SHOWN,
        holds=[
            (one, shown(one.open, scale), shown(one.amount, scale))
            for one in wallets.holds(customer=who.id, currency=chosen.currency, at=now)
        ],
        asked=asked_for(request, [one for one in adjustments.of_customer(who.id) if one.currency == chosen.currency]),
        before=_before(request, who.id, chosen),
        rewards_taken=rewards.taken_shown(redemptions.of_customer(who.id, limit=REWARDS_SHOWN)),
        within_reach=rewards.within_reach(who.id, now)
        if may(request, "points.spend") and chosen.frozen_at is None
        else [],
        presents=rewards.presents(now) if may(request, "points.manage") else [],
        why=rewards.by_staff(),
        reward_key=uuid4().hex,
        may_hand=may(request, "points.spend"),
        forgiving=forgiving,
        longer=longer,
        form=form or ByHand(scale=scale, initial={"key": str(uuid4())}),
        limit=formats.number(read(adjustments.APPROVAL_ABOVE)),
        may_manage=may(request, "points.manage"),
        frozen_for=freezes.said(chosen.frozen_for) if chosen.frozen_for else "",
        found=_found_wrong(who.id, chosen),
        freezes=freezes.choices(),
        freeze_key=str(uuid4()),
        passed=[(one, heirs.get(one.to), shown(one.amount, scale)) for one in passed],
        code=chosen.currency,
        may_pass_on=inheriting.is_allowed(chosen.currency, now),
        here=request.path,
    )


def _together(entries: Sequence[points_words.Told]) -> list[tuple[list[points_words.Told], people.Shown | None]]:
    """As `points_words.together`, each with whom it went to or came from."""
    others = {one.line.id: other for one in entries if isinstance(other := one.line.reason.arguments.get("other"), int)}
    names = named(list(others.values())) if others else {}
    return [(some, names.get(others.get(some[0].line.id, 0))) for some in points_words.together(entries)]


def _found_wrong(customer: int, chosen: Wallet) -> ledger_seen.Frozen | None:
    """What the doctor found at an account that it froze."""
    if chosen.frozen_at is None or chosen.frozen_for:
        return None
    there = ledger_seen.frozen(person=persons.of(customer))
    return next((one for one in there if one.currency == chosen.currency), None)


def _before(request: HttpRequest, customer: int, chosen: Wallet) -> Before | None:
    added = earlier.sums(customer=customer, currency=chosen.currency)
    if added is None:
        return None
    after = request.GET.get("before") or None
    try:
        found = earlier.lines(customer=customer, currency=chosen.currency, cursor=after, limit=EARLIER_SHOWN)
    except BadCursor:
        after, found = None, earlier.lines(customer=customer, currency=chosen.currency, limit=EARLIER_SHOWN)
    return Before(
        lines=[(line, BECAME[line.kind], signed(line.amount, chosen.scale)) for line in found.items],
        sums=[(BECAME[kind], signed(added.amounts[kind], chosen.scale)) for kind in BECAME if kind in added.amounts],
        balance=shown(added.balance, chosen.scale),
        first_at=added.first_at,
        last_at=added.last_at,
        next=found.next,
        is_later=after is not None,
    )


def _wallets(customer: int, at: datetime) -> list[Shown]:
    return [_shown(customer, one, at) for one in wallets.of(customer=customer, at=at)]


def _shown(customer: int, one: Wallet, at: datetime) -> Shown:
    stands, scale = one.balance, one.scale
    ends, waiting = [], dict[datetime | None, int]()
    if one.is_open:
        ends = points.expiring(customer=customer, currency=one.currency, at=at)
    if stands.pending:
        for lot in wallets.lots(customer=customer, currency=one.currency, at=at):
            if lot.pending:
                waiting[lot.matures_at] = waiting.get(lot.matures_at, 0) + lot.pending
    in_order = sorted(waiting.items(), key=lambda told: (told[0] is None, told[0] or at))
    return Shown(
        wallet=one,
        available=shown(stands.available, scale),
        pending=shown(stands.pending, scale),
        held=shown(stands.held, scale),
        debt=shown(stands.debt, scale),
        spendable=shown(stands.spendable, scale),
        ends=tuple(
            Ends(day.on, shown(day.available, scale), shown(day.pending, scale) if day.pending else "") for day in ends
        ),
        to_come=tuple(ToCome(moment, shown(amount, scale)) for moment, amount in in_order),
    )


def _lot(one: LotView, scale: int) -> Lot:
    parts = [
        f"{shown(amount, scale)} {words}"
        for amount, words in (
            (one.available, _("available")),
            (one.pending, _("pending")),
            (one.held, _("kept")),
            (one.owed, _("owed")),
        )
        if amount
    ]
    source = one.partner or points_words.book(one.funding)
    return Lot(
        one, shown(one.available + one.pending + one.held, scale), shown(one.original, scale), tuple(parts), source
    )


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _by(request: HttpRequest) -> Actor:
    return operators.actor(me(request))
