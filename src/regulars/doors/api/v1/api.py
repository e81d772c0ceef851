"""The API put together: routers, JSON as it is read and written, problems, and its description."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from regulars.doors.api.v1 import (
    attributes,
    audiences,
    benefits,
    categories,
    company,
    connections,
    consent,
    costs,
    customers,
    doubles,
    events,
    exports,
    identity,
    identity_reviews,
    identity_rules,
    insight,
    keeping,
    memberships,
    missions,
    order_spends,
    orders,
    people_rules,
    plan,
    points,
    problems,
    profiles,
    quarantine,
    refusing,
    regrants,
    returns,
    rewards,
    rights,
    shipments,
    sources,
    stores,
    tiers,
    wares,
    webhooks,
)

PREFIX = "api/v1/"


class StrictJson(Parser):
    """JSON in which every name stands once and every number is one."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Ninja answers whatever is raised here as an unreadable body."""
        told: dict[str, Any] = json.loads(
            request.body.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number
        )
        return told


class PlainJson(BaseRenderer):
    """Instants keep their microseconds."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data)


def described() -> dict[str, Any]:
    """The API as an OpenAPI 3.1 document."""
    told: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    for methods in told["paths"].values():
        for operation in methods.values():
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    told["components"]["responses"] = {
        "Problem": {
            "description": "Refused. `code` never changes; `detail` says what to mend.",
            "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    told["components"]["schemas"]["Problem"] = _PROBLEM
    return told


@cache
def written() -> str:
    """The same as text, in one order always. Anybody may ask for it, and making it takes half a second."""
    return json.dumps(described(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "node": {"type": "string", "description": "Of a condition: the part that is wrong, by its id or place."},
        "mend": {"type": "string", "description": "Of a condition: what to write instead."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a name stands twice")
    return told


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


api = NinjaAPI(
    title="Regulars",
    version="1",
    description="Amounts and quantities are decimal text, instants carry their offset, ids are public ids; what"
    " has none is known by its number.",
    openapi_url=None,
    docs_url=None,
    renderer=PlainJson(),
    parser=StrictJson(),
)
refusing.answer_with_problems(api)
api.add_router("", orders.router)
api.add_router("", doubles.router)
api.add_router("", returns.router)
api.add_router("", shipments.router)
# Before the customers, whose path takes any word: `customers/by` is no customer.
api.add_router("", identity.router)
api.add_router("", identity_reviews.router)
api.add_router("", identity_rules.router)
api.add_router("", customers.router)
api.add_router("", consent.router)
api.add_router("", people_rules.router)
api.add_router("", profiles.router)
api.add_router("", company.router)
api.add_router("", sources.router)
api.add_router("", plan.router)
api.add_router("", quarantine.router)
api.add_router("", events.router)
api.add_router("", keeping.router)
api.add_router("", wares.router)
api.add_router("", categories.router)
api.add_router("", stores.router)
api.add_router("", attributes.router)
api.add_router("", webhooks.router)
api.add_router("", exports.router)
api.add_router("", audiences.router)
api.add_router("", order_spends.router)
api.add_router("", points.router)
api.add_router("", rewards.router)
api.add_router("", tiers.router)
api.add_router("", benefits.router)
api.add_router("", missions.router)
api.add_router("", regrants.router)
api.add_router("", memberships.router)
api.add_router("", insight.router)
api.add_router("", costs.router)
# Before the rights, whose paths stand beneath a connection: `connections/kinds` is none.
api.add_router("", connections.router)
api.add_router("", rights.router)
