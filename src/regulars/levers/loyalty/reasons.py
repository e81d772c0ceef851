"""Why points moved: a code and its arguments in the ledger, words in the reader's language when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from regulars.levers.loyalty.rules import grants
from regulars.levers.loyalty.rules import reasons as earned


@dataclass(frozen=True, slots=True)
class Reason:
    """A code, and what its words need: numbers, codes and days, never what is personal."""

    code: str
    arguments: Mapping[str, object] = field(default_factory=dict)


#: Code -> its words. Rules add theirs with `speak`.
_WORDS: dict[str, str | Promise] = {
    "awarded": gettext_lazy("awarded"),
    "redeemed": gettext_lazy("spent"),
    "donated": gettext_lazy("given to a good cause"),
    "held": gettext_lazy("kept for a purchase"),
    "captured": gettext_lazy("spent on the purchase they were kept for"),
    "reward": gettext_lazy("spent on the reward %(reward)s"),
    "reward_back": gettext_lazy("given back with the reward %(reward)s"),
    "mission": gettext_lazy("for the mission %(mission)s"),
    "mission_undone": gettext_lazy("the mission %(mission)s is not done any more"),
    "released": gettext_lazy("no longer kept for a purchase"),
    "hold_timed_out": gettext_lazy("kept for a purchase that was not made in time"),
    "matured": gettext_lazy("can be spent from now on"),
    "order_missing": gettext_lazy("given back: order %(order)s never came"),
    "order_off": gettext_lazy("given back: order %(order)s was cancelled or came back"),
    "order_twice": gettext_lazy("given back: spent twice for order %(order)s"),
    "lapsed": gettext_lazy("not spent before they expired"),
    "settled": gettext_lazy("points that were owed are paid back"),
    "made_good": gettext_lazy("what was forgiven because it was spent is made good: it came back"),
    "beyond_debt_limit": gettext_lazy("owed beyond the limit, and forgiven"),
    "written_off": gettext_lazy("points that were owed are forgiven"),
    "reversed": gettext_lazy("taken back"),
    "restored": gettext_lazy("given back"),
    "reinstated": gettext_lazy("expired points are valid again"),
    "extended": gettext_lazy("valid for longer"),
    "rested": gettext_lazy("nothing ended while it was frozen: the days that were left are left"),
    "service": gettext_lazy("by customer service"),
    "correction": gettext_lazy("a correction"),
    "brought_along": gettext_lazy("brought along from the system used before"),
    "amends": gettext_lazy("to make up for something that went wrong"),
    "missing": gettext_lazy("points that were missing"),
    "present": gettext_lazy("a present from the shop"),
    "misuse": gettext_lazy("taken away because of misuse"),
    "regranted": gettext_lazy("rules that were changed for the past (batch %(batch)s)"),
    "regrant_undone": gettext_lazy("rules that were changed for the past are taken back (batch %(batch)s)"),
    "passed_on": gettext_lazy("passed on to an heir"),
    "inherited": gettext_lazy("inherited"),
    "passed_back": gettext_lazy("given back from an heir"),
    "joined": gettext_lazy("came along when two records became one person"),
    "parted": gettext_lazy("went back when two records were parted"),
}


def speak(words: Mapping[str, str | Promise]) -> None:
    """Add the words of further codes; `%(name)s` stands for an argument. A code's words are said once."""
    for code, text in words.items():
        if _WORDS.setdefault(code, text) is not text:
            raise ValueError(f"{code!r} has words already")


def say(reason: Reason) -> str:
    """The reason in the reader's language. A code that no room of this release knows is said as it is."""
    reason = _spoken(reason)
    words = _WORDS.get(reason.code)
    if words is None and reason.code in earned.codes():
        return earned.said(grants.Reason(reason.code, {name: str(value) for name, value in reason.arguments.items()}))
    if words is None:
        return _("for a reason this release does not know: %(code)s") % {"code": reason.code}
    return str(words) % dict(reason.arguments) if reason.arguments else str(words)


def _spoken(reason: Reason) -> Reason:
    """With what is called something else in Chinese as that, where it is read in Chinese."""
    if not (get_language() or "").startswith("zh"):
        return reason
    own = {name.removesuffix("_zh"): told for name, told in reason.arguments.items() if name.endswith("_zh")}
    return Reason(reason.code, {**reason.arguments, **own}) if own else reason
