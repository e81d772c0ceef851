"""Who calls: `Authorization: Bearer rk_…`, and what that key was granted."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from regulars.doors.api.v1.problems import NotGranted
from regulars.facts.sources import api_keys
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import roles

#: Where the names stand that a route knows in its query (a frozenset; None where it does not matter).
KNOWN_QUERY = "regulars.known_query"


class UnknownInQuery(Refusal):
    """A name in the query that does nothing: ignored, it would look as if it had."""

    code = "request.unknown_query"


class ApiKey(HttpBearer):
    """Asks for a key that was granted `action`, before anything of the request is read."""

    def __init__(self, action: roles.Action) -> None:
        super().__init__()
        self.action = action

    def authenticate(self, request: HttpRequest, token: str) -> api_keys.ApiKey | None:
        """The key; None for one that does not work. Refuses a good key without the action."""
        key = api_keys.present(token=token)
        if key is not None:
            _check(key, self.action)
        known = request.META.get(KNOWN_QUERY)
        # Only now: a stranger is told nothing about what a route takes.
        if key is not None and known is not None and (unknown := sorted(set(request.GET) - known)):
            shown = unknown[0][:40].encode("utf-8", "replace").decode()
            raise UnknownInQuery(
                _("query: %(value)r is not known here; leave it out") % {"value": shown}, field="query", value=shown
            )
        return key


def caller(request: HttpRequest) -> Actor:
    """The key that came in with the request, as `by` of a verb."""
    return _key(request).actor


def may(request: HttpRequest, action: roles.Action) -> bool:
    """Whether the key was granted this, too."""
    return action in _key(request).may


def need(request: HttpRequest, action: roles.Action) -> None:
    """What the body asks for takes this right, too. Raises `NotGranted`."""
    _check(_key(request), action)


def _check(key: api_keys.ApiKey, action: roles.Action) -> None:
    if action not in key.may:
        raise NotGranted(
            _("Authorization: the key %(name)s was not granted %(action)s; use another key")
            % {"name": key.name, "action": action}
        )


def _key(request: HttpRequest) -> api_keys.ApiKey:
    key = request.auth  # type: ignore[attr-defined]  # ninja puts what `authenticate` gave there
    assert isinstance(key, api_keys.ApiKey)
    return key
