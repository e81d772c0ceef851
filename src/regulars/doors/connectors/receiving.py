"""The door at which shops tell: verify, keep as it came, answer as that shop needs, and have a job take it.

Nothing is read of a message before its signature is good, and nothing is answered before it is kept.
"""

import logging

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from regulars.doors.connectors import jobs, shops
from regulars.doors.connectors.protocol import Answer, Forged, Genuine, Hook
from regulars.facts.sources import connections, inbox
from regulars.kit.ids import BadId
from regulars.runtime.database import clock
from regulars.runtime.serving.limited import Answer as Whole
from regulars.runtime.staff.policy import open_to_everyone

#: Bytes of a message. The largest order of a shop has some hundreds of kilobytes.
LARGEST = 3 << 20
_LOG = logging.getLogger(__name__)
_NOBODY = Answer(404, b"There is no such connection.\n")
_WRONG_METHOD = Answer(405, b"Messages are posted here.\n")


def too_large() -> Whole:
    """For a body above the limit, before anything of it is kept."""
    return Whole(413, "text/plain; charset=utf-8", f"The message has more than {LARGEST} bytes.\n".encode())


@open_to_everyone(because="shops have no account: each message is believed by its signature alone")
@csrf_exempt
def receive(request: HttpRequest, kind: str, connection: str) -> HttpResponse:
    """One message for one connection."""
    if request.method != "POST":
        return _answered(_WRONG_METHOD)
    try:
        known = connections.by_public_id(connection)
        shop = shops.of(kind)
    except (connections.UnknownConnection, shops.NoConnector, BadId):
        return _answered(_NOBODY)
    if known.kind != kind or known.state == "retired":
        return _answered(_NOBODY)
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        whole = too_large()
        return _answered(Answer(whole.status, whole.body))
    now = clock.now()
    secrets = connections.secrets_of(connection=known.id, at=now)
    headers = {name.lower(): value for name, value in request.headers.items()}
    hook = Hook(body, headers, {name: str(value) for name, value in request.GET.items()})
    verdict = shop.verify(hook, secrets.keys(shop.signs_with), shops.about(known), now)
    if isinstance(verdict, Forged):
        connections.refused(connection=known.id, why=verdict.why, at=now)
        return _answered(shop.answers.forged)
    if isinstance(verdict, Genuine):
        try:
            with transaction.atomic():
                kept = inbox.keep(
                    connection=known.id,
                    key=verdict.key,
                    topic=verdict.topic,
                    body=body,
                    headers=verdict.headers,
                    told_at=verdict.told_at,
                    at=now,
                )
                connections.heard(connection=known.id, at=now)
                if kept.is_new:
                    jobs.take.defer(delivery=kept.id)
        except DatabaseError:
            # Not acknowledged: the shop sends it again, and a poll finds it if it does not.
            _LOG.exception("A message of connection %s could not be kept.", known.name)
            return _answered(shop.answers.busy)
        if shop.reply is not None:
            return _answered(shop.reply(body, verdict.told_at, shops.about(known)))
    return _answered(shop.answers.taken)


def _answered(answer: Answer) -> HttpResponse:
    return HttpResponse(
        answer.body,
        status=answer.status,
        content_type=answer.content_type,
        headers={"Cache-Control": "no-store"},
    )
