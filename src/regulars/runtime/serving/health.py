"""What machines ask: does the process live, can it serve, and how is it doing."""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from threading import Lock

from django.db import DatabaseError, InterfaceError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from regulars.runtime.database.ready import pending_migrations
from regulars.runtime.serving.figures import figures
from regulars.runtime.serving.registry import REGISTRY
from regulars.runtime.staff.policy import open_to_everyone

#: A balancer that asks wants to hear no in time; a server that was killed may leave a connection hanging for long.
PATIENCE_SECONDS = 2.0
#: Once nothing is pending for this code, nothing will be: migrations come with code.
_migrated = False
#: One question at a time: while the last one hangs, those who come wait for the same answer, and no threads pile up.
_asker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz")
_asking: "Future[str] | None" = None
_one_at_a_time = Lock()


@open_to_everyone(because="it says that the process lives, and nothing else")
@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """This process answers. It does not touch the database."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def _not_ready() -> str:
    """Why the shop cannot be served, or nothing; known after PATIENCE_SECONDS at the latest."""
    global _asking
    with _one_at_a_time:
        if _asking is None or _asking.done():
            _asking = _asker.submit(_ask)
        asked = _asking
    try:
        return asked.result(timeout=PATIENCE_SECONDS)
    except TookTooLong:
        return "the database does not answer"


def _ask() -> str:
    global _migrated
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            pending = pending_migrations()
            _migrated = not pending
            if pending:
                return f"{len(pending)} migrations are pending"
    except (DatabaseError, InterfaceError):
        return "the database does not answer"
    finally:
        # This thread's own connection: no request would ever close it.
        connections.close_all()
    return ""


@open_to_everyone(because="it says whether the shop can be served, and nothing about it")
@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """The database answers and has every migration of this code; 503 and the reason otherwise."""
    if why := _not_ready():
        return JsonResponse({"ready": False, "because": why}, status=503, headers={"Retry-After": "3"})
    return JsonResponse({"ready": True})


@open_to_everyone(because="it counts requests, jobs and bytes, and names nobody")
@require_safe
@never_cache
def metrics(_request: HttpRequest) -> HttpResponse:
    """Requests and durations of all web workers, and figures read from the database now."""
    return HttpResponse(REGISTRY.text() + figures(), content_type="text/plain; version=0.0.4; charset=utf-8")
