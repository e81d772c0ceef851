"""Who is who: evidence told and taken back, decisions, questions that wait, rules tried before they count."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import blocking, customers, identity, profiles, records, reviews, search
from regulars.facts.customers import rules as rules_of_identity
from regulars.facts.customers.identity import Changed, LinkView, Observation, Preview, Reason
from regulars.facts.customers.records import RecordView
from regulars.facts.customers.reviews import Question
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["identity"])

Why = Literal["asked", "confirmed", "document", "recognised", "family", "new_owner", "mistake"]
Verdict = Literal["join", "apart", "open"]
State = Literal["open", "joined", "apart", "left", "gone", "any"]
Order = Literal["newest", "likeliest"]
CustomerId = Annotated[str, StringConstraints(max_length=64)]
Namespace = Annotated[str, StringConstraints(max_length=64)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Few = Annotated[int, Field(ge=1, le=100_000)]


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


class VerdictIn(exact.Told):
    """The answer to a question, or `open` to take it back."""

    verdict: Verdict
    why: Why


class BlockIn(exact.Told):
    """An identifier that is nobody's. What is sent is kept as a keyed hash alone."""

    kind: exact.Code
    namespace: Namespace = ""
    value: Value


class KindRuleIn(exact.Told):
    """What is left out stays as it is. `joins_from` null joins nobody; `lasts_days` null lasts for ever.

    Of phones, addresses and cards: `alone_from` is the weakest evidence that joins where neither a name nor a birthday
    agrees, null none; `alone_days` how far apart the two may then be, null any time. Other kinds do not ask.
    """

    joins_from: Literal["staff", "platform", "login", "contact"] | None = None
    alone_from: Literal["staff", "platform", "login", "contact"] | None = None
    alone_days: Few | None = None
    most_a_person: Few | None = None
    most_people: Few | None = None
    lasts_days: Few | None = None


class IdentityRulesIn(exact.Told):
    """The rules to change, by kind of identifier; what is left out stays as it is."""

    kinds: Annotated[dict[str, KindRuleIn], Field(max_length=20)] = {}
    most_records: Annotated[int, Field(ge=2, le=1000)] | None = None
    most_people_a_device: Annotated[int, Field(ge=1, le=100)] | None = None


class MoveOut(exact.Shown):
    """A record that came to a person, or left one."""

    record: str
    person: str


class RegroupedOut(exact.Shown):
    """What an act came to. `conflicts` is how many questions it left for somebody."""

    joined: list[MoveOut]
    parted: list[MoveOut]
    conflicts: int


class EffectOut(exact.Shown):
    """So many things of a kind would move."""

    what: str
    count: int


class PreviewOut(exact.Shown):
    """What would change. Nothing was written."""

    joined: list[MoveOut]
    parted: list[MoveOut]
    effects: list[EffectOut]
    people_before: int
    people_after: int
    conflicts: int


class LinkOut(exact.Shown):
    """A piece of evidence. `value` is null for a contact; `counts` is false where it was taken back."""

    number: int
    record: str
    kind: str
    namespace: str
    value: str | None
    evidence: str
    source: str
    at: datetime
    by: str
    counts: bool


class LinksOut(exact.Shown):
    """All evidence of a person's records, oldest first."""

    items: list[LinkOut]


class CalledOut(exact.Shown):
    """What a source calls a record; `ref` is null where it is a contact."""

    namespace: str
    ref: str | None
    since: datetime


class RecordOut(exact.Shown):
    """A record: somebody as one source calls them. Masked."""

    id: str
    origin: str
    country: str | None
    first_seen_at: datetime | None
    joined_at: datetime | None
    called: list[CalledOut]
    masked_name: str
    masked_email: str
    masked_phone: str
    links: list[LinkOut]


class JoinOut(exact.Shown):
    """Why two records are one person: the kind of identifier both proved, or null where somebody decided it."""

    one: str
    other: str
    kind: str | None
    evidence: str
    at: datetime


