"""Loyalty → Rewards: what points buy, what waits to be sent or handed over, and what partners are owed for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import people, points_words
from regulars.doors.console.points_words import shown
from regulars.doors.console.site import may, me, page, shop_of
from regulars.facts.customers import customers
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import currencies, redemptions, rewards, tiers, wallets
from regulars.levers.loyalty.redemptions import TakenView
from regulars.levers.loyalty.rewards import RewardView, Terms
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

A_MONTH = timedelta(days=30)
WAITING_SHOWN = 100
CODE_MEND = gettext_lazy("Use small letters, digits and underscores, a letter first.")
NEVER = datetime.max.replace(tzinfo=UTC)
KINDS: Mapping[str, Any] = {
    "goods": gettext_lazy("goods"),
    "coupon": gettext_lazy("coupon"),
    "service": gettext_lazy("service"),
    "experience": gettext_lazy("experience"),
    "charity": gettext_lazy("good cause"),
    "partner": gettext_lazy("of a partner"),
}
HANDED: Mapping[str, Any] = {
    "sent": gettext_lazy("sent to them"),
    "code": gettext_lazy("a code of its pool"),
    "done": gettext_lazy("given or done on the spot"),
}
PER: Mapping[str, Any] = {
    "ever": gettext_lazy("ever"),
    "year": gettext_lazy("in a year"),
    "month": gettext_lazy("in a month"),
    "week": gettext_lazy("in a week"),
    "day": gettext_lazy("in a day"),
}
STATES: Mapping[str, Any] = {
    "reserved": gettext_lazy("waits for us"),
    "issued": gettext_lazy("handed over"),
    "shipped": gettext_lazy("on its way"),
    "used": gettext_lazy("used"),
    "cancelled": gettext_lazy("taken back"),
}
WHY: Mapping[str, Any] = {
    "by_member": gettext_lazy("they changed their mind"),
    "out_of_stock": gettext_lazy("there is none after all"),
    "damaged": gettext_lazy("it was damaged"),
    "correction": gettext_lazy("a mistake of ours"),
    "never_paid": gettext_lazy("the money never came"),
}


@dataclass(frozen=True)
class Shown:
    """A reward as the list shows it."""

    one: RewardView
    title: str
    kind: Any
    price: str
    is_open: bool


class _Sent(forms.Form):
    tracking = forms.RegexField(r"^[A-Za-z0-9._:/-]{1,80}$", required=False)


class _Paid(forms.Form):
    payment = forms.RegexField(r"^[A-Za-z0-9._:/-]{1,80}$")


@dataclass(frozen=True)
class Taken:
    """What somebody took, as the board and their page show it."""

    one: TakenView
    title: str
    who: people.Shown | None
    price: str
    state: Any
    why: Any


def _input(**more: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "input", **more})


def _number(least: int, *, label: Any, required: bool = False, initial: int | None = None) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=required,
        min_value=least,
        max_value=10**12,
        initial=initial,
        widget=forms.NumberInput(attrs={"class": "input", "min": least}),
    )


def _day(label: Any, help_text: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateInput(attrs={"class": "input", "type": "date"}),
    )


def _amount(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=0, max_digits=15, widget=_input(inputmode="decimal")
    )


@dataclass(frozen=True)
class Part:
    """Fields that belong together, under a heading."""

    title: str
    fields: tuple[forms.BoundField, ...]
    is_open: bool


FIRST_PART = "first"
PER_DEFAULT = ("ever",)
PARTS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    FIRST_PART: ("", ("code", "en", "zh", "kind", "handed", "currency", "price", "stock", "seen")),
    "about": (gettext_lazy("More about it"), ("about_en", "about_zh")),
    "whom": (gettext_lazy("For whom, how many and when"), ("from_level", "most", "per", "opens_on", "closes_on")),
    "money": (gettext_lazy("Money and partners"), ("cash", "partner", "owed")),
    "care": (gettext_lazy("Running low and giving back"), ("low_at", "cancel_days")),
}


class About(forms.Form):
    """What a reward is and costs."""

    code = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Small letters, digits and underscores, such as tea_mug. It stays for ever."),
        error_messages={"invalid": CODE_MEND},
        widget=_input(autocapitalize="none", spellcheck="false"),
    )
    en = forms.CharField(label=gettext_lazy("Name in English"), max_length=200, widget=_input())
    zh = forms.CharField(label=gettext_lazy("Name in Chinese"), max_length=200, widget=_input())
    about_en = forms.CharField(
        label=gettext_lazy("More about it, in English"),
        required=False,
        max_length=rewards.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )
    about_zh = forms.CharField(
        label=gettext_lazy("More about it, in Chinese"),
        required=False,
        max_length=rewards.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What it is"), choices=list(KINDS.items()), widget=forms.Select(attrs={"class": "input"})
    )
    handed = forms.ChoiceField(
        label=gettext_lazy("How they get it"),
        choices=list(HANDED.items()),
        widget=forms.Select(attrs={"class": "input"}),
    )
    currency = forms.ChoiceField(label=gettext_lazy("Kind of points"), widget=forms.Select(attrs={"class": "input"}))
    price = forms.DecimalField(
        label=gettext_lazy("Points it costs"), min_value=0, max_digits=15, widget=_input(inputmode="decimal")
    )
    cash = _amount(gettext_lazy("Money on top of the points"))
    from_level = forms.ChoiceField(
        label=gettext_lazy("For whom"), required=False, widget=forms.Select(attrs={"class": "input"})
    )
    stock = _number(0, label=gettext_lazy("How many there are; empty: no end"))
    low_at = _number(0, label=gettext_lazy("Say so when no more are left than"), initial=0)
    most = _number(1, label=gettext_lazy("How many one person may have; empty: any number"))
    per = forms.ChoiceField(
        label=gettext_lazy("That limit counts"),
        choices=list(PER.items()),
        widget=forms.Select(attrs={"class": "input"}),
    )
    opens_on = _day(gettext_lazy("First day"), gettext_lazy("Empty: at once."))
    closes_on = _day(gettext_lazy("Last day it can be taken"), gettext_lazy("Empty: no end."))
    cancel_days = _number(0, label=gettext_lazy("Days in which they may give it back"), initial=0)
    partner = forms.RegexField(
        r"^[a-z][a-z0-9_.-]{0,59}$",
        label=gettext_lazy("Partner"),
        required=False,
        help_text=gettext_lazy("A short code, of whom it is bought."),
        error_messages={"invalid": CODE_MEND},
        widget=_input(autocapitalize="none", spellcheck="false"),
    )
    owed = _amount(gettext_lazy("What the partner gets for each"))
    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput())

    def __init__(self, *told: Any, money: str, view: RewardView | None = None, **more: Any) -> None:
        super().__init__(*told, **more)
        self.before = before = None if view is None else view.terms
        # What a program said in another currency stays in it.
        self.moneys = {
            "cash": before.cash.currency if before is not None and before.cash else money,
            "owed": before.owed.currency if before is not None and before.owed else money,
        }
        self.levels = {f"{view.key}.{level.id}": (view, level) for view in tiers.sets() for level in view.tiers.levels}
        names = {key: _titled(level.titles) for key, (_view, level) in self.levels.items()}
        cast("forms.ChoiceField", self.fields["from_level"]).choices = [
            ("", _("all members")),
            *((key, _("%(level)s and above") % {"level": name}) for key, name in names.items()),
            *((gone, gone) for gone in [before and before.from_level] if gone and gone not in names),
        ]
        currencies_known = [(one.code, _titled(one.titles or {}) or one.code) for one in currencies.listed()]
        cast("forms.ChoiceField", self.fields["currency"]).choices = currencies_known
        if len(currencies_known) == 1:
            self.fields["currency"].widget = forms.HiddenInput()
        codes = [code for code, _title in currencies_known]
        self.fields["currency"].initial = "points" if "points" in codes else next(iter(codes), None)
        for key, name in names.items():
            self.fields[f"price:{key}"] = _amount(_("Points it costs %(level)s and above") % {"level": name})
        for name, currency in self.moneys.items():
            self.fields[name].label = f"{self.fields[name].label}, {currency}"
        if before is not None:
            self.fields["code"].widget.attrs["readonly"] = True
            # It has its own act: what others take or bring in meanwhile is not to be written over.
            del self.fields["stock"]

    def parts(self) -> list["Part"]:
        """The fields as they are read one after the other: what every reward needs, then what some do, folded away
        where nothing is said of it."""
        found = [
            Part(
                "" if told == FIRST_PART else str(words),
                tuple(self[name] for name in names),
                is_open=told == FIRST_PART or any(self[name].errors or self._is_said(name) for name in names),
            )
            for told, (words, every) in PARTS.items()
            for names in [[name for name in every if name in self.fields]]
        ]
        levels = tuple(self[f"price:{key}"] for key in self.levels)
        if levels:
            has_any = any(one.errors or self._is_said(one.name) for one in levels)
            found.insert(2, Part(_("Other prices for some levels"), levels, is_open=has_any))
        return found

    def _is_said(self, name: str) -> bool:
        return self[name].value() not in (None, "", 0, "0", *PER_DEFAULT)

    def terms(self, zone: str) -> Terms:
        """What was told. Raises `Refusal` of amounts finer than their currency."""
        said, scale = self.cleaned_data, wallets.scale(self.cleaned_data["currency"])
        zoned, before = civil.zone(zone), self.before
        opens_at = said["opens_on"] and civil.start_of_day(said["opens_on"], zoned)
        closes_at = said["closes_on"] and civil.start_of_day(said["closes_on"] + timedelta(days=1), zoned)
        if before is not None and _first_day(before.opens_at, zoned) == said["opens_on"]:
            opens_at = before.opens_at
        if before is not None and _last_day(before.closes_at, zoned) == said["closes_on"]:
            closes_at = before.closes_at
        return Terms(
            kind=said["kind"],
            handed=said["handed"],
            titles={"en": said["en"], "zh": said["zh"]},
            about={language: said[f"about_{language}"] for language in ("en", "zh") if said[f"about_{language}"]},
            price=points_words.exact(said["price"], scale),
            currency=said["currency"],
            level_prices={
                key: price
                for key, price in (before.level_prices.items() if before is not None else ())
                if key not in self.levels
            }
            | {
                key: points_words.exact(said[f"price:{key}"], scale)
                for key in self.levels
                if said[f"price:{key}"] is not None
            },
            from_level=said["from_level"],
            cash=_money(said["cash"], self.moneys["cash"]),
            stock=said.get("stock"),
            low_at=said["low_at"] or 0,
            most=said["most"],
            per=said["per"],
            opens_at=opens_at,
            closes_at=closes_at,
            cancel_days=said["cancel_days"] or 0,
            partner=said["partner"],
            owed=_money(said["owed"], self.moneys["owed"]),
        )

    def read_at(self) -> datetime | None:
        """When what was changed here had been changed last; None of a new one."""
        if self.before is None:
            return None
        try:
            return datetime.fromisoformat(self.cleaned_data["seen"]).astimezone(UTC)
        except ValueError:
            return NEVER


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """The catalogue, and what waits for somebody."""
    now, names = timezone.now(), _names()
    waiting = redemptions.waiting(limit=WAITING_SHOWN)
    found = taken_shown([one for several in waiting.values() for one in several])
    many = {state: len(some) for state, some in waiting.items()}
    if any(len(some) == WAITING_SHOWN for some in waiting.values()):
        many |= redemptions.how_many_wait()
    return page(
        request,
        "console/rewards.html",
        title=_("Rewards"),
        rows=[_shown(one, now, names) for one in rewards.every()],
        to_hand=[one for one in found if one.one.state == "reserved" and one.one.pay_until is None],
        unpaid=[one for one in found if one.one.pay_until is not None],
        on_the_way=[one for one in found if one.one.state == "shipped"],
        many_to_hand=many["reserved"],
        many_on_the_way=many["shipped"],
        many_unpaid=many["unpaid"],
        most=WAITING_SHOWN,
        owed=redemptions.settlement(since=now - A_MONTH, until=now),
        why=by_staff(),
        zone=shop_of(request).zone,
        may_manage=may(request, "points.manage"),
        may_hand=may(request, "points.spend"),
    )


@require_safe
@requires("points.manage")
def add(request: HttpRequest) -> HttpResponseBase:
    """A new reward to write."""
    return _form(request, About(money=shop_of(request).currency, initial={"per": "ever"}), None)


@require_safe
@requires("points.read")
def reward(request: HttpRequest, code: str) -> HttpResponseBase:
    """One reward."""
    view = _reward(code)
    shop = shop_of(request)
    return _form(request, About(money=shop.currency, view=view, initial=_initial(view, shop.zone)), view)


@require_POST
@requires("points.manage")
def write(request: HttpRequest) -> HttpResponseBase:
    """Keep what was written of a reward."""
    shop, told = shop_of(request), request.POST.get("code")
    known = next((one for one in rewards.every() if one.code == told), None) if request.POST.get("seen") else None
    form = About(request.POST, money=shop.currency, view=known)
    if form.is_valid():
        try:
            code = form.cleaned_data["code"]
            rewards.put(
                code=code,
                terms=form.terms(shop.zone),
                keeps_stock=known is not None,
                seen=form.read_at(),
                at=clock.now(),
                by=_by(request),
            )
        except Refusal as refused:
            field = str(refused.facts.get("field", ""))
            form.add_error(
                field if field in form.fields else None, refused.message.partition(": ")[2] or refused.message
            )
        else:
            messages.success(request, _("Saved."))
            return redirect("console:reward", code=code)
    return _form(request, form, known, status=422)


@require_POST
@requires("points.manage")
def act(request: HttpRequest, code: str) -> HttpResponseBase:
    """Open or close a reward, stock it up, add codes to its pool."""
    _reward(code)
    now, by = clock.now(), _by(request)
    try:
        match request.POST.get("act"):
            case "open":
                rewards.set_state(code=code, state="open", at=now, by=by)
                messages.success(request, _("Members can take it now."))
            case "close":
                rewards.set_state(code=code, state="closed", at=now, by=by)
                messages.success(request, _("Nobody can take it any more. What was taken stays."))
            case "stock":
                more = forms.IntegerField(min_value=-(10**12), max_value=10**12).clean(request.POST.get("more"))
                key = f"console:{request.POST.get('key', '')[:60]}"
                rewards.stock_up(code=code, more=more, key=key, at=now, by=by)
                messages.success(request, _("Saved."))
            case "count":
                left = forms.IntegerField(min_value=0, max_value=10**12).clean(request.POST.get("left"))
                rewards.set_stock(code=code, left=left, at=now, by=by)
                messages.success(request, _("Saved."))
            case "no_end":
                rewards.set_stock(code=code, left=None, at=now, by=by)
                messages.success(request, _("There is no end of it now."))
            case "codes":
                told = [line for line in request.POST.get("codes", "").splitlines() if line.strip()]
                done = rewards.add_codes(code=code, codes=told, at=now, by=by)
                messages.success(
                    request, _("%(new)s codes are new, %(same)s were there.") % {"new": done.new, "same": done.same}
                )
            case _:
                raise Http404
    except forms.ValidationError as wrong:
        messages.error(request, " ".join(wrong.messages))
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect("console:reward", code=code)


@require_POST
@requires("points.spend")
def go_on(request: HttpRequest, redemption: str) -> HttpResponseBase:
    """What becomes of something that was taken: sent, handed over, used, taken back."""
    now, by = clock.now(), _by(request)
    try:
        number = redemptions.by_public_id(redemption).id
    except Refusal:
        raise Http404 from None
    try:
        match request.POST.get("act"):
            case "ship":
                # Carriers print their numbers with blanks; nothing else belongs there, least of all an address.
                sent = _Sent({"tracking": "".join(request.POST.get("tracking", "").split())})
                if sent.is_valid():
                    redemptions.ship(redemption=number, tracking=sent.cleaned_data["tracking"], at=now, by=by)
                    messages.success(request, _("It is on its way."))
                else:
                    messages.error(request, _("Write the carrier's number: letters and digits, 80 at most."))
            case "pay":
                paid = _Paid(request.POST)
                if paid.is_valid():
                    redemptions.pay(redemption=number, payment=paid.cleaned_data["payment"], at=now, by=by)
                    messages.success(request, _("It is paid, and theirs."))
                else:
                    messages.error(request, _("Write the number of the payment: letters, digits, no blanks."))
            case "hand_over":
                redemptions.hand_over(redemption=number, at=now, by=by)
                messages.success(request, _("It is handed over."))
            case "use":
                redemptions.use(redemption=number, at=now, by=by)
                messages.success(request, _("It has arrived, or was used."))
            case "cancel":
                done = redemptions.cancel(redemption=number, why=request.POST.get("why", ""), at=now, by=by)
                messages.success(request, _("It is taken back, and the points are with their owner again."))
                if done.payment and done.cash is not None:
                    paid_back = {"amount": formats.money(done.cash.minor, done.cash.currency), "payment": done.payment}
                    messages.warning(request, _("Give them back %(amount)s, paid under %(payment)s.") % paid_back)
            case _:
                raise Http404
    except Refusal as refused:
        messages.error(request, refused.message)
    return _back(request)


@require_POST
@requires("points.spend")
def take(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A member takes a reward at the counter or on the telephone, or is given one."""
    is_present = request.POST.get("act") == "give"
    if is_present and not may(request, "points.manage"):
        raise PermissionDenied
    verb = redemptions.give if is_present else redemptions.take
    try:
        who = customers.by_public_id(public_id)
        done = verb(
            customer=who.id,
            reward=request.POST.get("reward", ""),
            key=f"console:{request.POST.get('key', '')[:60]}",
            at=clock.now(),
            by=_by(request),
        )
    except customers.UnknownCustomer:
        raise Http404 from None
    except Refusal as refused:
        messages.error(request, refused.message)
    else:
        code = redemptions.codes([done.id]).get(done.id) if done.issued_at else None
        if done.pay_until is not None and done.cash is not None:
            messages.warning(request, _waits(done.cash, done.pay_until, shop_of(request).zone))
        elif code:
            messages.success(request, _("It is theirs. The code to tell them: %(code)s") % {"code": code})
        else:
            messages.success(request, _("It is theirs."))
    return _back(request)


