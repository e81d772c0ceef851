"""Paid memberships: plans and what people agree to, joining, what becomes of money, resting, changing, leaving."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import key_of
from regulars.doors.api.v1.keys import ApiKey, caller, need
from regulars.doors.api.v1.orders import IdempotencyKey, MaybeIdempotencyKey
from regulars.facts.customers import customers, profiles
from regulars.kit.money import Money
from regulars.levers.loyalty import benefit_words, memberships
from regulars.levers.loyalty.memberships import Consent, MembershipView, PlanView
from regulars.runtime.database import clock

router = Router(tags=["memberships"])

PlanPlace = Annotated[
    str,
    Field(pattern="^[a-z][a-z0-9_]{0,39}[.][a-z][a-z0-9_]{0,39}$", description='A plan as "programme.plan".'),
]
Where = Annotated[
    str,
    Field(
        pattern="^[A-Za-z0-9._:/-]{1,80}$",
        description=f"Where they saw the text and agreed: {', '.join(memberships.PLACES)}; after a colon a number of "
        "yours of that page, till or call. Never personal.",
    ),
]
PaymentNumber = Annotated[
    str, Field(pattern="^[A-Za-z0-9._:/-]{1,80}$", description="The provider's number of the payment.")
]


class PlanBenefitOut(exact.Shown):
    """A benefit that a plan gives, so often in its time; null: as often as they like."""

    benefit: str
    most: int | None


class PaidPlanOut(exact.Shown):
    """A plan: its price for each `months`, its trial, what it gives, and the `terms` to show before anybody joins.
    `join_at`: the page that sells it."""

    plan: str
    title: str
    price: str
    currency: str
    months: int
    trial_days: int
    grace_days: int
    pause_days: int
    refund: Literal["unused", "prorated", "none"]
    switch: Literal["at_once", "at_end"]
    sku: str | None
    join_at: str | None
    benefits: list[PlanBenefitOut]
    terms_version: str
    terms: dict[str, str]


class PlansOut(exact.Shown):
    """Every plan in force."""

    items: list[PaidPlanOut]


class MembershipIn(exact.Told):
    """A plan somebody joins, and what they agreed to: the version of its terms, in which language, where."""

    plan: PlanPlace
    terms: Annotated[str, Field(min_length=1, max_length=20)]
    language: Literal["en", "zh"]
    where: Where


class MembershipPaymentIn(exact.Told):
    """What became of a payment. Told again it counts once. Money that goes back in parts has a number for each part,
    and says `of` which payment it is; `is_part`: it makes up for something, and ends nothing."""

    payment: PaymentNumber
    state: Literal["paid", "failed", "refunded"]
    amount: exact.Amount
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    of: PaymentNumber | None = None
    is_part: bool = False


class MembershipCancelIn(exact.Told):
    """When: at the end of what is paid (of one that rests: once it went on and that is over), or now, with what the
    plan gives back."""

    when: Literal["end", "now"] = "end"


class MembershipPauseIn(exact.Told):
    """For so many days; null: as many as the plan allows."""

    days: Annotated[int, Field(ge=1, le=366)] | None = None


class MembershipConsentOut(exact.Shown):
    """What they agreed to last: `digest` is the SHA-256 of the text in that language."""

    plan: str
    terms: str
    language: str
    where: str
    digest: str
    at: datetime


class MembershipOut(exact.Shown):
    """A membership as it stands. `due` is to be paid before `grace_until`; `next` when the period ends at `until`:
    nothing where it `ends` then or `is_next_paid`. `quote`: paid before `quote_until` it becomes `wants`. `paid` and
    `saved`: by and for them so far. `credit` pays what comes next; `owed` was announced to go back, and nobody told yet
    that it did. `refund_now`: what would go back if it ended now. `may_rest`: for how many days at most."""

    id: str
    customer: str
    plan: str
    title: str
    state: Literal["waiting", "trial", "active", "past_due", "paused", "ended"]
    gives: bool
    currency: str
    price: str
    joined_on: date
    since: date
    until: date
    due: str
    next: str
    is_next_paid: bool
    credit: str
    owed: str
    grace_until: date | None
    ends: bool
    wants: str | None
    quote: str | None
    quote_until: date | None
    may_rest: int
    resumes_on: date | None
    ended_on: date | None
    why_ended: str | None
    paid: str
    saved: str
    refund_now: str
    consent: MembershipConsentOut


class MembershipsOut(exact.Shown):
    """A person's memberships, the latest first."""

    customer: str
    items: list[MembershipOut]


