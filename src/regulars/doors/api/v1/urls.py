"""Routes of the API, each marked with the action that its key needs."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja.operation import Operation

from regulars.doors.api.v1 import problems, refusing
from regulars.doors.api.v1.api import api, written
from regulars.doors.api.v1.keys import KNOWN_QUERY, ApiKey
from regulars.runtime.staff.policy import for_keys, open_to_everyone

View = Callable[..., HttpResponseBase]
#: How often a request is tried that had to make way for another.
_MOST_TRIES = 4


@open_to_everyone(because="it describes the API, which is the same in every house")
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return HttpResponse(written(), content_type="application/json")


@open_to_everyone(because="it says that there is nothing here")
@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Programs expect a problem, not a page for people."""
    return problems.answer(404, problems.NotFound.code, _("path: there is nothing here; look at /api/v1/openapi.json"))


def _in_json(view: View, queries: Mapping[str, frozenset[str]]) -> View:
    """Around ninja's view: what it would answer in plain text, and bodies that do not claim to be JSON.

    `queries` are the names each method knows in its query; who may come in is told of others (`keys`).
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        has_body = request.META.get("CONTENT_LENGTH", "") not in {"", "0"}
        if has_body and request.content_type != "application/json":
            return problems.answer(
                415,
                "request.not_json",
                _("Content-Type: is not application/json; say so and send JSON"),
                field="Content-Type",
            )
        request.META[KNOWN_QUERY] = queries.get(request.method or "")
        response = view(request, *args, **kwargs)
        for _again in range(_MOST_TRIES - 1):
            if not request.META.pop(refusing.MET_ANOTHER, False) or not _may_be_repeated(request):
                break
            response = view(request, *args, **kwargs)
        if response.status_code == 405:
            refused = problems.answer(
                405,
                "request.wrong_method",
                _("method: %(method)s does nothing here; use %(others)s")
                % {"method": request.method, "others": response["Allow"]},
            )
            refused["Allow"] = response["Allow"]
            return refused
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answered


def _may_be_repeated(request: HttpRequest) -> bool:
    """Nothing of it is left, and what it had written before in transactions of its own is under its key."""
    return not connection.in_atomic_block and (request.method == "GET" or "Idempotency-Key" in request.headers)


def known_query(operation: Operation) -> frozenset[str]:
    """The names an operation knows in its query. The whole description would say so too, after half a second."""
    return frozenset(
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in model.__ninja_flatten_map__
    )


def _routes() -> Iterator[URLPattern]:
    """A path whose operations do not each ask for one key stays without a mark, and fails the contract test."""
    for bound in api._get_bound_routers():
        by_name = {
            operation.view_func.__name__: view
            for view in bound.path_operations.values()
            for operation in view.operations
        }
        for pattern in bound.urls_paths(bound.prefix):
            operations = by_name[str(pattern.name)].operations
            view = _in_json(
                pattern.callback,
                {method: known_query(operation) for operation in operations for method in operation.methods},
            )
            actions: dict[str, str] = {}
            for operation in operations:
                match operation.auth_callbacks:
                    case [ApiKey(action=action)]:
                        actions |= dict.fromkeys(operation.methods, action)
            if len(actions) == sum(len(operation.methods) for operation in operations):
                for_keys(view, actions)
            yield path(str(pattern.pattern), view, name=pattern.name)


urlpatterns = [
    path("openapi.json", openapi, name="openapi"),
    *_routes(),
    path("", nothing_here),
    path("<path:rest>", nothing_here),
]