def taken_shown(found: Sequence[TakenView]) -> list[Taken]:
    """With the people in them. Six queries."""
    who = {one.id: one for one in people.shown(sorted({one.customer for one in found}))} if found else {}
    names = _names() if found else {}
    return [
        Taken(
            one,
            _titled(one.titles),
            who.get(one.customer),
            _named(one.parts, one.scale, names[one.currency]),
            STATES[one.state] if one.pay_until is None else _("waits for money"),
            WHY.get(one.why, ""),
        )
        for one in found
    ]


def within_reach(customer: int, at: datetime) -> list[tuple[str, str, str]]:
    """Code, title and price of what a member can take now."""
    found, names = [], _names()
    for one in redemptions.offers(customer=customer, at=at):
        if one.is_within_reach:
            cash = one.reward.terms.cash
            price = _named(one.price, one.reward.scale, names[one.reward.terms.currency])
            if cash is not None:
                price = f"{price} + {formats.money(cash.minor, cash.currency)}"
            found.append((one.reward.code, _titled(one.reward.terms.titles), price))
    return found


def presents(at: datetime) -> list[tuple[str, str]]:
    """Code and title of what can be given now."""
    return [(one.code, _titled(one.terms.titles)) for one in rewards.every(open_at=at) if one.left != 0]