class StepOut(exact.Shown):
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
    history: list[StepOut]


class QuestionOut(exact.Shown):
    """Are these two one person? `worn` asks about the identifier, which more people use than have one together."""

    id: str
    kind: str
    one: str
    other: str
    identifier_kind: str
    score: float | None
    signs: list[str]
    state: str
    opened_at: datetime
    decided_at: datetime | None


class QuestionsOut(exact.Shown):
    """A page of questions, newest first, and the cursor of the next page."""

    items: list[QuestionOut]
    next: str | None


class SidesOut(QuestionOut):
    """A question with the evidence side by side, and the kinds of identifiers that both have alike."""

    one_records: list[RecordOut]
    other_records: list[RecordOut]
    in_common: list[str]


class KindRuleOut(exact.Shown):
    """When an identifier of a kind joins people, and when it stops."""

    joins_from: str | None
    most_a_person: int
    most_people: int
    lasts_days: int | None
    alone_from: str | None
    alone_days: int | None


class BlockedOut(exact.Shown):
    """A blocked identifier by its keyed hash; `kind` is empty where nobody knows more."""

    digest: str
    kind: str
    value: str | None
    records: int


class IdentityRulesOut(exact.Shown):
    """The rules that count now."""

    kinds: dict[str, KindRuleOut]
    blocked: list[BlockedOut]
    most_records: int
    most_people_a_device: int


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
        records=_records(records.of(told.person)),
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
            StepOut(
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
    return LinksOut(items=_links(links, {one.id: one.public_id for one in mine}))


@router.post("/identity/evidence", auth=ApiKey("identity.decide"), response=RegroupedOut, operation_id="tell_evidence")
def tell_evidence(request: HttpRequest, body: EvidenceIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Tell one piece of evidence. It joins at once where the rules say so. The same key again changes nothing."""
    now = clock.now()
    if body.at is not None and body.at > now:
        raise NotYet("at: lies in the future; send when it was proved", field="at")
    observation = Observation(
        record=records.number_of(body.customer),
        kind=body.kind,
        namespace=body.namespace,
        value=body.value,
        evidence=body.evidence,
        source=body.source,
        at=body.at or now,
        key=_key(request, idempotency_key),
    )
    return _changed(identity.observe(observation=observation, by=caller(request)))


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
    key = _key(request, idempotency_key)
    return _changed(identity.revoke(link=number, why=Reason(body.why), key=key, at=clock.now(), by=caller(request)))


@router.post(
    "/identity/decisions", auth=ApiKey("identity.decide"), response=RegroupedOut, operation_id="decide_identity"
)
def decide_identity(request: HttpRequest, body: DecisionIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Join two customers, keep them apart, or take back what was decided of exactly these two records."""
    verb = {"join": identity.join, "apart": identity.keep_apart, "open": identity.undecide}[body.verdict]
    return _changed(
        verb(
            one=records.number_of(body.one),
            other=records.number_of(body.other),
            why=Reason(body.why),
            key=_key(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.get("/identity/preview", auth=ApiKey("identity.read"), response=PreviewOut, operation_id="preview_join")
def preview_join(
    request: HttpRequest, one: Annotated[CustomerId, Query()], other: Annotated[CustomerId, Query()]
) -> PreviewOut:
    """What joining two customers would move in every room. Writes nothing."""
    return _preview(identity.preview_join(one=records.number_of(one), other=records.number_of(other), at=clock.now()))


@router.get("/identity/reviews", auth=ApiKey("identity.read"), response=QuestionsOut, operation_id="list_reviews")
def list_reviews(
    request: HttpRequest,
    kind: exact.Code | None = None,
    state: State = "open",
    order: Order = "newest",
    limit: int = 50,
    cursor: str = "",
) -> QuestionsOut:
    """Questions whether two are one person; those that wait unless `state` says otherwise.

    Those of kind `likeness` have a score from 0 to 1, how likely the two are one person, and the signs of it, such as
    `birthday:same`. With `order=likeliest` the highest scores come first, and questions without one last.
    """
    size = paging.check_size(limit)
    rows = reviews.listed(
        kind=kind or "",
        state=None if state == "any" else state,
        order=order,
        after=reviews.place_at(cursor) if cursor else None,
        limit=size + 1,
    )
    page = paging.cut(rows, size, of=reviews.LIST, key=lambda one: one.place.key)
    ids = records.public_ids(number for one in page.items for number in (one.one, one.other))
    return QuestionsOut(items=[QuestionOut(**_question(one, ids)) for one in page.items], next=page.next)


@router.get("/identity/reviews/{review}", auth=ApiKey("identity.read"), response=SidesOut, operation_id="get_review")
def get_review(request: HttpRequest, review: str) -> SidesOut:
    """One question with both sides, masked."""
    return _sides(reviews.get(review))


@router.post(
    "/identity/reviews/{review}/decide",
    auth=ApiKey("identity.decide"),
    response=RegroupedOut,
    operation_id="decide_review",
)
def decide_review(request: HttpRequest, review: str, body: VerdictIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Answer a question, or take the answer back."""
    verb = {"join": reviews.join, "apart": reviews.keep_apart, "open": reviews.undo}[body.verdict]
    return _changed(
        verb(
            review=reviews.get(review),
            why=Reason(body.why),
            key=_key(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.post(
    "/identity/reviews/{review}/block",
    auth=ApiKey("identity.rules"),
    response=RegroupedOut,
    operation_id="block_review",
)
def block_review(request: HttpRequest, review: str) -> RegroupedOut:
    """The identifier that too many use is nobody's from now on. Again changes nothing."""
    return _changed(reviews.block(review=reviews.get(review), at=clock.now(), by=caller(request)))


@router.post(
    "/identity/reviews/{review}/set-aside",
    auth=ApiKey("identity.decide"),
    response=SidesOut,
    operation_id="set_aside_review",
)
def set_aside_review(request: HttpRequest, review: str) -> SidesOut:
    """The identifier that too many use stays as it is and is not asked about again. Again changes nothing."""
    asked = reviews.get(review)
    reviews.set_aside(review=asked, at=clock.now(), by=caller(request))
    return _sides(reviews.get(review))


@router.get(
    "/identity/rules", auth=ApiKey("identity.read"), response=IdentityRulesOut, operation_id="get_identity_rules"
)
def get_identity_rules(request: HttpRequest) -> IdentityRulesOut:
    """The rules that count now."""
    return _rules()


@router.post(
    "/identity/rules/what-if", auth=ApiKey("identity.read"), response=PreviewOut, operation_id="try_identity_rules"
)
def try_identity_rules(request: HttpRequest, body: IdentityRulesIn) -> PreviewOut:
    """What these rules would change, on all the evidence there is. Writes nothing."""
    return _preview(identity.what_if(_told(body)))


@router.post(
    "/identity/rules", auth=ApiKey("identity.rules"), response=IdentityRulesOut, operation_id="set_identity_rules"
)
def set_identity_rules(request: HttpRequest, body: IdentityRulesIn) -> IdentityRulesOut:
    """From now on these rules count, for all evidence there is. Ask `what-if` before."""
    identity.set_rules(rules=_told(body), at=clock.now(), by=caller(request))
    return _rules()


@router.post("/identity/blocked", auth=ApiKey("identity.rules"), response=RegroupedOut, operation_id="block_identifier")
def block_identifier(request: HttpRequest, body: BlockIn) -> RegroupedOut:
    """An identifier is nobody's from now on. Again changes nothing."""
    digest = identity.digest(body.kind, body.namespace, body.value).digest
    return _changed(blocking.block(digest=digest, at=clock.now(), by=caller(request)))


@router.post(
    "/identity/blocked/{digest}/unblock",
    auth=ApiKey("identity.rules"),
    response=RegroupedOut,
    operation_id="unblock_identifier",
)
def unblock_identifier(request: HttpRequest, digest: str) -> RegroupedOut:
    """It may be evidence again."""
    return _changed(blocking.unblock(digest=digest, at=clock.now(), by=caller(request)))


def _key(request: HttpRequest, told: str) -> str:
    """Two programs that choose the same key mean two acts."""
    return f"{caller(request)}:{told}"


def _told(body: IdentityRulesIn) -> rules_of_identity.IdentityRules:
    told: dict[str, Any] = {
        name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None
    }
    for parts in told.get("kinds", {}).values():
        # Null means something for two of them; a number that is null is one that was left out.
        for part in ("most_a_person", "most_people"):
            if parts.get(part, 1) is None:
                del parts[part]
    return rules_of_identity.from_json(told, base=identity.rules())


def _rules() -> IdentityRulesOut:
    told = rules_of_identity.to_json(identity.rules())
    return IdentityRulesOut(
        kinds={name: KindRuleOut(**parts) for name, parts in told["kinds"].items()},
        blocked=[
            BlockedOut(digest=one.digest, kind=one.kind, value=one.value, records=one.records)
            for one in blocking.listed()
        ],
        most_records=told["most_records"],
        most_people_a_device=told["most_people_a_device"],
    )


def _moves(of: Iterable[Any], ids: dict[int, str]) -> list[MoveOut]:
    return [MoveOut(record=ids[move.record], person=ids[move.person]) for move in of]


def _ids_of(told: Changed | Preview) -> dict[int, str]:
    return records.public_ids(n for move in (*told.joined, *told.parted) for n in (move.record, move.person))


def _changed(told: Changed) -> RegroupedOut:
    ids = _ids_of(told)
    return RegroupedOut(joined=_moves(told.joined, ids), parted=_moves(told.parted, ids), conflicts=len(told.conflicts))


def _preview(told: Preview) -> PreviewOut:
    ids = _ids_of(told)
    return PreviewOut(
        joined=_moves(told.joined, ids),
        parted=_moves(told.parted, ids),
        effects=[EffectOut(what=str(effect.what), count=effect.count) for effect in told.effects],
        people_before=told.people_before,
        people_after=told.people_after,
        conflicts=told.conflicts,
    )


def _links(of: Iterable[LinkView], ids: dict[int, str]) -> list[LinkOut]:
    return [
        LinkOut(
            number=link.id,
            record=ids[link.record],
            kind=link.kind,
            namespace=link.namespace,
            value=link.value,
            evidence=link.evidence,
            source=link.source,
            at=link.at,
            by=link.by,
            counts=link.counts,
        )
        for link in of
    ]


def _records(of: Iterable[RecordView]) -> list[RecordOut]:
    return [
        RecordOut(
            id=one.public_id,
            origin=one.origin,
            country=one.country,
            first_seen_at=one.first_seen_at,
            joined_at=one.joined_at,
            called=[CalledOut(namespace=told.namespace, ref=told.ref, since=told.since) for told in one.called],
            masked_name=one.masked.name,
            masked_email=one.masked.email,
            masked_phone=one.masked.phone,
            links=_links(one.links, {one.id: one.public_id}),
        )
        for one in of
    ]


def _question(one: Question, ids: dict[int, str]) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "kind": one.kind,
        "one": ids[one.one],
        "other": ids[one.other],
        "identifier_kind": one.identifier_kind,
        "score": one.score,
        "signs": list(one.signs),
        "state": one.state,
        "opened_at": one.opened_at,
        "decided_at": one.decided_at,
    }


def _sides(asked: Question) -> SidesOut:
    seen = reviews.sides(one=asked.one, other=asked.other)
    return SidesOut(
        **_question(asked, records.public_ids([asked.one, asked.other])),
        one_records=_records(seen.one),
        other_records=_records(seen.other),
        in_common=list(seen.in_common),
    )
