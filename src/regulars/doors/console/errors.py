"""What a visitor reads when something does not work out: in the house's style, in both languages, without scripts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from regulars.runtime.trail.requests import request_id


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _word(
        request,
        400,
        _("We could not read that request"),
        _("Something in the address or the form was not in the shape we expect. Go back and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _word(
        request,
        403,
        _("This page is not part of your role"),
        _("Nothing is broken. Ask an owner of the shop if you need to see it."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _word(
        request,
        404,
        _("There is nothing at this address"),
        _("It may have moved, or a letter of the address was lost on the way."),
    )


def broken(request: HttpRequest) -> HttpResponse:
    return _word(
        request,
        500,
        _("Something went wrong on our side"),
        _("It is written down with its time and number. What you had saved is still saved."),
    )


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token did not fit: usually a page left open while somebody signed in or out elsewhere."""
    return _word(
        request,
        403,
        _("This page has grown old"),
        _("You signed in or out elsewhere while it was open. Load it again and repeat what you did."),
    )


def _word(request: HttpRequest, code: int, title: str, words: str) -> HttpResponse:
    context = {
        "code": code,
        "title": title,
        "words": words,
        "way_on": "/console/",
        "way_on_words": _("To the console"),
        "request_id": request_id.get() if code == 500 else "",
    }
    return render(request, "console/word.html", context, status=code)
