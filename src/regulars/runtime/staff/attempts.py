"""Failed sign-ins are counted under a keyed hash: whoever reads the table learns no address, tried or real."""

from collections.abc import Mapping

from django.http import HttpRequest

from regulars.runtime.secrets import lookup


def counted_as(request: HttpRequest, credentials: Mapping[str, str] | None) -> str | None:
    """What axes keeps instead of the e-mail address, whatever its case; None where none was given."""
    given = (credentials or {}).get("email") or request.POST.get("email")
    return lookup.digest("staff.sign_in", given.strip().lower()).hex() if given else None
