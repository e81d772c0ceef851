"""Profiles: what each source told of a customer, what is shown and why; traits of the shop's own, tags, households."""

import hashlib
import uuid
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import MaybeIdempotencyKey
from regulars.facts.customers import customers, explaining, households, profiles, records, tags, traits
from regulars.facts.customers.explaining import Explanation
from regulars.facts.customers.households import Household, Role
from regulars.facts.customers.profiles import Profile, Purpose
from regulars.facts.customers.tags import Tag
from regulars.facts.customers.traits import Kind, Trait
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["profiles"])

Text = Annotated[str, StringConstraints(max_length=2000)]
TraitCode = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,39}$")]
Names = dict[
    Annotated[str, StringConstraints(pattern="^(en|zh-hans)$")], Annotated[str, StringConstraints(max_length=80)]
]
KindIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Kind)})$")]
RoleIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Role)})$")]
PurposeIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Purpose)})$")]
Source = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


class WordOut(exact.Shown):
    """What one source said last of one field, and what became of it among the others."""

    value: str
    source: str
    at: datetime | None
    by: str = Field(description="Who wrote it down: `operator:7`, `import:12`, `api:3`.")
    customer: str = Field(description="The record it was told of, one of those that were joined.")
    standing: str = Field(description="shown, older, outranked, withdrawn or nothing")


class FieldOut(exact.Shown):
    """What is shown in a field, why, and all that was said. Personal values are masked until they are revealed."""

    field: str
    value: str
    because: str = Field(description="only, agreed, newest, surest, withdrawn or nothing")
    is_nobodys: bool = Field(description="a contact by which nobody can be known, such as a company's line")
    words: list[WordOut]


class ProfileOut(exact.Shown):
    """A customer's profile with its sources."""

    customer: str
    fields: list[FieldOut]


class ProfileIn(exact.Told):
    """What somebody told: what is left out stays, empty text and an empty list clear."""

    given_name: Text | None = None
    family_name: Text | None = None
    display_name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    birthday: Text | None = Field(None, description="`1990-12-31`, or `--12-31` without the year.")
    lunar_birthday: Text | None = Field(None, description="`1990-08-15`, a leap month `1990-L06-15`, or `--08-15`.")
    address: Text | None = None
    note: Text | None = None
    country: Text | None = None
    language: Text | None = None
    preferred_store: Text | None = None
    preferred_channel: Text | None = None
    is_employee: bool | None = None
    cared_by: Text | None = Field(None, description="The operator whose customer it is.")
    interests: list[Text] | None = None
    values: list[Text] | None = None
    traits: dict[TraitCode, Text | list[Text] | bool | None] = Field(
        default_factory=dict, description="Traits of the shop's own, by code; null takes one away."
    )
    source: Source | None = Field(None, description="Who says so; left out: `api`.")
    told_at: exact.Instant | None = Field(None, description="When it was so; left out: now.")


class ToldOut(exact.Shown):
    """Which fields show something else now, and which contacts somebody else is known by already."""

    changed: list[str]
    shared: list[str]


class RevealIn(exact.Told):
    """Which fields to show in plain text, and what for."""

    fields: Annotated[list[Annotated[str, StringConstraints(max_length=60)]], Field(min_length=1, max_length=40)]
    purpose: PurposeIn


class TraitIn(exact.Told):
    """A trait of the shop's own. What it takes, and whether it is personal, is said once."""

    kind: KindIn
    names: Names
    is_personal: bool = False
    choices: dict[TraitCode, Names] = Field(default_factory=dict)


class TraitOut(exact.Shown):
    code: str
    kind: str
    names: dict[str, str]
    is_personal: bool
    choices: dict[str, dict[str, str]]


class TraitsOut(exact.Shown):
    """The shop's own traits, by code."""

    items: list[TraitOut]


class TagOut(exact.Shown):
    """A tag; without names it is called by its code."""

    code: str
    names: dict[str, str]


