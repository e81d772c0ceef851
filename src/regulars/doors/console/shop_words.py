"""What goes wrong with a shop, in the reader's language: who speaks with shops says it in codes."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from regulars.doors.console import inbox_words

#: Why messages are not believed.
REFUSED: dict[str, Any] = {
    "unsigned": gettext_lazy("without a signature"),
    "bad_signature": gettext_lazy("with a wrong signature: compare the secret"),
    "bad_time": gettext_lazy("with a time that is none"),
    "too_old": gettext_lazy("signed too long ago: compare the clocks"),
    "too_early": gettext_lazy("signed by a clock that is ahead of ours: compare the clocks"),
    "other_shop": gettext_lazy("of another shop"),
}
#: Why a shop could not be asked, or would not have what was to be written.
WENT_WRONG: dict[str, Any] = {
    "asked_wrongly": gettext_lazy("it does not understand what is asked: this program is too old or too new for it"),
    "bad_answer": gettext_lazy("what it answers cannot be read"),
    "bad_url": gettext_lazy("its address is none that can be called"),
    "by_hand": gettext_lazy("its messages are set up by hand, in its own pages"),
    "code_taken": gettext_lazy("it has a code of its own that reads the same: choose another"),
    "goes_in_circles": gettext_lazy("its pages lead round in a circle"),
    "no_api": gettext_lazy("it does not know what it is asked for: is that its address?"),
    "no_connection": gettext_lazy("nobody answers at its address"),
    "no_place": gettext_lazy("it has no place for any of it: look at the connection's settings"),
    "no_points": gettext_lazy("its points are whole numbers from 0 on"),
    "no_shop": gettext_lazy("there is no such shop at that address"),
    "no_webhooks": gettext_lazy("it sends nothing by itself: it needs a small module of ours"),
    "no_value": gettext_lazy("the code does not say what it is worth"),
    "not_allowed": gettext_lazy("the shop does not let us; look at the credentials and their rights"),
    "not_subscribed": gettext_lazy("it does not want to send its messages here: may the credentials write?"),
    "only_tells": gettext_lazy("it is not asked: it tells by itself"),
    "other_currency": gettext_lazy("it sells in another currency than the code's"),
    "own_codes": gettext_lazy("it makes its codes itself, and takes none of ours"),
    "refused_address": gettext_lazy("its name stands for a private address, which is never called"),
    "reset": gettext_lazy("it broke the connection off"),
    "rests": gettext_lazy("it wants to be left alone for a while"),
    "throttled": gettext_lazy("it is asked by so many that nothing is left for us"),
    "timeout": gettext_lazy("it did not answer in time"),
    "tls": gettext_lazy("its certificate is not trusted, or is another's"),
    "too_dear": gettext_lazy("one thing alone costs more than it allows"),
    "too_long": gettext_lazy("its answer is too long"),
    "too_many": gettext_lazy("it says that there are more than anybody has"),
    "too_many_at_once": gettext_lazy("too many things changed there at one moment to be read apart"),
    "too_many_calls": gettext_lazy("it wants to be asked less often"),
    "too_old": gettext_lazy("its version is too old: its changes cannot be asked for"),
    "unknown_host": gettext_lazy("its name is not known"),
}


def refused(why: str) -> str:
    """Why the last message was refused; "" for none."""
    return str(REFUSED.get(why, why))


def trouble(code: str, said: str = "") -> str:
    """What went wrong; "" for nothing. A shop's own code stands there as it is, with what the shop `said`."""
    if not code:
        return ""
    if words := WENT_WRONG.get(code) or inbox_words.WHY.get(code):
        return str(words)
    kind, _line, status = code.partition("_")
    if kind == "status" and status.isdigit():
        words = _("it answered with an error (%(status)s)") % {"status": status}
    else:
        words = _("the shop said no (%(code)s)") % {"code": code}
    return f"{words}: {said}" if said else words
