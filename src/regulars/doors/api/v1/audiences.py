"""Audiences: what they ask, who is in, who came and went, and why; and whom a condition would find."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import customers, profiles
from regulars.insight.audiences import audiences, exploring, members, previewing, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.insight.audiences.members import Explained, Membership
from regulars.kit import paging
from regulars.kit.conditions import reading, spoken
from regulars.kit.conditions.vocabulary import Asked
from regulars.kit.languages import Language
from regulars.oversight.outbound import member_files
from regulars.runtime.database import clock
from regulars.runtime.serving.files import FileSent

router = Router(tags=["audiences"])

Condition = Annotated[
    dict[str, Any],
    Field(
        description='`{"version": 1, "zone": "Europe/London", "if": NODE}`; `GET /audiences/vocabulary` says of what.'
    ),
]


class AudienceIn(exact.Told):
    """A name and what it asks. `meaning` is for people."""

    name: Annotated[str, Field(min_length=1, max_length=audiences.LONGEST_NAME)]
    meaning: Annotated[str, Field(max_length=audiences.LONGEST_MEANING)] = ""
    condition: Condition


class AudienceChangeIn(exact.Told):
    """What is given is changed; the rest stays. Another condition is another definition."""

    name: Annotated[str, Field(min_length=1, max_length=audiences.LONGEST_NAME)] | None = None
    meaning: Annotated[str, Field(max_length=audiences.LONGEST_MEANING)] | None = None
    condition: Condition | None = None


class ConditionIn(exact.Told):
    """What is asked, not saved."""

    condition: Condition


class AudienceOut(exact.Shown):
    """One audience. `members` as it stands now; `filled_at`: as of when everybody was last looked at.

    `is_filling` while that is still to come for what it asks now; `problem` says why it cannot be asked any more.
    """

    id: str
    name: str
    meaning: str
    ready_made: str | None
    definition: int
    condition: dict[str, Any]
    members: int
    made_at: datetime
    archived_at: datetime | None
    filled_at: datetime | None
    is_filling: bool
    problem: str


class AudiencesOut(exact.Shown):
    """A page of audiences by name, and the cursor of the next page."""

    items: list[AudienceOut]
    next: str | None


class AudienceCountedOut(exact.Shown):
    """Whether the figures of its members are being counted now."""

    is_counting: bool


class AudienceVersionOut(exact.Shown):
    """What it asked from `at` on, and who said so."""

    number: int
    condition: dict[str, Any]
    at: datetime
    by: str


class AudienceVersionsOut(exact.Shown):
    """What it asked, newest first."""

    items: list[AudienceVersionOut]


class AudienceMemberOut(exact.Shown):
    """Somebody who is in."""

    customer: str
    since_at: datetime


class AudienceMembersOut(exact.Shown):
    """A page of members, the newest customer first, and the cursor of the next page."""

    items: list[AudienceMemberOut]
    next: str | None


class AudienceStepOut(exact.Shown):
    """Somebody came in, or left. `evidence`: of each node whether it held, and what was seen as it is stored, amounts
    in minor units; null where nothing was found of them."""

    number: int
    customer: str
    entered: bool
    because: str
    definition: int
    evidence: dict[str, Any] | None
    at: datetime


class AudienceStepsOut(exact.Shown):
    """A page of who came and went, latest first, and the cursor of the next page."""

    items: list[AudienceStepOut]
    next: str | None


class AudienceOfCustomerOut(exact.Shown):
    """An audience somebody is in, and since when."""

    audience: str
    name: str
    since_at: datetime


class AudiencesOfCustomerOut(exact.Shown):
    """The audiences somebody is in, the latest first."""

    customer: str
    items: list[AudienceOfCustomerOut]


class ExplainedNodeOut(exact.Shown):
    """One node: in words, whether it holds now, and the value, number or sum that was seen."""

    node: str
    words: str
    holds: bool
    seen: bool | int | str | list[str] | None
    of: list["ExplainedNodeOut"]


class AudienceExplanationOut(exact.Shown):
    """Why somebody is in or not, looked at now. `since_at`: what stands, null for not in. `again_at`: when they are
    looked at again though nothing new is told."""

    audience: str
    customer: str
    holds: bool
    since_at: datetime | None
    at: datetime
    again_at: datetime | None
    root: ExplainedNodeOut


class AudienceOverlapOut(exact.Shown):
    """How many of them are in another audience now."""

    audience: str
    name: str
    members: int


class AudiencePreviewOut(exact.Shown):
    """`members` of `everyone`, as of when the facts were published; `by_node` how many each part holds for by itself;
    `sample` some of the members."""

    as_of: datetime
    everyone: int
    members: int
    by_node: dict[str, int]
    sample: list[str]
    overlap: list[AudienceOverlapOut]


class ConditionSaidOut(exact.Shown):
    """A condition in words, in the language asked for with `Accept-Language`; each part's own by its node."""

    language: str
    words: str
    by_node: dict[str, str]


