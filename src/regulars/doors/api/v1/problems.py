"""Every no as `application/problem+json` (RFC 9457): a stable code, the field, the mend; never a stack.

Imports no models: the web server's entry needs it before Django is set up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, gettext_noop
from pydantic_core import to_json

from regulars.kit.refusals import Refusal
from regulars.runtime.serving.limited import Answer
from regulars.runtime.trail.requests import request_id

CONTENT_TYPE = "application/problem+json"
LARGEST_BODY = 1 << 20
_TITLES = {
    400: gettext_noop("Not understood"),
    401: gettext_noop("No key"),
    403: gettext_noop("Not granted"),
    404: gettext_noop("Not found"),
    405: gettext_noop("Wrong method"),
    409: gettext_noop("In the way of what is on record"),
    413: gettext_noop("Too large"),
    415: gettext_noop("Not JSON"),
    422: gettext_noop("Refused"),
    500: gettext_noop("Our fault"),
    503: gettext_noop("Back in a moment"),
}


class NotFound(Refusal):
    """Nothing here."""

    code = "request.not_found"


class NotGranted(Refusal):
    """A good key, for other things."""

    code = "key.not_granted"


def body_of(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    more: Mapping[str, str] | None = None,
) -> bytes:
    """The JSON of a problem. `more` for what some of them say beside, such as the node of a condition."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": gettext(_TITLES[status]),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id.get(),
    }
    if field:
        told["field"] = field
    if errors:
        told["errors"] = list(errors)
    return to_json(told | dict(more or {}))


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    more: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A problem as Django's answer."""
    return HttpResponse(
        body_of(status, code, detail, field=field, errors=errors, more=more),
        status=status,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store"},
    )


def too_large() -> Answer:
    """For a body above the limit, before anything of it is kept."""
    detail = gettext("body: has more than %(most)s bytes; send one order at a time, or use the file import")
    detail %= {"most": LARGEST_BODY}
    return Answer(413, CONTENT_TYPE, body_of(413, "request.too_large", detail, field="body"))
