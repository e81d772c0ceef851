"""Today: what needs attention."""

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.site import may, page
from regulars.facts.sources import import_runs
from regulars.runtime.staff.policy import requires

RUNS_SHOWN = 6


@require_safe
@requires("today.read")
def today(request: HttpRequest) -> HttpResponseBase:
    """What came in; what else needs attention joins it room by room."""
    may_see_imports = may(request, "imports.read")
    return page(
        request,
        "console/today.html",
        title=_("Today"),
        may_see_imports=may_see_imports,
        runs=import_runs.recent(RUNS_SHOWN) if may_see_imports else [],
    )