def _waits(cash: Money, until: datetime, zone: str) -> str:
    told = {"amount": formats.money(cash.minor, cash.currency), "time": formats.instant(until, zone)}
    return _("The points are kept. It is theirs once %(amount)s are paid and written here, by %(time)s.") % told


def by_staff() -> list[tuple[str, Any]]:
    """Why staff take something back, as code and words."""
    return [(code, words) for code, words in WHY.items() if code != "never_paid"]


def _form(request: HttpRequest, form: About, view: RewardView | None, status: int = 200) -> HttpResponseBase:
    return page(
        request,
        "console/reward.html",
        title=_titled(view.terms.titles) if view else _("New reward"),
        status=status,
        form=form,
        one=None if view is None else _shown(view, timezone.now(), _names()),
        key=uuid4().hex,
        may_manage=may(request, "points.manage"),
    )


def _names() -> dict[str, str]:
    """What each kind of points is called."""
    return {one.currency: one.title for one in wallets.kinds()}


def _named(parts: int, scale: int, name: str) -> str:
    return _("%(amount)s %(name)s") % {"amount": shown(parts, scale), "name": name}


def _shown(one: RewardView, at: datetime, names: Mapping[str, str]) -> Shown:
    terms = one.terms
    price = _named(terms.price, one.scale, names[terms.currency])
    return Shown(one, _titled(terms.titles), KINDS[terms.kind], price, one.is_open(at))


