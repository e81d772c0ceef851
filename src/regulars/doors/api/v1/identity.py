"""Who is who: evidence told and taken back, decisions, why records are one person, who an identifier means."""

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.identity_shown import (
    CustomerId,
    LinkOut,
    Namespace,
    PreviewOut,
    RecordOut,
    RegroupedOut,
    Value,
    Verdict,
    Why,
    changed,
    key_of,
    links_shown,
    previewed,
    records_shown,
)
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers, identity, profiles, records, search
from regulars.facts.customers.identity import Observation, Reason
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["identity"])


class NotYet(Refusal):
    """Evidence of the future."""

    code = "identity.not_yet"


class EvidenceIn(exact.Told):
    """That a customer and an identifier belong together, who says so, and how well it is known.

    `namespace` is the app, the platform account, the shop or the programme the identifier lives in; phone and email
    have none. `contact` is a code or a link that came back, `told` what nobody proved.
    """

    customer: CustomerId
    kind: exact.Code
    namespace: Namespace = ""
    value: Value
    evidence: Literal["login", "platform", "contact", "told"]
    source: exact.Code
    at: exact.Instant | None = None


class ReasonIn(exact.Told):
    """What shows it. A list, not words: what is typed about a person is personal."""

    why: Why


class DecisionIn(exact.Told):
    """That two customers are one person (`join`), are two (`apart`), or that neither is decided any more (`open`)."""

    one: CustomerId
    other: CustomerId
    verdict: Verdict
    why: Why


class LinksOut(exact.Shown):
    """All evidence of a person's records, oldest first."""

    items: list[LinkOut]


class JoinOut(exact.Shown):
    """Why two records are one person: the kind of identifier both proved, or null where somebody decided it."""

    one: str
    other: str
    kind: str | None
    evidence: str
    at: datetime


class IdentityStepOut(exact.Shown):
    """A record came from one person to another, and what moved it."""

    record: str
    before: str
    after: str
    act: str
    at: datetime
    by: str


class IdentityOut(exact.Shown):
    """Why these records are one person, and what happened, newest first."""

    person: str
    records: list[RecordOut]
    joins: list[JoinOut]
    history: list[IdentityStepOut]


class FoundOut(exact.Shown):
    """A person an identifier may mean: they are known by it, proved it, or only told it.

    Name and contacts are masked, for every key; `records` is how many records are this person.
    """

    customer: str
    how: Literal["known_by", "proved", "told"]
    records: int
    origin: str
    country: str | None
    language: str | None
    first_seen_at: datetime | None
    masked_name: str
    masked_email: str
    masked_phone: str


class FoundAllOut(exact.Shown):
    """The people an identifier may mean, the surest first; a family's phone has several."""

    items: list[FoundOut]


@router.get("/customers/by", auth=ApiKey("members.read"), response=FoundAllOut, operation_id="find_customer")
def find_customer(
    request: HttpRequest,
    kind: Annotated[exact.Code, Query(description="reference, email, phone, card, wechat_unionid, …")],
    value: Annotated[Value, Query()],
    namespace: Namespace = "",
) -> FoundAllOut:
    """Who an identifier of any kind means, and what may be shown of them. Nobody is an empty list."""
    found = search.by_identifier(kind=kind, namespace=namespace, value=value)
    masked = profiles.masked([one.person.id for one in found])
    return FoundAllOut(
        items=[
            FoundOut(
                customer=one.person.public_id,
                how=one.how,
                records=len(one.records),
                origin=one.person.origin,
                country=one.person.country,
                language=one.person.language,
                first_seen_at=one.person.first_seen_at,
                masked_name=masked[one.person.id].name,
                masked_email=masked[one.person.id].email,
                masked_phone=masked[one.person.id].phone,
            )
            for one in found
        ]
    )


