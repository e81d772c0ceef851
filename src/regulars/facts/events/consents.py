"""What a browser's consent banner tells, as Segment's clients send it with every call. Pure.

`context.consent.categoryPreferences` has a yes or no for each category of the banner, under names the shop chose. It is
consent to what happens in the browser; a yes to advertising there opens nothing here, a no closes the sharing of data.
"""

from collections.abc import Mapping
from typing import Any

from regulars.facts.customers.purposes import Purpose

#: Categories as banners call them; C0002 and so on are OneTrust's.
_PURPOSES: Mapping[str, Purpose] = {
    **dict.fromkeys(("analytics", "statistics", "performance", "measurement", "c0002"), Purpose.ANALYTICS),
    **dict.fromkeys(("functional", "functionality", "preferences", "c0003"), Purpose.PERSONALISATION),
    **dict.fromkeys(("personalization", "personalisation"), Purpose.PERSONALISATION),
    **dict.fromkeys(("advertising", "marketing", "targeting", "ads", "c0004", "c0005"), Purpose.SHARING),
}
#: Purposes that a banner may only close.
_CLOSED_ONLY = frozenset((Purpose.SHARING,))


def told(data: Mapping[str, Any]) -> dict[Purpose, bool]:
    """Purpose to yes or no; of several categories of one purpose the no counts. Empty where nothing is told."""
    found: Any = data
    for part in ("context", "consent", "categoryPreferences"):
        found = found.get(part) if isinstance(found, Mapping) else None
    answers: dict[Purpose, bool] = {}
    for name, answer in found.items() if isinstance(found, Mapping) else ():
        purpose = _PURPOSES.get(str(name).strip().casefold())
        if purpose is not None and isinstance(answer, bool):
            answers[purpose] = answers.get(purpose, True) and answer
    return {purpose: answer for purpose, answer in answers.items() if not (answer and purpose in _CLOSED_ONLY)}
