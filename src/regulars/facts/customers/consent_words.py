"""Consent in the reader's words: purposes, channels, places, and why a message may or may not go."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from regulars.facts.customers.purposes import ANY, Channel, Place, Purpose, Reason

PURPOSES = {
    Purpose.SERVICE: _("Service"),
    Purpose.MARKETING: _("Marketing"),
    Purpose.SURVEYS: _("Surveys"),
    Purpose.PERSONALISATION: _("Personalisation"),
    Purpose.ANALYTICS: _("Analysis"),
    Purpose.SHARING: _("Sharing with partners"),
    ANY: _("Everything"),
}
CHANNELS = {
    Channel.EMAIL: _("E-mail"),
    Channel.SMS: _("Text message"),
    Channel.WECHAT: _("WeChat"),
    Channel.PUSH: _("Push"),
    Channel.PHONE: _("Telephone"),
    Channel.POST: _("Post"),
    Channel.IN_APP: _("In the app"),
    ANY: _("All channels"),
}
PLACES = {
    Place.WEB_FORM: _("a form on the web"),
    Place.CHECKOUT: _("the checkout"),
    Place.STORE: _("the store"),
    Place.APP: _("the app"),
    Place.PREFERENCE_CENTRE: _("the preference centre"),
    Place.ONE_CLICK: _("one-click unsubscribe"),
    Place.REPLY: _("a reply to a message"),
    Place.CALL: _("a telephone call"),
    Place.COOKIE_BANNER: _("the cookie banner"),
    Place.STAFF: _("the staff"),
    Place.IMPORT: _("an imported file"),
    Place.OTHER_SYSTEM: _("another system"),
}
REASONS = {
    Reason.ASKED_IN_STORE: _("Asked in the store"),
    Reason.ASKED_BY_PHONE: _("Asked by telephone"),
    Reason.WROTE_TO_US: _("Wrote to us"),
    Reason.COMPLAINED: _("Complained"),
    Reason.GUARDIAN_ASKED: _("A parent or guardian asked"),
    Reason.CORRECTION: _("A mistake is mended"),
}
#: Why, by the code of an answer.
WHY = {
    "consent.granted": _("Yes: they agreed to it."),
    "consent.not_needed": _("Yes: this needs no consent, and they did not object."),
    "consent.withdrawn": _("No: they refused it or took their consent back."),
    "consent.not_asked": _("No: they were never asked, and this needs their consent."),
    "consent.needs_guardian": _("No: they are too young to decide alone; a parent or guardian has to agree."),
    "consent.not_personalised": _("No: they want nothing personalised."),
    "consent.topic_declined": _("No: they do not want this topic."),
    "consent.paused": _("Not now: they asked for a pause."),
    "consent.often_enough": _("Not now: they have got as many messages this week as they want."),
    "consent.quiet_hours": _("Not now: these are their quiet hours."),
    "consent.unknown_customer": _("No: there is no such customer."),
}


def why(code: str) -> str:
    """The sentence for an answer's code, in the reader's language."""
    return str(WHY[code])


def sentence(code: str, until: datetime | None) -> str:
    """The same with when it ends, on the clock `until` carries."""
    if until is None:
        return why(code)
    return _("%(why)s Until %(until)s.") % {"why": why(code), "until": f"{until:%Y-%m-%d %H:%M}"}