class TagsOut(exact.Shown):
    """Tags, by code."""

    items: list[TagOut]


class TagIn(exact.Told):
    """How a tag is called."""

    names: Names = Field(default_factory=dict)


class TaggingIn(exact.Told):
    """A tag for a customer."""

    tag: Annotated[str, StringConstraints(max_length=80)]


class StepOut(exact.Shown):
    """One step in the history of somebody's tags."""

    tag: str
    is_on: bool
    source: str
    at: datetime
    by: str


class TaggedOut(exact.Shown):
    """Somebody's tags now, and how they came and went, the latest first."""

    customer: str
    tags: list[TagOut]
    history: list[StepOut]


class MemberIn(exact.Told):
    """What somebody is in a household."""

    role: RoleIn


class MemberOut(exact.Shown):
    customer: str
    role: str


class HouseholdOut(exact.Shown):
    """People who live together. It joins nobody."""

    id: str
    formed_at: datetime
    members: list[MemberOut]


class HomeOut(exact.Shown):
    """The household somebody lives in; null where they live in none that is known."""

    household: HouseholdOut | None


class HouseholdIn(exact.Told):
    """Who lives together: customer to role."""

    members: Annotated[dict[str, RoleIn], Field(min_length=1, max_length=households.MOST_MEMBERS)]


class ToldInTheFuture(Refusal):
    """Later than now."""

    code = "profile.in_the_future"


@router.get(
    "/customers/{customer}/profile", auth=ApiKey("members.read"), response=ProfileOut, operation_id="get_profile"
)
def get_profile(request: HttpRequest, customer: str) -> ProfileOut:
    """What is shown of a customer, why, and what every source said. Personal values are masked."""
    found = customers.by_public_id(customer)
    return _profile_out(found.public_id, explaining.explain_all(customer=found.id))


@router.patch(
    "/customers/{customer}/profile", auth=ApiKey("members.edit"), response=ToldOut, operation_id="tell_profile"
)
def tell_profile(
    request: HttpRequest, customer: str, body: ProfileIn, idempotency_key: MaybeIdempotencyKey = None
) -> ToldOut:
    """Write down what a source says of a customer. What other sources said is kept beside it."""
    told_of, by, now = records.number_of(customer), caller(request), clock.now()
    if body.told_at is not None and body.told_at > now:
        raise ToldInTheFuture(_("told_at: lies in the future; send when it was so, or leave it out"), field="told_at")
    told: dict[str, Any] = {
        name: getattr(body, name) for name in body.model_fields_set - {"source", "told_at", "interests", "values"}
    }
    for name in profiles.LISTS:
        if (items := getattr(body, name)) is not None:
            told[name] = tuple(items)
    done = profiles.describe(
        customer=told_of,
        profile=Profile(**told),
        key=_key(by.id, idempotency_key, profiles.LONGEST_KEY),
        at=body.told_at or now,
        by=by,
        source=body.source,
        is_dated=body.told_at is not None,
    )
    return ToldOut(changed=list(done.changed), shared=list(done.shared))


@router.post(
    "/customers/{customer}/profile/reveal",
    auth=ApiKey("contacts.reveal"),
    response=ProfileOut,
    operation_id="reveal_profile",
)
def reveal_profile(request: HttpRequest, customer: str, body: RevealIn) -> ProfileOut:
    """Fields in plain text, with all that was said of them. Who looked, when and why is written down, every time."""
    found = customers.by_public_id(customer)
    shown = explaining.reveal_explained(
        customer=found.id, fields=body.fields, purpose=Purpose(body.purpose), at=clock.now(), by=caller(request)
    )
    return _profile_out(found.public_id, shown)


@router.get("/traits", auth=ApiKey("members.read"), response=TraitsOut, operation_id="list_traits")
def list_traits(request: HttpRequest) -> TraitsOut:
    """The shop's own traits."""
    return TraitsOut(items=[_trait_out(trait) for trait in traits.every().values()])