class ChoiceOut(exact.Shown):
    """One value, and its words."""

    code: str
    words: str


class AskedOut(exact.Shown):
    """A field or a column. `tests` are those its type knows."""

    name: str
    type: str
    kind: str
    label: str
    tests: list[str]
    choices: list[ChoiceOut]


class PartsOut(exact.Shown):
    """What each row consists of, such as an order's lines."""

    name: str
    label: str
    columns: list[AskedOut]


class CollectionOut(exact.Shown):
    """What happened to customers, such as orders. `did` is how a sentence says that one happened."""

    name: str
    label: str
    did: str
    columns: list[AskedOut]
    parts: list[PartsOut]


class VocabularyOut(exact.Shown):
    """All that a condition can ask here, in the language asked for with `Accept-Language`."""

    currency: str
    fields: list[AskedOut]
    collections: list[CollectionOut]
    audiences: list[ChoiceOut]


@router.get("/audiences", auth=ApiKey("insight.read"), response=AudiencesOut, operation_id="list_audiences")
def list_audiences(
    request: HttpRequest, archived: Literal["with", "without"] = "without", limit: int = 50, cursor: str = ""
) -> AudiencesOut:
    """Audiences by name; archived ones on demand."""
    size = paging.check_size(limit)
    after: tuple[object, ...] = paging.decode(cursor, "audiences", str, int) if cursor else ("", 0)
    rows = sorted(audiences.every(with_archived=archived == "with"), key=lambda one: (one.name, one.number))
    rest = [one for one in rows if (one.name, one.number) > after]
    page = paging.cut(rest[: size + 1], size, of="audiences", key=lambda one: (one.name, one.number))
    return AudiencesOut(items=[_out(one) for one in page.items], next=page.next)


@router.post("/audiences", auth=ApiKey("audiences.manage"), response=AudienceOut, operation_id="make_audience")
def make_audience(request: HttpRequest, body: AudienceIn, idempotency_key: IdempotencyKey) -> AudienceOut:
    """An audience of whoever the condition holds for. Who is in is found in a moment: `is_filling` until then.

    The same `Idempotency-Key` gives the one it made.
    """
    made = audiences.define(
        name=body.name,
        meaning=body.meaning,
        condition=body.condition,
        key=idempotency_key,
        at=clock.now(),
        by=caller(request),
    )
    return _out(made)


@router.get(
    "/audiences/vocabulary", auth=ApiKey("insight.read"), response=VocabularyOut, operation_id="get_audience_vocabulary"
)
def get_vocabulary(request: HttpRequest) -> VocabularyOut:
    """What conditions can ask of everyone here: fields, what happened, and audiences, with the tests of each."""
    words = vocabulary.current()
    return VocabularyOut(
        currency=words.currency,
        fields=[_asked_out(one) for name, one in sorted(words.fields.items()) if not one.is_personal],
        collections=[
            CollectionOut(
                name=one.name,
                label=one.label,
                did=one.did,
                columns=[_asked_out(column) for column in one.columns.values()],
                parts=[
                    PartsOut(
                        name=part,
                        label=one.part_labels.get(part, part),
                        columns=[_asked_out(column) for column in columns.values()],
                    )
                    for part, columns in one.parts.items()
                ],
            )
            for _, one in sorted(words.collections.items())
        ],
        audiences=[ChoiceOut(code=code, words=name) for code, name in words.audiences.items()],
    )


@router.post(
    "/audiences/preview", auth=ApiKey("insight.read"), response=AudiencePreviewOut, operation_id="preview_audience"
)
def preview(request: HttpRequest, body: ConditionIn) -> AudiencePreviewOut:
    """How many a condition would hold for, and each part of it by itself; exact as of the last publish."""
    found = previewing.preview(body.condition)
    names = {one.number: one for one in audiences.every()}
    ids = profiles.public_ids(found.sample)
    return AudiencePreviewOut(
        as_of=found.as_of,
        everyone=found.everyone,
        members=found.members,
        by_node=dict(found.by_node),
        sample=[ids[number] for number in found.sample if number in ids],
        overlap=[
            AudienceOverlapOut(audience=names[number].id, name=names[number].name, members=count)
            for number, count in sorted(found.overlap.items(), key=lambda pair: (-pair[1], pair[0]))
            if number in names
        ],
    )


