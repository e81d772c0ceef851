"""What somebody may be asked for: purposes, ways to reach them, places where they answer. Closed lists. Pure."""

from enum import StrEnum
from typing import Final

#: In a consent: every purpose, every channel.
ANY: Final = "*"


class Purpose(StrEnum):
    """What a person's data or attention is used for."""

    SERVICE = "service"
    MARKETING = "marketing"
    SURVEYS = "surveys"
    PERSONALISATION = "personalisation"
    ANALYTICS = "analytics"
    SHARING = "sharing"


class Channel(StrEnum):
    """A way to reach somebody."""

    EMAIL = "email"
    SMS = "sms"
    WECHAT = "wechat"
    PUSH = "push"
    PHONE = "phone"
    POST = "post"
    IN_APP = "in_app"


class Place(StrEnum):
    """Where somebody answered."""

    WEB_FORM = "web_form"
    CHECKOUT = "checkout"
    STORE = "store"
    APP = "app"
    PREFERENCE_CENTRE = "preference_centre"
    ONE_CLICK = "one_click"
    REPLY = "reply"
    CALL = "call"
    COOKIE_BANNER = "cookie_banner"
    STAFF = "staff"
    IMPORT = "import"
    OTHER_SYSTEM = "other_system"


class Reason(StrEnum):
    """Why staff wrote a decision down."""

    ASKED_IN_STORE = "asked_in_store"
    ASKED_BY_PHONE = "asked_by_phone"
    WROTE_TO_US = "wrote_to_us"
    COMPLAINED = "complained"
    GUARDIAN_ASKED = "guardian_asked"
    CORRECTION = "correction"


#: What messages are sent for. The others are uses of data, and go through no channel.
MESSAGES: Final = (Purpose.SERVICE, Purpose.MARKETING, Purpose.SURVEYS)
USES: Final = (Purpose.PERSONALISATION, Purpose.ANALYTICS, Purpose.SHARING)
#: Channels that ring or light up where somebody sleeps.
DISTURBING: Final = frozenset({Channel.EMAIL, Channel.SMS, Channel.WECHAT, Channel.PUSH, Channel.PHONE})
