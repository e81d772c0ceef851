"""Why a message was not taken, as an operator reads it: in the reader's language, with the mend."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.quarantine import Quarantined


@dataclass(frozen=True)
class Reason:
    """What is wrong in a few words, and what to do about it."""

    title: Any
    mend: Any


REASONS: dict[str, Reason] = {
    "not_json": Reason(
        _("It is no JSON"), _("The text breaks off or is no JSON object; look at how the sender writes it.")
    ),
    "too_large": Reason(_("It is too large"), _("One message has at most a megabyte; send less with each.")),
    "no_type": Reason(
        _("It does not say which call it is"),
        _('Give it a "type": track, identify, page, screen, group or alias.'),
    ),
    "no_identifier": Reason(_("It names nobody"), _('Give it a "userId" or an "anonymousId".')),
    "no_event": Reason(_("It does not say what happened"), _('Give it an "event", such as "Product Viewed".')),
    "bad_id": Reason(
        _("An id is not usable"),
        _("Many people would share it, or it is too long; send each person's own id, up to 200 characters."),
    ),
    "bad_name": Reason(
        _("The name of what happened is not usable"), _("Send up to 200 visible characters, the same for each event.")
    ),
    "unstorable": Reason(_("It holds what cannot be kept"), _("Look for odd characters and for numbers nobody pays.")),
    "not_allowed": Reason(
        _("The key may not make this call"), _("Make a key for this call on the page of the source.")
    ),
    "key_revoked": Reason(_("It came with a revoked key"), _("Somebody still uses the old key; give them a new one.")),
    "key_unknown": Reason(_("It came with a key nobody made"), _("Copy the key from the page of its source.")),
    "same_id_other_content": Reason(
        _("Another message came with the same id"), _('Give each message a "messageId" of its own.')
    ),
    "blocked_by_plan": Reason(
        _("The tracking plan does not expect it"), _("Put it into the source's plan, or let the sender stop.")
    ),
}
STATES: dict[str, Any] = {
    "waiting": _("waiting"),
    "replayed": _("sent again"),
    "discarded": _("thrown away"),
}


@dataclass(frozen=True)
class Held:
    """One message in quarantine with its reason in words."""

    message: Quarantined
    reason: Reason
    state: Any


def reason(code: str) -> Reason:
    """A code nobody has put into words is its own title."""
    return REASONS.get(code, Reason(code, ""))


def shown(message: Quarantined) -> Held:
    """The message with its reason."""
    return Held(message, reason(message.code), STATES[message.state])
