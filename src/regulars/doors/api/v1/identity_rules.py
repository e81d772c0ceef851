"""The rules of identity, tried before they count; identifiers that are nobody's."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import (
    Few,
    Namespace,
    PreviewOut,
    RegroupedOut,
    Value,
    changed,
    previewed,
)
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.customers import blocking, identity
from regulars.facts.customers import rules as rules_of_identity
from regulars.runtime.database import clock

router = Router(tags=["identity"])


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
    return previewed(identity.what_if(_told(body)))


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
    return changed(blocking.block(digest=digest, at=clock.now(), by=caller(request)))


@router.post(
    "/identity/blocked/{digest}/unblock",
    auth=ApiKey("identity.rules"),
    response=RegroupedOut,
    operation_id="unblock_identifier",
)
def unblock_identifier(request: HttpRequest, digest: str) -> RegroupedOut:
    """It may be evidence again."""
    return changed(blocking.unblock(digest=digest, at=clock.now(), by=caller(request)))


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