class MembershipStepOut(exact.Shown):
    """What happened on a day, with money that was due, paid or to be given back."""

    kind: str
    on: date
    amount: str | None
    nth: int | None
    why: str | None
    at: datetime


class MembershipStepsOut(exact.Shown):
    """What happened, in order."""

    membership: str
    items: list[MembershipStepOut]


@router.get("/plans", auth=ApiKey("points.read"), response=PlansOut, operation_id="list_plans")
def get_plans(request: HttpRequest) -> PlansOut:
    """The plans of every programme in force, with the terms people have to see."""
    return PlansOut(items=[_plan(one) for one in memberships.plans(at=clock.now())])


@router.get(
    "/customers/{customer}/memberships",
    auth=ApiKey("points.read"),
    response=MembershipsOut,
    operation_id="list_memberships",
)
def get_memberships(request: HttpRequest, customer: str) -> MembershipsOut:
    """A person's memberships, those that ended too."""
    who = customers.by_public_id(customer)
    found = memberships.of(customer=who.id, at=clock.now())
    return MembershipsOut(customer=who.public_id, items=[_shown(one) for one in found])


@router.post(
    "/customers/{customer}/memberships",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="join_plan",
)
def join(request: HttpRequest, customer: str, body: MembershipIn, idempotency_key: IdempotencyKey) -> MembershipOut:
    """Join a plan: its trial begins, once in a life, or it waits for the first payment."""
    who = customers.by_public_id(customer)
    return _shown(
        memberships.join(
            customer=who.id,
            plan=body.plan,
            consent=Consent(body.terms, body.language, body.where),
            key=key_of(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.get(
    "/memberships/{membership}", auth=ApiKey("points.read"), response=MembershipOut, operation_id="get_membership"
)
def get_membership(request: HttpRequest, membership: str) -> MembershipOut:
    """How it stands now."""
    return _shown(memberships.by_public_id(membership, at=clock.now()))


@router.get(
    "/memberships/{membership}/steps",
    auth=ApiKey("points.read"),
    response=MembershipStepsOut,
    operation_id="list_membership_steps",
)
def get_steps(request: HttpRequest, membership: str) -> MembershipStepsOut:
    """What happened to it, in order."""
    found = memberships.by_public_id(membership, at=clock.now())
    return MembershipStepsOut(
        membership=found.public_id,
        items=[
            MembershipStepOut(
                kind=one.kind,
                on=one.on,
                amount=str(one.money.decimal) if one.money else None,
                nth=one.nth or None,
                why=one.why or None,
                at=one.at,
            )
            for one in memberships.history(found.id)
        ],
    )


@router.post(
    "/memberships/{membership}/payments",
    auth=ApiKey("memberships.money"),
    response=MembershipOut,
    operation_id="tell_membership_payment",
)
def tell_payment(request: HttpRequest, membership: str, body: MembershipPaymentIn) -> MembershipOut:
    """Paid, failed or refunded, as the provider says. The same again changes nothing."""
    found, now = memberships.by_public_id(membership, at=clock.now()), clock.now()
    money = Money.of(body.amount, body.currency)
    return _shown(
        memberships.tell_payment(
            membership=found.id,
            payment=body.payment,
            state=body.state,
            money=money,
            of=body.of or "",
            is_part=body.is_part,
            at=now,
            by=caller(request),
        )
    )


@router.post(
    "/memberships/{membership}/cancel",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="cancel_membership",
)
def cancel(
    request: HttpRequest,
    membership: str,
    body: MembershipCancelIn | None = None,
    idempotency_key: MaybeIdempotencyKey = None,
) -> MembershipOut:
    """They leave, when what is paid is over, or now. One call, whoever joined however. What is not paid ends at once.

    Now, with what the plan gives back, takes the right to money of memberships, `memberships.money`, too.
    """
    at_once = body is not None and body.when == "now"
    if at_once:
        need(request, "memberships.money")
    found = memberships.by_public_id(membership, at=clock.now())
    return _shown(
        memberships.cancel(
            membership=found.id,
            at_once=at_once,
            key=_key(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.post(
    "/memberships/{membership}/keep",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="keep_membership",
)
def keep(request: HttpRequest, membership: str, idempotency_key: MaybeIdempotencyKey = None) -> MembershipOut:
    """They stay after all."""
    return _done(memberships.keep, request, membership, idempotency_key)


@router.post(
    "/memberships/{membership}/pause",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="pause_membership",
)
def pause(
    request: HttpRequest,
    membership: str,
    body: MembershipPauseIn | None = None,
    idempotency_key: MaybeIdempotencyKey = None,
) -> MembershipOut:
    """It rests with the days that are left, and goes on by itself."""
    found = memberships.by_public_id(membership, at=clock.now())
    days = body.days if body is not None else None
    key = _key(request, idempotency_key)
    return _shown(memberships.pause(membership=found.id, days=days, key=key, at=clock.now(), by=caller(request)))


@router.post(
    "/memberships/{membership}/resume",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="resume_membership",
)
def resume(request: HttpRequest, membership: str, idempotency_key: MaybeIdempotencyKey = None) -> MembershipOut:
    """It goes on now."""
    return _done(memberships.resume, request, membership, idempotency_key)


@router.post(
    "/memberships/{membership}/switch",
    auth=ApiKey("points.spend"),
    response=MembershipOut,
    operation_id="switch_membership",
)
def switch(
    request: HttpRequest, membership: str, body: MembershipIn, idempotency_key: MaybeIdempotencyKey = None
) -> MembershipOut:
    """They want another plan, whose terms they agreed to. What it costs at once is `quote`, due within two days."""
    found = memberships.by_public_id(membership, at=clock.now())
    return _shown(
        memberships.switch(
            membership=found.id,
            plan=body.plan,
            consent=Consent(body.terms, body.language, body.where),
            key=_key(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


def _done(verb: Callable[..., MembershipView], request: HttpRequest, membership: str, key: str | None) -> MembershipOut:
    found = memberships.by_public_id(membership, at=clock.now())
    return _shown(verb(membership=found.id, key=_key(request, key), at=clock.now(), by=caller(request)))


def _key(request: HttpRequest, told: str | None) -> str:
    return "" if told is None else key_of(request, told)


def _plan(view: PlanView) -> PaidPlanOut:
    one = view.plan
    return PaidPlanOut(
        plan=view.key,
        title=benefit_words.title(one.titles),
        price=str(Money(one.price_minor, view.money).decimal),
        currency=view.money,
        months=one.months,
        trial_days=one.trial_days,
        grace_days=one.grace_days,
        pause_days=one.pause_days,
        refund=one.refund,
        switch=one.switch,
        sku=one.sku or None,
        join_at=one.join_at or None,
        benefits=[PlanBenefitOut(benefit=each.benefit, most=each.most) for each in one.benefits],
        terms_version=one.version,
        terms=dict(one.terms),
    )


def _shown(one: MembershipView) -> MembershipOut:
    back = memberships.refundable(membership=one.id, at=clock.now())
    return MembershipOut(
        id=one.public_id,
        customer=profiles.public_ids([one.customer])[one.customer],
        plan=f"{one.programme}.{one.plan}",
        title=benefit_words.title(one.titles),
        state=one.state,
        gives=one.gives,
        currency=one.currency,
        price=str(one.price.decimal),
        joined_on=one.joined_on,
        since=one.since,
        until=one.until,
        due=str(one.due.decimal),
        next=str(one.next.decimal),
        is_next_paid=one.is_next_paid,
        credit=str(one.credit.decimal),
        owed=str(one.owed.decimal),
        grace_until=one.grace_until,
        ends=one.ends,
        wants=one.wants or None,
        quote=str(one.quote.decimal) if one.quote is not None else None,
        quote_until=one.quote_until,
        may_rest=one.may_rest,
        resumes_on=one.resumes_on,
        ended_on=one.ended_on,
        why_ended=one.why_ended or None,
        paid=str(one.meter.paid.decimal),
        saved=str(one.meter.saved.decimal),
        refund_now=str(back.decimal),
        consent=MembershipConsentOut(
            plan=one.agreed.plan,
            terms=one.agreed.to.version,
            language=one.agreed.to.language,
            where=one.agreed.to.where,
            digest=one.agreed.digest,
            at=one.agreed.at,
        ),
    )