@router.get(
    "/customers/{customer}/identity",
    auth=ApiKey("identity.read"),
    response=IdentityOut,
    operation_id="explain_identity",
)
def explain_identity(request: HttpRequest, customer: str) -> IdentityOut:
    """Why a customer's records are one person."""
    told = identity.explain(customers.by_public_id(customer).id)
    ids = records.public_ids(
        [
            *told.records,
            *(number for join in told.joins for number in (join.one, join.other)),
            *(number for step in told.history for number in (step.record, step.before, step.after)),
        ]
    )
    return IdentityOut(
        person=ids[told.person],
        records=records_shown(records.of(told.person)),
        joins=[
            JoinOut(
                one=ids[join.one],
                other=ids[join.other],
                kind=join.identifier.kind if join.identifier else None,
                evidence=join.evidence,
                at=join.at,
            )
            for join in told.joins
        ],
        history=[
            IdentityStepOut(
                record=ids[step.record],
                before=ids[step.before],
                after=ids[step.after],
                act=str(step.because.get("act", "")),
                at=step.at,
                by=step.by,
            )
            for step in told.history
        ],
    )


@router.get("/customers/{customer}/links", auth=ApiKey("identity.read"), response=LinksOut, operation_id="list_links")
def list_links(request: HttpRequest, customer: str) -> LinksOut:
    """All evidence of a customer's records, also what was taken back."""
    mine = records.of(customers.by_public_id(customer).id)
    links = sorted((link for one in mine for link in one.links), key=lambda link: (link.at, link.id))
    return LinksOut(items=links_shown(links, {one.id: one.public_id for one in mine}))


@router.post("/identity/evidence", auth=ApiKey("identity.decide"), response=RegroupedOut, operation_id="tell_evidence")
def tell_evidence(request: HttpRequest, body: EvidenceIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Tell one piece of evidence. It joins at once where the rules say so. The same key gives the first answer."""
    now = clock.now()
    if body.at is not None and body.at > now:
        raise NotYet(_("at: lies in the future; send when it was proved"), field="at")
    observation = Observation(
        record=records.number_of(body.customer),
        kind=body.kind,
        namespace=body.namespace,
        value=body.value,
        evidence=body.evidence,
        source=body.source,
        at=body.at or now,
        key=key_of(request, idempotency_key),
        is_dated=body.at is not None,
    )
    return changed(identity.observe(observation=observation, by=caller(request)))


@router.post(
    "/identity/evidence/{number}/revoke",
    auth=ApiKey("identity.decide"),
    response=RegroupedOut,
    operation_id="revoke_evidence",
)
def revoke_evidence(
    request: HttpRequest, number: sources.Number, body: ReasonIn, idempotency_key: IdempotencyKey
) -> RegroupedOut:
    """A piece of evidence does not count any more, and whom it alone made one person are two again."""
    key = key_of(request, idempotency_key)
    return changed(identity.revoke(link=number, why=Reason(body.why), key=key, at=clock.now(), by=caller(request)))


@router.post(
    "/identity/decisions", auth=ApiKey("identity.decide"), response=RegroupedOut, operation_id="decide_identity"
)
def decide_identity(request: HttpRequest, body: DecisionIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Join two customers, keep them apart, or take back what was decided of exactly these two records."""
    verb = {"join": identity.join, "apart": identity.keep_apart, "open": identity.undecide}[body.verdict]
    return changed(
        verb(
            one=records.number_of(body.one),
            other=records.number_of(body.other),
            why=Reason(body.why),
            key=key_of(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.get("/identity/preview", auth=ApiKey("identity.read"), response=PreviewOut, operation_id="preview_join")
def preview_join(
    request: HttpRequest, one: Annotated[CustomerId, Query()], other: Annotated[CustomerId, Query()]
) -> PreviewOut:
    """What joining two customers would move in every room. Writes nothing."""
    return previewed(identity.preview_join(one=records.number_of(one), other=records.number_of(other), at=clock.now()))
