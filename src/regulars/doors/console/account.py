"""One's own account: the password."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from regulars.doors.console.doorstep import stay_signed_in
from regulars.doors.console.site import me, page
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires


def _secret(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"class": "input", "autocomplete": autocomplete})


class ChangePassword(forms.Form):
    current = forms.CharField(
        label=gettext_lazy("Current password"), strip=False, max_length=1024, widget=_secret("current-password")
    )
    new = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=1024,
        help_text=gettext_lazy("At least 12 characters."),
        widget=_secret("new-password"),
    )


@sensitive_post_parameters("current", "new")
@require_http_methods(["GET", "HEAD", "POST"])
@requires("self.edit")
def account(request: HttpRequest) -> HttpResponseBase:
    """Changing it signs every other browser of theirs out."""
    form = ChangePassword(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            operators.change_password(operator=me(request), current=said["current"], new=said["new"], at=timezone.now())
        except operators.WrongPassword as refusal:
            form.add_error("current", refusal.message)
        except Refusal as refusal:
            form.add_error("new", refusal.message)
        else:
            stay_signed_in(request)
            messages.success(request, _("Your password is changed. Other browsers were signed out."))
            return redirect("console:account")
    status = 422 if form.errors else 200
    return page(request, "console/account.html", title=_("Your account"), status=status, form=form)
