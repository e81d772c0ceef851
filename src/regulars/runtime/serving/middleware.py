"""Django's part: which route a request took, and what to say while the database is away."""

from collections.abc import Callable
from typing import cast

from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

#: SQLSTATE classes of a server that is away, starting or stopping; an error without a state never reached one.
AWAY = ("08", "57P")
RETRY_AFTER_SECONDS = 3
_DEADLOCK = "40P01"


def is_away(problem: Exception) -> bool:
    """Whether the database could not be reached, or is starting or stopping."""
    cause = problem.__cause__
    state = getattr(cause, "sqlstate", None)
    return isinstance(problem, OperationalError | InterfaceError) and (state is None or state.startswith(AWAY))


def met_another(problem: Exception) -> bool:
    """Whether two waited for each other, and this one was ended so that the other could go on: again, it may well
    succeed."""
    return getattr(problem.__cause__, "sqlstate", None) == _DEADLOCK


class RouteAndDatabase:
    """Tells `Observed` the route's pattern, and answers 503 with Retry-After when the database cannot be reached."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_call: object) -> None:
        if isinstance(request, ASGIRequest) and request.resolver_match:
            cast(dict[str, object], request.scope)["regulars.route"] = "/" + request.resolver_match.route

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if not is_away(problem):
            return None
        answer = HttpResponse(render_to_string("serving/database_away.html"), status=503)
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
