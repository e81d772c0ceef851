"""Who may come through which door."""

import asyncio

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import include, path
from django.views import View

from regulars.runtime.staff import policy
from regulars.runtime.staff.models import Operator
from regulars.runtime.staff.policy import NotAllowed, open_to_everyone, requires


@requires("members.read")
def function(request, name="page"):
    return HttpResponse(name)


@requires("members.read")
async def async_function(request, name="page"):
    return HttpResponse(name)


@requires("members.read")
class Page(View):
    def get(self, request, name="page"):
        return HttpResponse(name)


@requires("members.read")
class AsyncPage(View):
    async def get(self, request, name="page"):
        return HttpResponse(name)


class Careless(Page):
    """Overrides the one method that asks."""

    def dispatch(self, request, *args, **kwargs):
        return HttpResponse("open")


def plain(request):
    return HttpResponse("plain")


VIEWS = [function, async_function, Page.as_view(), AsyncPage.as_view()]


def call(view, who, **headers):
    request = RequestFactory().get("/members/?page=2", headers=headers)
    request.user = who

    async def auser():
        return who

    request.auser = auser
    answer = view(request, name="members")
    return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer


@pytest.mark.parametrize("view", VIEWS)
def test_a_stranger_is_sent_to_sign_in_and_comes_back(view, settings):
    settings.LOGIN_URL = "/console/sign-in/"
    answer = call(view, AnonymousUser())
    assert answer.status_code == 302
    assert answer["Location"] == "/console/sign-in/?next=/members/%3Fpage%3D2"


@pytest.mark.parametrize("view", VIEWS)
def test_a_fragment_sends_the_whole_page_to_sign_in(view, settings):
    settings.LOGIN_URL = "/console/sign-in/"
    answer = call(view, AnonymousUser(), hx_request="true")
    assert answer["HX-Redirect"] == "/console/sign-in/"
    assert answer.content == b""


@pytest.mark.parametrize("view", VIEWS)
def test_who_may_goes_in_and_who_may_not_is_told(view):
    assert call(view, Operator(role="agent", is_active=True)).content == b"members"
    with pytest.raises(NotAllowed):
        call(view, Operator(role="nothing", is_active=True))


@pytest.mark.parametrize("view", VIEWS)
def test_who_has_left_is_a_stranger(view):
    assert call(view, Operator(role="owner", is_active=False)).status_code == 302


def test_async_views_stay_async():
    assert asyncio.iscoroutinefunction(async_function)
    assert not asyncio.iscoroutinefunction(function)


def test_a_route_without_a_policy_is_found():
    """The check the whole house stands under can fail."""
    patterns = [
        path("members/", function),
        path("deep/", include([path("plain/", plain), path("page/", Page.as_view())])),
        path("careless/", Careless.as_view()),
        path("lent/", open_to_everyone(because="it says nothing")(plain)),
        path("async/", AsyncPage.as_view()),
    ]
    assert policy.routes_without_policy(patterns) == ["deep/plain/", "careless/"]


def test_opening_a_view_here_does_not_open_it_elsewhere():
    opened = open_to_everyone(because="it says nothing")(plain)
    assert policy.of(opened).because == "it says nothing"
    assert policy.of(plain) is None


def test_mistakes_are_found_when_the_view_is_imported():
    with pytest.raises(KeyError, match=r"members\.raed"):
        requires("members.raed")
    with pytest.raises(ValueError, match="say why"):
        open_to_everyone(because="")
