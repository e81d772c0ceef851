"""Every route says who may use it. A route that says nothing fails the tests.

`requires` and `open_to_everyone` go on function views and on class-based views, plain or async. A person who is not
signed in is sent to the sign-in page and comes back afterwards; one who is signed in without the right gets a 403.
Routes for programs are asked for a key instead, by the door that serves them: `for_keys`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import TypeVar, cast

from asgiref.sync import iscoroutinefunction as is_marked_async
from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View

from regulars.runtime.staff import roles
from regulars.runtime.staff.models import Operator

Anything = TypeVar("Anything", bound=Callable[..., object])
SyncView = Callable[..., HttpResponseBase]
AsyncView = Callable[..., Awaitable[HttpResponseBase]]


@dataclass(frozen=True)
class Policy:
    """Who may use a route: operators whose role has `action`, or everyone (`action` is None), and then `because`."""

    action: roles.Action | None
    because: str = ""


@dataclass(frozen=True)
class KeyPolicy:
    """Who may use a route for programs: keys that were granted the action of the method they call with."""

    actions: Mapping[str, roles.Action]


class NotAllowed(PermissionDenied):
    """Signed in, but the role does not have the action. Django answers 403 through `handler403`."""

    def __init__(self, action: roles.Action) -> None:
        super().__init__(_("Your role does not allow this. Ask an owner if you need it."))
        self.action = action


def requires(action: roles.Action) -> Callable[[Anything], Anything]:
    """Only for signed-in operators whose role allows `action`. An action that is not in the table is a KeyError."""
    if action not in roles.ALLOWED:
        raise KeyError(
            f"no action called {action!r} in runtime/staff/roles.py; add it there, with the roles that have it"
        )
    policy = Policy(action)

    def decorate(view: Anything) -> Anything:
        if isinstance(view, type) and issubclass(view, View):
            # On `dispatch`, whose attributes `as_view` copies to the view: a subclass that overrides dispatch loses
            # the mark together with the check, and so fails the route test instead of standing open.
            is_async = view.view_is_async
            return cast(
                Anything,
                method_decorator(
                    lambda dispatch: cast(SyncView, _guarded(dispatch, policy, is_async)), name="dispatch"
                )(view),
            )
        return cast(Anything, _guarded(view, policy, iscoroutinefunction(view) or is_marked_async(view)))

    return decorate


def open_to_everyone(*, because: str) -> Callable[[Anything], Anything]:
    """For anybody, signed in or not. `because` says why that is safe."""
    if not because:
        raise ValueError("say why everyone may use this route")
    policy = Policy(None, because)

    def decorate(view: Anything) -> Anything:
        if isinstance(view, type) and issubclass(view, View):
            return cast(
                Anything,
                method_decorator(lambda dispatch: cast(SyncView, _opened(dispatch, policy)), name="dispatch")(view),
            )
        return cast(Anything, _opened(view, policy))

    return decorate


def for_keys(view: Anything, actions: Mapping[str, roles.Action]) -> Anything:
    """Mark a view that asks for a key itself, by method. Contract tests call every such route without the right key.

    The facts of keys live above this floor, so the check cannot stand here.
    """
    if not actions or not roles.ALLOWED.keys() >= set(actions.values()):
        raise KeyError(f"{actions!r} names no action, or one that is not in runtime/staff/roles.py")
    view.__dict__["__policy__"] = KeyPolicy(dict(actions))
    return view


def of(view: Callable[..., object]) -> Policy | KeyPolicy | None:
    """The policy a view declares."""
    return getattr(view, "__policy__", None)


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, Callable[..., object]]]:
    """Every route under `patterns`: its pattern as text, and its view."""
    for pattern in patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, where)
        else:
            yield where, pattern.callback


def routes_without_policy(patterns: list[URLPattern | URLResolver]) -> list[str]:
    """The routes that do not say who may use them."""
    return [where for where, view in routes(patterns) if of(view) is None]


def _guarded(view: Callable[..., object], policy: Policy, is_async: bool) -> Callable[..., object]:
    action = policy.action
    assert action is not None

    if is_async:

        @wraps(view)
        async def aguarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            refused = _answer(request, await request.auser(), action)
            return refused or await cast(AsyncView, view)(request, *args, **kwargs)

        return _marked(aguarded, policy)

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        refused = _answer(request, request.user, action)
        return refused or cast(SyncView, view)(request, *args, **kwargs)

    return _marked(guarded, policy)


def _opened(view: Callable[..., object], policy: Policy) -> Callable[..., object]:
    """A wrapper carries the mark, so a view used elsewhere too is not opened there."""

    @wraps(view)
    def opened(*args: object, **kwargs: object) -> object:
        return view(*args, **kwargs)

    if iscoroutinefunction(view) or is_marked_async(view):
        markcoroutinefunction(opened)
    return _marked(opened, policy)


def _marked(view: Callable[..., object], policy: Policy) -> Callable[..., object]:
    view.__dict__["__policy__"] = policy
    return view


def _answer(request: HttpRequest, who: object, action: roles.Action) -> HttpResponseBase | None:
    """None if `who` may go on; the way to the sign-in page for a stranger. Raises NotAllowed for the rest."""
    if isinstance(who, Operator) and who.is_active:
        if not who.may(action):
            raise NotAllowed(action)
        return None
    if request.headers.get("HX-Request") == "true":
        # A fragment cannot be redirected to a whole page: htmx is told to go there itself.
        return HttpResponse(headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
    return redirect_to_login(request.get_full_path())
