"""What the shop promised to good causes of what customers kept, for everybody: a plain page, without any script, where
the shop says that it is public. Totals alone: nothing of any order, and of nobody."""

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from regulars.facts.company import company
from regulars.kit.money import Money
from regulars.levers.loyalty import pledges
from regulars.oversight.reporting import formats
from regulars.runtime.preferences.preferences import read
from regulars.runtime.staff.policy import open_to_everyone

#: As long as a total may be old: it adds up every promise there was, whoever asks.
SECONDS = 60
LANGUAGES = {"en": "English", "zh-hans": "中文"}


@open_to_everyone(because="what was promised to good causes is told to everybody where the shop says so")
@require_safe
def causes(request: HttpRequest) -> HttpResponse:
    """The totals, in the reader's language or the one asked for with `lang`."""
    if not read(pledges.PUBLIC):
        raise Http404
    asked = request.GET.get("lang", "")
    with translation.override(asked if asked in LANGUAGES else translation.get_language()):
        found = cache.get_or_set("portal.causes", pledges.totals, SECONDS) or []
        answer = render(
            request,
            "portal/causes.html",
            {
                "shop": company.shop().name,
                "causes": [(one.cause, _shown(one.all_in_all), _shown(one.paid)) for one in found],
                "languages": LANGUAGES.items(),
                "here": translation.get_language(),
            },
        )
    answer.headers["Cache-Control"] = f"public, max-age={SECONDS}"
    patch_vary_headers(answer, ("Accept-Language", "Cookie"))
    return answer


def _shown(amount: Money) -> str:
    return formats.money(amount.minor, amount.currency)
