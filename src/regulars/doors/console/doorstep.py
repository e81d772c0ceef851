"""Coming in and going out: sign-in, one-time links, sign-out, language. No scripts run on these pages."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, login, logout, update_session_auth_hash
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from regulars.doors.console.site import me, sections_for
from regulars.kit.refusals import Refusal
from regulars.runtime.serving import callers
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import open_to_everyone

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def _input(kind: type[forms.Widget], autocomplete: str, **more: str) -> forms.Widget:
    return kind(attrs={"class": "input", "autocomplete": autocomplete, **more})


class SignIn(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=_input(forms.EmailInput, "username", autofocus="autofocus")
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=1024,
        widget=_input(forms.PasswordInput, "current-password"),
    )


class ChoosePassword(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=1024,
        help_text=gettext_lazy(
            "At least 12 characters. A few unrelated words are easier to remember and harder to guess."
        ),
        widget=_input(forms.PasswordInput, "new-password"),
    )


class FirstOperator(ChoosePassword):
    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=120, widget=_input(forms.TextInput, "name", autofocus="autofocus")
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254, widget=_input(forms.EmailInput, "username"))
    field_order = ("name", "email", "password")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_everyone(because="people sign in here; axes counts failures per address and place, known or not")
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """The same answer for a wrong password and an unknown address; ten failures in a quarter of an hour pause both."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if request.user.is_authenticated:
        return redirect(_safe(request, wanted))
    form = SignIn(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _failures_from_here(request) >= settings.REGULARS_FAILURES_FROM_ONE_ADDRESS:
            return render(request, settings.AXES_LOCKOUT_TEMPLATE, status=settings.AXES_HTTP_RESPONSE_CODE)
        # By the name of its field: axes counts under `email`, and a failure without it would count against everybody.
        operator = authenticate(
            request, email=form.cleaned_data["email"].lower(), password=form.cleaned_data["password"]
        )
        if operator is not None:
            login(request, operator)
            return _inside(request, wanted)
        form.add_error(None, _("That e-mail and password do not go together. Check both and try again."))
    status = 200 if request.method != "POST" else 422
    return render(request, "console/sign_in.html", {"title": _("Sign in"), "form": form, "next": wanted}, status=status)


def _failures_from_here(request: HttpRequest) -> int:
    """Failed sign-ins of the last quarter of an hour from the caller's address, whoever they said they were."""
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    failed = AccessAttempt.objects.filter(ip_address=callers.address(request), attempt_time__gte=since)
    return int(failed.aggregate(count=Sum("failures_since_start"))["count"] or 0)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_everyone(because="whoever holds the unspent link is the person it was given to")
def welcome(request: HttpRequest, token: str) -> HttpResponseBase:
    """The first operator makes themselves, an invited one chooses a password. Opening the link spends nothing."""
    purpose = operators.link_purpose(token, at=timezone.now())
    if purpose is None:
        return _spent(request)
    is_first = purpose == "first_operator"
    form = (FirstOperator if is_first else ChoosePassword)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            number = _claim(token, form.cleaned_data) if is_first else _choose(token, form.cleaned_data)
        except operators.LinkSpent:
            return _spent(request)
        except operators.WeakPassword as refusal:
            form.add_error("password", refusal.message)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            login(request, get_user_model()._default_manager.get(pk=number), backend=_BACKEND)
            return _inside(request, "")
    context = {
        "form": form,
        "title": _("Welcome. This shop is yours.") if is_first else _("Choose your password"),
        "lead": _("You are the first to come in, so you become its owner. Others join by your invitation.")
        if is_first
        else _("With it you sign in from now on. This link works once."),
    }
    return render(request, "console/welcome.html", context, status=200 if request.method != "POST" else 422)


@require_POST
@open_to_everyone(because="ending one's own session harms nobody, and the form carries a token against forged posts")
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """The session ends on the server too."""
    logout(request)
    return redirect("console:login")


@require_POST
@open_to_everyone(because="the language is chosen before sign-in too; it changes nobody else's page")
def language(request: HttpRequest) -> HttpResponseBase:
    """Kept in a cookie, and for a signed-in operator on their account, so it follows them to another machine."""
    code = request.POST.get("language", "")
    answer = redirect(_safe(request, request.POST.get("next", "")))
    if code not in dict(settings.LANGUAGES) or not check_for_language(code):
        return answer
    if request.user.is_authenticated:
        operators.set_language(operator=me(request), language=code, at=timezone.now(), by=operators.actor(me(request)))
    _speak(answer, code)
    return answer


def _claim(token: str, said: dict[str, Any]) -> int:
    return operators.claim_first(
        token=token,
        email=said["email"],
        name=said["name"],
        password=said["password"],
        language=get_language() or "",
        at=timezone.now(),
    )


def _choose(token: str, said: dict[str, Any]) -> int:
    return operators.choose_password(token=token, password=said["password"], at=timezone.now())


def _spent(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "console/word.html",
        {
            "title": _("This link no longer works"),
            "words": _("Each link opens the door once and only for a while. Ask whoever gave it to you for a new one."),
            "way_on": reverse("console:login"),
            "way_on_words": _("To sign-in"),
        },
        status=410,
    )


def stay_signed_in(request: HttpRequest) -> None:
    """After a change of one's own password this browser goes on; every other one is out."""
    update_session_auth_hash(request, get_user_model()._default_manager.get(pk=me(request)))


def _inside(request: HttpRequest, wanted: str) -> HttpResponseRedirect:
    answer = redirect(_safe(request, wanted))
    if request.user.is_authenticated and request.user.language:
        _speak(answer, request.user.language)
    return answer


def _safe(request: HttpRequest, wanted: str) -> str:
    """`wanted` if it is a place of this console, else the first section the operator may open (or the sign-in page)."""
    ours = wanted.startswith("/console/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if ours:
        return wanted
    sections = sections_for(request)
    return reverse(f"console:{sections[0].route}") if sections else reverse("console:login")


def _speak(answer: HttpResponse, code: str) -> None:
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
