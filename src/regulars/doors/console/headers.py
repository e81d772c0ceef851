"""What the browser may do with our pages. docs/decisions/0050-the-consoles-content-policy.md gives the reasons."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

#: Nothing but our own style, pictures and forms; no script at all. Sign-in, errors, and whatever says nothing else.
STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Inside Unfold's chrome: its Alpine evaluates the expressions in our own templates, and its palette is a <style>.
CHROME = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


class Headers(MiddlewareMixin):
    """Gives every answer of Django's a content policy, and keeps pages about people out of shared caches."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", STRICT)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if request.path.startswith("/console/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
