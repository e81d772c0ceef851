"""The pictures of levels. Under its address a picture is the same for ever, so browsers may keep it."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from regulars.levers.loyalty import pictures
from regulars.runtime.staff.policy import open_to_everyone


@require_safe
@open_to_everyone(because="what a level looks like is shown to every member, and says nothing of anybody")
def picture(request: HttpRequest, digest: str) -> HttpResponse:
    """One picture."""
    try:
        kind, body = pictures.at_digest(digest)
    except pictures.UnknownPicture:
        return HttpResponse(b"There is no such picture.\n", status=404, content_type="text/plain; charset=utf-8")
    answer = HttpResponse(body, content_type=f"image/{kind}")
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'"
    return answer