def _initial(view: RewardView, zone: str) -> dict[str, Any]:
    terms, scale, zoned = view.terms, view.scale, civil.zone(zone)

    def whole(parts: int) -> Decimal:
        return Decimal(parts).scaleb(-scale)

    return {
        "code": view.code,
        **dict(terms.titles),
        **{f"about_{language}": text for language, text in terms.about.items()},
        "kind": terms.kind,
        "handed": terms.handed,
        "currency": terms.currency,
        "price": whole(terms.price),
        "cash": terms.cash and terms.cash.decimal,
        "from_level": terms.from_level,
        "seen": view.changed_at.isoformat(),
        "low_at": terms.low_at,
        "most": terms.most,
        "per": terms.per,
        "opens_on": _first_day(terms.opens_at, zoned),
        "closes_on": _last_day(terms.closes_at, zoned),
        "cancel_days": terms.cancel_days,
        "partner": terms.partner,
        "owed": terms.owed and terms.owed.decimal,
        **{f"price:{key}": whole(price) for key, price in terms.level_prices.items()},
    }


def _first_day(opens_at: datetime | None, zoned: ZoneInfo) -> date | None:
    return None if opens_at is None else civil.day_of(opens_at, zoned)


def _last_day(closes_at: datetime | None, zoned: ZoneInfo) -> date | None:
    return None if closes_at is None else civil.day_of(closes_at - timedelta(microseconds=1), zoned)


def _titled(titles: Mapping[str, str]) -> str:
    return titles.get("zh" if (get_language() or "").startswith("zh") else "en", "")


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return Money.of(str(amount), currency) if amount else None


def _reward(code: str) -> RewardView:
    try:
        return rewards.get(code)
    except Refusal:
        raise Http404 from None


def _back(request: HttpRequest) -> HttpResponseBase:
    back = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if safe else reverse("console:rewards"))


def _by(request: HttpRequest) -> Actor:
    return operators.actor(me(request))