@router.put("/traits/{trait}", auth=ApiKey("preferences.change"), response=TraitOut, operation_id="define_trait")
def define_trait(request: HttpRequest, trait: str, body: TraitIn) -> TraitOut:
    """Put a trait on the list, name it anew, or give it more choices."""
    made = traits.define(
        code=trait,
        kind=Kind(body.kind),
        names=body.names,
        is_personal=body.is_personal,
        choices=body.choices,
        at=clock.now(),
        by=caller(request),
    )
    return _trait_out(made)


@router.delete("/traits/{trait}", auth=ApiKey("preferences.change"), response=TraitsOut, operation_id="retire_trait")
def retire_trait(request: HttpRequest, trait: str) -> TraitsOut:
    """Take a trait off the list. What was told of it stays on record."""
    traits.retire(code=trait, at=clock.now(), by=caller(request))
    return list_traits(request)


@router.get("/tags", auth=ApiKey("members.read"), response=TagsOut, operation_id="list_tags")
def list_tags(request: HttpRequest) -> TagsOut:
    """The shop's tags."""
    return TagsOut(items=[_tag_out(tag) for tag in tags.every().values()])


@router.put("/tags/{tag}", auth=ApiKey("members.edit"), response=TagOut, operation_id="define_tag")
def define_tag(request: HttpRequest, tag: str, body: TagIn) -> TagOut:
    """Put a tag on the list, or name it anew."""
    return _tag_out(tags.define(code=tag, names=body.names, at=clock.now(), by=caller(request)))


@router.delete("/tags/{tag}", auth=ApiKey("preferences.change"), response=TagsOut, operation_id="retire_tag")
def retire_tag(request: HttpRequest, tag: str) -> TagsOut:
    """Take a tag off the list: nobody gets it any more, who has it keeps it."""
    tags.retire(code=tag, at=clock.now(), by=caller(request))
    return list_tags(request)


@router.get(
    "/customers/{customer}/tags", auth=ApiKey("members.read"), response=TaggedOut, operation_id="get_customer_tags"
)
def get_customer_tags(request: HttpRequest, customer: str) -> TaggedOut:
    """A customer's tags, and how they came and went."""
    found = customers.by_public_id(customer)
    return _tagged_out(found.public_id, found.id)


@router.post("/customers/{customer}/tags", auth=ApiKey("members.edit"), response=TaggedOut, operation_id="tag_customer")
def tag_customer(
    request: HttpRequest, customer: str, body: TaggingIn, idempotency_key: MaybeIdempotencyKey = None
) -> TaggedOut:
    """Set a tag that is on the list on a customer."""
    found, by = customers.by_public_id(customer), caller(request)
    told_of = records.number_of(customer)
    tags.tag(customer=told_of, tag=body.tag, key=_key(by.id, idempotency_key), at=clock.now(), by=by)
    return _tagged_out(found.public_id, found.id)


@router.delete(
    "/customers/{customer}/tags/{tag}", auth=ApiKey("members.edit"), response=TaggedOut, operation_id="untag_customer"
)
def untag_customer(
    request: HttpRequest, customer: str, tag: str, idempotency_key: MaybeIdempotencyKey = None
) -> TaggedOut:
    """Take a tag off a customer; nothing happens where they do not have it."""
    found, by = customers.by_public_id(customer), caller(request)
    tags.untag(customer=records.number_of(customer), tag=tag, key=_key(by.id, idempotency_key), at=clock.now(), by=by)
    return _tagged_out(found.public_id, found.id)


@router.get(
    "/customers/{customer}/household", auth=ApiKey("members.read"), response=HomeOut, operation_id="get_household"
)
def get_household(request: HttpRequest, customer: str) -> HomeOut:
    """Whom a customer lives with."""
    found = households.of(customers.by_public_id(customer).id)
    return HomeOut(household=None if found is None else _household_out(found))