@router.post(
    "/audiences/describe", auth=ApiKey("insight.read"), response=ConditionSaidOut, operation_id="describe_condition"
)
def describe(request: HttpRequest, body: ConditionIn) -> ConditionSaidOut:
    """A condition in words, Chinese or English, and whether it can be asked at all."""
    words, language = vocabulary.current(), _language()
    condition = audiences.read(body.condition, words)
    return ConditionSaidOut(
        language=language,
        words=spoken.describe(condition, words, language),
        by_node=spoken.of_nodes(condition, words, language),
    )


@router.get("/audiences/{audience}", auth=ApiKey("insight.read"), response=AudienceOut, operation_id="get_audience")
def get_audience(request: HttpRequest, audience: str) -> AudienceOut:
    """One audience."""
    return _out(audiences.by_public_id(audience))


@router.patch(
    "/audiences/{audience}", auth=ApiKey("audiences.manage"), response=AudienceOut, operation_id="change_audience"
)
def change_audience(
    request: HttpRequest, audience: str, body: AudienceChangeIn, idempotency_key: IdempotencyKey
) -> AudienceOut:
    """Change what is given. Whoever is in stays until everybody was looked at for a new condition.

    The same `Idempotency-Key` again changes nothing.
    """
    changed = audiences.change(
        audience=audiences.by_public_id(audience).number,
        name=body.name,
        meaning=body.meaning,
        condition=body.condition,
        key=idempotency_key,
        at=clock.now(),
        by=caller(request),
    )
    return _out(changed)


@router.post(
    "/audiences/{audience}/archive",
    auth=ApiKey("audiences.manage"),
    response=AudienceOut,
    operation_id="archive_audience",
)
def archive_audience(request: HttpRequest, audience: str) -> AudienceOut:
    """Nobody is in it any more; what it asked and who came and went stay on record. Again changes nothing."""
    number = audiences.by_public_id(audience).number
    return _out(audiences.archive(audience=number, at=clock.now(), by=caller(request)))


@router.post(
    "/audiences/{audience}/restore",
    auth=ApiKey("audiences.manage"),
    response=AudienceOut,
    operation_id="restore_audience",
)
def restore_audience(request: HttpRequest, audience: str) -> AudienceOut:
    """Take an archived one back into use: everybody is looked at anew. Again changes nothing."""
    number = audiences.by_public_id(audience).number
    return _out(audiences.restore(audience=number, at=clock.now(), by=caller(request)))


@router.post(
    "/audiences/{audience}/figures",
    auth=ApiKey("insight.read"),
    response=AudienceCountedOut,
    operation_id="count_figures_of_audience",
)
def count_figures(request: HttpRequest, audience: str) -> AudienceCountedOut:
    """Have the shop's figures counted of those who are in, now and after each refresh: `GET /insight/figures` tells
    them a moment later. Asking again while they are being counted changes nothing."""
    number = audiences.by_public_id(audience).number
    exploring.want(audience=number, at=clock.now(), by=caller(request))
    found = exploring.of(number)
    return AudienceCountedOut(is_counting=found is not None and found.is_counting)


@router.get(
    "/audiences/{audience}/versions",
    auth=ApiKey("insight.read"),
    response=AudienceVersionsOut,
    operation_id="list_audience_versions",
)
def list_versions(request: HttpRequest, audience: str) -> AudienceVersionsOut:
    """What it asked, newest first."""
    rows = audiences.versions(audiences.by_public_id(audience).number)
    return AudienceVersionsOut(
        items=[
            AudienceVersionOut(number=one.number, condition=dict(one.condition), at=one.at, by=one.by) for one in rows
        ]
    )


@router.get(
    "/audiences/{audience}/members",
    auth=ApiKey("insight.read"),
    response=AudienceMembersOut,
    operation_id="list_audience_members",
)
def list_members(request: HttpRequest, audience: str, limit: int = 50, cursor: str = "") -> AudienceMembersOut:
    """Who is in, the newest customer first."""
    page = members.page(audiences.by_public_id(audience).number, cursor=cursor or None, size=limit)
    ids = profiles.public_ids([one.customer for one in page.items])
    return AudienceMembersOut(
        items=[AudienceMemberOut(customer=ids[one.customer], since_at=one.since_at) for one in page.items],
        next=page.next,
    )


@router.get(
    "/audiences/{audience}/members.{kind}",
    auth=ApiKey("members.export"),
    operation_id="export_audience_members",
    openapi_extra={
        "responses": {
            200: {
                "description": "Customers' ids and since when they are in.",
                "content": {
                    kind: {"schema": {"type": "string", "format": "binary"}}
                    for kind in member_files.CONTENT_TYPES.values()
                },
            }
        }
    },
)
def export_members(request: HttpRequest, audience: str, kind: member_files.Kind) -> FileSent:
    """Who is in as a file: `csv`, `parquet` or `xlsx`."""
    found = audiences.by_public_id(audience)
    file = member_files.write(audience=found, kind=kind, at=clock.now(), by=caller(request))
    return FileSent(
        file, as_attachment=True, filename=f"{found.id}.{kind}", content_type=member_files.CONTENT_TYPES[kind]
    )


