"""Who a member's browser belongs to: a link opens it, a signed cookie keeps it for half a day.

The link's page asks for a tap before it opens anything: programs that look at links beforehand open nothing.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_http_methods, require_POST

from regulars.facts.company import company
from regulars.facts.customers import customers, sign_in_links
from regulars.facts.customers.customers import Customer
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock
from regulars.runtime.serving import callers
from regulars.runtime.staff.policy import open_to_everyone

COOKIE, SALT, PATH = "regulars_member", "portal.member", "/me/"
LASTS = timedelta(hours=12)
#: Links that one address may try in a minute.
MOST_TRIES = 20
LANGUAGES = {"en": "English", "zh-hans": "中文"}


@dataclass(frozen=True)
class Visitor:
    """Whose browser it is. `by`: what they do here is the member's, by a link that somebody made. `with_money`: money
    may go back to them at once; `may_join`: they may join what is to be paid later. `only_looks`: somebody of the staff
    sees what the member sees, and can do nothing."""

    customer: Customer
    by: Actor
    with_money: bool
    may_join: bool
    only_looks: bool


def visitor(request: HttpRequest) -> Visitor | None:
    """Whose browser it is; None for a stranger's, and for one whose half day is over."""
    told = (request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=LASTS) or "").split("|")
    if len(told) != 5:
        return None
    public_id, made_by, *opens = told
    try:
        who = customers.by_public_id(public_id)
        with_money, may_join, only_looks = (one == "1" for one in opens)
        return Visitor(who, Actor("member", f"{who.public_id}/{made_by}"), with_money, may_join, only_looks)
    except Refusal:
        # The cookie is ours and its customer is gone, as after a restore: a stranger's browser.
        return None


def who_acts(request: HttpRequest) -> Visitor | None:
    """Whose browser it is, where they may do something in it."""
    found = visitor(request)
    return None if found is None or found.only_looks else found


def language(request: HttpRequest) -> str:
    """The one asked for with `lang`, else the reader's."""
    asked = request.GET.get("lang", "")
    return asked if asked in LANGUAGES else translation.get_language()


def brand(request: HttpRequest) -> str:
    """The code of the brand whose card it is, as the link says with `brand`: it changes names and pictures alone."""
    return request.GET.get("brand", "")[:64]


def to_card(request: HttpRequest, place: str = "") -> HttpResponseRedirect:
    """Back to the card, at a place of it, in the language and of the brand that was asked for."""
    asked = {"lang": language(request) if request.GET.get("lang") in LANGUAGES else "", "brand": brand(request)}
    told = urlencode({name: value for name, value in asked.items() if value})
    answer = HttpResponseRedirect(reverse("portal-card") + (f"?{told}" if told else "") + place)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@open_to_everyone(because="a link that was handed over opens one member's card, once and within minutes")
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a tap; then open the link, remember who it is, and go to the card."""
    with translation.override(language(request)):
        if _tries_too_often(request):
            return _page(request, "portal/link_over.html", status=429)
        if request.method != "POST":
            return _page(request, "portal/enter.html")
        try:
            opened = sign_in_links.open_link(token=token, at=clock.now())
        except sign_in_links.LinkIsOver:
            return _page(request, "portal/link_over.html", status=410)
    answer = to_card(request)
    opens = opened.with_money, opened.may_join, opened.only_looks
    answer.set_signed_cookie(
        COOKIE,
        "|".join([opened.customer, opened.made_by, *(str(int(one)) for one in opens)]),
        salt=SALT,
        max_age=int(LASTS.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return answer


@open_to_everyone(because="it forgets who the browser belongs to")
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Forget who it is."""
    answer = to_card(request)
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


def _page(request: HttpRequest, template: str, status: int = 200) -> HttpResponse:
    told = {"shop": company.shop().name, "languages": LANGUAGES.items(), "here": translation.get_language()}
    answer = render(request, template, told, status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _tries_too_often(request: HttpRequest) -> bool:
    if request.method != "POST":
        return False
    address = (callers.address(request) or "").encode()
    name = f"portal-tries:{blake2b(address, digest_size=12, key=settings.SECRET_KEY.encode()[:64]).hexdigest()}"
    cache.add(name, 0, 60)
    try:
        return int(cache.incr(name)) > MOST_TRIES
    except ValueError:
        # The minute was over between the two: this is the first try of the next.
        return False
