"""Setup → Staff: who works here, in which role. Every change is a verb of runtime/staff and leaves a trail line."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import ROLE_NAMES, may, me, page
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires
from regulars.runtime.staff.roles import Role

ROLE_WORDS = {
    Role.OWNER: gettext_lazy("Everything, including the staff and the shop's settings."),
    Role.MANAGER: gettext_lazy("Daily work, numbers, imports and mending; not the staff."),
    Role.ANALYST: gettext_lazy("Members and numbers; contacts stay masked."),
    Role.AGENT: gettext_lazy("Serves members and may reveal a contact with a reason."),
    Role.SHOP_ASSISTANT: gettext_lazy("Finds and serves members at the till."),
    Role.READ_ONLY: gettext_lazy("Looks, and changes nothing."),
}


class Invite(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput(attrs={"class": "input"}))
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"class": "input"})
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[(role.value, name) for role, name in ROLE_NAMES.items()],
        initial=Role.READ_ONLY.value,
        widget=forms.Select(attrs={"class": "input"}),
    )


@require_safe
@requires("staff.read")
def staff(request: HttpRequest) -> HttpResponseBase:
    """Everybody who works here."""
    return _page(request, Invite())


@require_POST
@requires("staff.manage")
def invite(request: HttpRequest) -> HttpResponseBase:
    """Adds a person; their link is shown once, on this answer only."""
    form = Invite(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            handed = operators.invite(
                email=said["email"], name=said["name"], role=said["role"], at=timezone.now(), by=_me(request)
            )
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return _page(request, Invite(), handed=_link(request, handed), handed_to=said["name"])
    return _page(request, form, status=422)


@require_POST
@requires("staff.manage")
def set_role(request: HttpRequest, operator: int) -> HttpResponseBase:
    """Another role, from their next click on."""
    try:
        operators.set_role(operator=operator, role=request.POST.get("role", ""), at=timezone.now(), by=_me(request))
        messages.success(request, _("The role is changed."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:staff")


@require_POST
@requires("staff.manage")
def set_active(request: HttpRequest, operator: int) -> HttpResponseBase:
    """Ends someone's access, or gives it back."""
    verb = operators.reactivate if request.POST.get("active") == "yes" else operators.deactivate
    try:
        verb(operator=operator, at=timezone.now(), by=_me(request))
        messages.success(request, _("Done."))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:staff")


@require_POST
@requires("staff.manage")
def new_link(request: HttpRequest, operator: int) -> HttpResponseBase:
    """A link with which somebody who forgot their password chooses a new one."""
    person = next((p for p in operators.everybody() if p.id == operator), None)
    try:
        if person is None:
            raise operators.UnknownOperator
        if person.invited:
            handed = operators.invite(
                email=person.email, name=person.name, role=person.role, at=timezone.now(), by=_me(request)
            )
        else:
            handed = operators.new_password_link(operator=operator, at=timezone.now(), by=_me(request))
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:staff")
    return _page(request, Invite(), handed=_link(request, handed), handed_to=person.name)


def _me(request: HttpRequest) -> Actor:
    return operators.actor(me(request))


def _link(request: HttpRequest, handed: operators.Handed) -> str:
    return request.build_absolute_uri(reverse("console:welcome", args=[handed.token]))


def _page(
    request: HttpRequest, form: Invite, *, handed: str = "", handed_to: str = "", status: int = 200
) -> HttpResponseBase:
    return page(
        request,
        "console/staff.html",
        title=_("Staff"),
        status=status,
        people=operators.everybody(),
        role_names=[(role.value, name, ROLE_WORDS[role]) for role, name in ROLE_NAMES.items()],
        form=form,
        may_manage=may(request, "staff.manage"),
        handed=handed,
        handed_to=handed_to,
    )