@router.get(
    "/audiences/{audience}/changes",
    auth=ApiKey("insight.read"),
    response=AudienceStepsOut,
    operation_id="list_audience_changes",
)
def list_changes(request: HttpRequest, audience: str, limit: int = 50, cursor: str = "") -> AudienceStepsOut:
    """Who came and went, latest first. Filling a new definition is nobody's own coming or going."""
    size, number = paging.check_size(limit), audiences.by_public_id(audience).number
    of = f"audience_changes:{number}"
    (before,) = paging.decode(cursor, of, int) if cursor else (None,)
    rows = members.steps(audience=number, before=before if isinstance(before, int) else None, limit=size + 1)
    page = paging.cut(rows, size, of=of, key=lambda one: (one.number,))
    ids = profiles.public_ids([one.customer for one in page.items])
    return AudienceStepsOut(
        items=[
            AudienceStepOut(
                number=one.number,
                customer=ids[one.customer],
                entered=one.entered,
                because=one.because,
                definition=one.definition,
                evidence=None if one.evidence is None else dict(one.evidence),
                at=one.at,
            )
            for one in page.items
        ],
        next=page.next,
    )


@router.get(
    "/audiences/{audience}/explain/{customer}",
    auth=ApiKey("insight.read"),
    response=AudienceExplanationOut,
    operation_id="explain_audience",
)
def explain(request: HttpRequest, audience: str, customer: str) -> AudienceExplanationOut:
    """Why somebody is in or not, node by node, looked at now; in the language asked for with `Accept-Language`."""
    found, who = audiences.by_public_id(audience), customers.by_public_id(customer)
    told = members.explain(audience=found.number, customer=who.id, language=_language())
    return AudienceExplanationOut(
        audience=found.id,
        customer=who.public_id,
        holds=told.holds,
        since_at=None if told.membership is None else told.membership.since_at,
        at=told.at,
        again_at=told.again_at,
        root=_node_out(told.root, vocabulary.current().currency),
    )


@router.get(
    "/customers/{customer}/audiences",
    auth=ApiKey("insight.read"),
    response=AudiencesOfCustomerOut,
    operation_id="list_customer_audiences",
)
def list_customer_audiences(request: HttpRequest, customer: str) -> AudiencesOfCustomerOut:
    """The audiences somebody is in, the latest first."""
    who = customers.by_public_id(customer)
    names = {one.number: one for one in audiences.every()}
    return AudiencesOfCustomerOut(
        customer=who.public_id,
        items=[_of_customer(one, names[one.audience]) for one in members.of_customer(who.id) if one.audience in names],
    )


def _of_customer(one: Membership, audience: Audience) -> AudienceOfCustomerOut:
    return AudienceOfCustomerOut(audience=audience.id, name=audience.name, since_at=one.since_at)


def _out(one: Audience) -> AudienceOut:
    return AudienceOut(
        id=one.id,
        name=one.name,
        meaning=one.meaning,
        ready_made=one.ready_made,
        definition=one.definition,
        condition=dict(one.condition),
        members=one.members,
        made_at=one.made_at,
        archived_at=one.archived_at,
        filled_at=one.filled_at,
        is_filling=one.is_filling,
        problem=one.problem,
    )


def _asked_out(one: Asked) -> AskedOut:
    return AskedOut(
        name=one.name,
        type=one.type,
        kind=one.kind,
        label=one.label,
        tests=list(reading.TESTS[one.type]),
        choices=[ChoiceOut(code=code, words=words) for code, words in one.choices.items()],
    )


def _node_out(one: Explained, currency: str) -> ExplainedNodeOut:
    return ExplainedNodeOut(
        node=one.node,
        words=one.words,
        holds=one.holds,
        seen=_seen(one, currency),
        of=[_node_out(inner, currency) for inner in one.of],
    )


def _seen(one: Explained, currency: str) -> bool | int | str | list[str] | None:
    match one.seen:
        case None:
            return None
        case bool(value):
            return value
        case int(value):
            return exact.shown(value, currency) if one.type == "money" else value
        case tuple(values):
            return [str(value) for value in values]
        case datetime() as value:
            return value.isoformat()
        case value:
            return str(value)


def _language() -> Language:
    return "zh" if (get_language() or "").startswith("zh") else "en"
