"""What happened to a membership is kept and told of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from regulars.kit.actors import SYSTEM, Actor
from regulars.levers.loyalty._memberships import state
from regulars.levers.loyalty._memberships.rows import Membership as Row
from regulars.levers.loyalty._memberships.rows import MembershipConsent, MembershipStep
from regulars.levers.loyalty._memberships.values import Consent, PlanView
from regulars.levers.loyalty.notices import (
    MembershipBegan,
    MembershipChanged,
    MembershipEnded,
    MembershipPaymentDue,
    MembershipRefundDue,
    MembershipRenewsSoon,
)
from regulars.levers.loyalty.rules.membership_steps import Membership, Step
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce


def written(
    row: Row,
    one: Membership,
    at: datetime,
    by: Actor,
    *,
    clock: Sequence[Step] = (),
    versions: Mapping[str, int] | None = None,
    payment: str = "",
) -> Membership:
    """Keep how it stands and what happened, and tell of it: what the `clock` did before is nobody's doing."""
    if clock or one.steps:
        currency = state.says(row).money
        state.put(row, one, dict(versions or {}))
        row.save()
        tell(row, clock, currency, at, SYSTEM)
        tell(row, one.steps, currency, at, by, payment=payment)
    return replace(one, steps=())


def tell(row: Row, steps: Sequence[Step], currency: str, at: datetime, by: Actor, *, payment: str = "") -> None:
    """Steps that are added to what happened, each with its notice."""
    MembershipStep.objects.bulk_create(
        [
            MembershipStep(membership=row, kind=s.kind, on=s.on, minor=s.minor, nth=s.nth, why=s.why, at=at, by=str(by))
            for s in steps
        ]
    )
    for s in steps:
        after: dict[str, object] = {"membership": row.id, "state": row.state, "on": s.on.isoformat()}
        if s.minor:
            after |= {"minor": s.minor, "currency": currency}
        if payment:
            after["payment"] = payment
        verb = f"loyalty.memberships.{s.kind}"
        announce(_notice(row, s, f"{row.programme.code}.{row.plan}", currency, at), by=by, verb=verb, after=after)


def _notice(row: Row, s: Step, plan: str, currency: str, at: datetime) -> Notice:
    of = partial(_with, at=at, customer=row.record_id, membership=row.id, plan=plan, on=s.on)
    if s.kind == "due" or (s.kind == "switch_asked" and s.minor):
        return of(MembershipPaymentDue, minor=s.minor, currency=currency, nth=s.nth)
    if s.kind == "reminded":
        return of(MembershipRenewsSoon, minor=s.minor, currency=currency)
    if s.kind == "refunded" and s.why != "told":
        return of(MembershipRefundDue, minor=s.minor, currency=currency, why=s.why)
    if s.kind == "ended":
        return of(MembershipEnded, why=s.why)
    return of(MembershipBegan if s.kind in ("joined", "began", "renewed") else MembershipChanged, what=s.kind)


def _with(kind: type[Notice], **told: Any) -> Notice:
    return kind(**told)


def agreed(row: Row, view: PlanView, consent: Consent, at: datetime, by: Actor) -> None:
    """The evidence that they agreed."""
    MembershipConsent.objects.create(
        membership=row,
        version_id=view.version,
        plan=view.plan.id,
        terms=consent.version,
        digest=view.plan.digest(consent.language),
        language=consent.language,
        where=consent.where,
        at=at,
        by=str(by),
    )
