"""The web server's entry: one ASGI application made of several, told apart by path."""

import os
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import get_resolver

from regulars.doors.api.v1 import problems
from regulars.runtime.database.pooling import share_connections
from regulars.runtime.serving.limited import Answer, Limited
from regulars.runtime.serving.observed import App, Observed, Receive, Scope, Send
from regulars.runtime.serving.parents import SUPERVISOR, end_with_parent
from regulars.runtime.serving.registry import REGISTRY

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "regulars.main.settings")
django_application = cast(App, get_asgi_application())
# Its models load only after Django is set up, which the line above does.
from regulars.doors.connectors import receiving  # noqa: E402 - models load after Django is set up
from regulars.doors.ingest.app import Ingest  # noqa: E402

# Now rather than in the first request: the routes bring in everything the screens stand on, which takes seconds.
get_resolver().url_patterns  # noqa: B018 - reading it loads it

#: Bytes of a form; Django's own limit counts a form's fields only, after the body was read.
LARGEST_FORM = 2_500_000


def _too_large() -> Answer:
    said = f"The request has more than {LARGEST_FORM} bytes. Order files come in with `regulars import orders FILE`.\n"
    return Answer(413, "text/plain; charset=utf-8", said.encode())


#: Applications with a rule of their own, by the beginning of the path; the first that fits gets the request.
_INGEST = Ingest()
_OF_EVENTS = ("/v1/", "/beacon/v1/")
BESIDE_DJANGO: tuple[tuple[str, App], ...] = (
    *((beginning, cast(App, _INGEST)) for beginning in _OF_EVENTS),
    ("/hooks/", Limited(django_application, most=receiving.LARGEST, refusal=receiving.too_large)),
    ("/api/", Limited(django_application, most=problems.LARGEST_BODY, refusal=problems.too_large)),
)
_ALL_THE_REST = Limited(django_application, most=LARGEST_FORM, refusal=_too_large)


async def by_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand the request to the application that its path belongs to; Django has all the rest.

    A client that was told a host with a slash at its end sends to `//v1/track`, which is nobody else's path.
    """
    if scope["path"].startswith("//"):
        whole = f"/{scope['path'].lstrip('/')}"
        if whole.startswith(_OF_EVENTS):
            scope["path"] = whole
    for beginning, app in BESIDE_DJANGO:
        if scope["path"].startswith(beginning):
            await app(scope, receive, send)
            return
    await _ALL_THE_REST(scope, receive, send)


application: App = Observed(by_path)


def in_a_worker() -> App:
    """The application, in a process forked from the one that imported it all: called there once, before it serves."""
    if os.environ.get(SUPERVISOR):
        # The worker's parent is the web server, whose own is the supervisor.
        end_with_parent()
        share_connections()
        REGISTRY.keep_in(settings.REGULARS_HOME / "run" / "metrics")
    return application