@router.delete(
    "/customers/{customer}/household", auth=ApiKey("members.edit"), response=HomeOut, operation_id="leave_household"
)
def leave_household(request: HttpRequest, customer: str, idempotency_key: MaybeIdempotencyKey = None) -> HomeOut:
    """Somebody leaves their household; nothing happens where they live in none."""
    by = caller(request)
    key = _key(by.id, idempotency_key, households.LONGEST_KEY)
    households.leave(customer=records.number_of(customer), key=key, at=clock.now(), by=by)
    return HomeOut(household=None)


@router.post("/households", auth=ApiKey("members.edit"), response=HouseholdOut, operation_id="form_household")
def form_household(
    request: HttpRequest, body: HouseholdIn, idempotency_key: MaybeIdempotencyKey = None
) -> HouseholdOut:
    """People come to live together. The same people again give the same household; it joins nobody."""
    members = {records.number_of(who): Role(role) for who, role in body.members.items()}
    by = caller(request)
    key = _key(by.id, idempotency_key, households.LONGEST_KEY)
    return _household_out(households.form(members=members, key=key, at=clock.now(), by=by))


@router.put(
    "/households/{household}/members/{customer}",
    auth=ApiKey("members.edit"),
    response=HouseholdOut,
    operation_id="join_household",
)
def join_household(
    request: HttpRequest, household: str, customer: str, body: MemberIn, idempotency_key: MaybeIdempotencyKey = None
) -> HouseholdOut:
    """Somebody comes to live there, or has another role."""
    by = caller(request)
    done = households.add(
        household=household,
        customer=records.number_of(customer),
        role=Role(body.role),
        key=_key(by.id, idempotency_key, households.LONGEST_KEY),
        at=clock.now(),
        by=by,
    )
    return _household_out(done)


def _key(program: str, key: str | None, longest: int = tags.LONGEST_KEY) -> str:
    """Two long keys that differ at the end only are two: what is too long is told by its digest, not cut off."""
    whole = f"api:{program}:{key or uuid.uuid4().hex}"
    return whole if len(whole) <= longest else f"api:{hashlib.sha256(whole.encode()).hexdigest()}"


def _profile_out(customer: str, told: list[Explanation]) -> ProfileOut:
    records = sorted({word.record for one in told for word in one.words})
    called = profiles.public_ids(records)
    return ProfileOut(
        customer=customer,
        fields=[
            FieldOut(
                field=one.field,
                value=one.text,
                because=one.because,
                is_nobodys=one.is_nobodys,
                words=[
                    WordOut(
                        value=word.text,
                        source=word.source,
                        at=word.at,
                        by=word.by,
                        customer=called[word.record],
                        standing=word.standing,
                    )
                    for word in one.words
                ],
            )
            for one in told
        ],
    )


def _trait_out(trait: Trait) -> TraitOut:
    return TraitOut(
        code=trait.code,
        kind=trait.kind,
        names=dict(trait.names),
        is_personal=trait.is_personal,
        choices={code: dict(names) for code, names in trait.choices.items()},
    )


def _tag_out(tag: Tag) -> TagOut:
    return TagOut(code=tag.code, names=dict(tag.names))


def _tagged_out(public_id: str, customer: int) -> TaggedOut:
    return TaggedOut(
        customer=public_id,
        tags=[_tag_out(tag) for tag in tags.of_many([customer]).get(customer, [])],
        history=[
            StepOut(tag=step.tag.code, is_on=step.is_on, source=step.source, at=step.at, by=step.by)
            for step in tags.history(customer)
        ],
    )


def _household_out(found: Household) -> HouseholdOut:
    called = profiles.public_ids(list(found.members))
    return HouseholdOut(
        id=found.public_id,
        formed_at=found.formed_at,
        members=[MemberOut(customer=called[record], role=role) for record, role in found.members.items()],
    )
