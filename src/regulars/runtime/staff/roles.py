"""Which role may do which action. A pure table: to see what somebody may do, read this page.

An action is "<room>.<verb>". A view names the action it needs (`policy.requires`); a name that is not in this
table is refused when the view is imported, so a typing mistake cannot open or close a door silently.
"""

from collections.abc import Mapping
from enum import StrEnum

Action = str


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    ANALYST = "analyst"
    AGENT = "agent"
    SHOP_ASSISTANT = "shop_assistant"
    READ_ONLY = "read_only"


_EVERYBODY = frozenset(Role)
_OFFICE = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST, Role.AGENT, Role.READ_ONLY})
_NUMBERS = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST, Role.READ_ONLY})
_SERVICE = frozenset({Role.OWNER, Role.MANAGER, Role.AGENT, Role.SHOP_ASSISTANT})
_DESK = frozenset({Role.OWNER, Role.MANAGER, Role.AGENT})
_MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
_OWNERS = frozenset({Role.OWNER})

ALLOWED: Mapping[Action, frozenset[Role]] = {
    # oneself
    "self.edit": _EVERYBODY,
    # daily work
    "today.read": _OFFICE,
    "members.read": _EVERYBODY,
    "members.edit": _SERVICE,
    "members.export": _MANAGERS,
    "contacts.reveal": _SERVICE,
    "orders.read": _EVERYBODY,
    "orders.write": _MANAGERS,
    "company.read": _EVERYBODY,
    "company.write": _MANAGERS,
    "catalogue.read": _EVERYBODY,
    "catalogue.write": _MANAGERS,
    # who is who
    "identity.read": _DESK,
    "identity.decide": _DESK,
    "identity.rules": _MANAGERS,
    # what people agree to
    "consent.read": _OFFICE,
    "consent.manage": _MANAGERS,
    # points
    "points.read": _EVERYBODY,
    "points.manage": _MANAGERS,
    "points.award": _OWNERS,
    "points.spend": _MANAGERS,
    # what became of money for memberships, and ending one with money back
    "memberships.money": _MANAGERS,
    # benefits: one at a time by whoever serves, several by those who manage points
    "benefits.use": _SERVICE,
    "benefits.give": _DESK,
    # numbers
    "insight.read": _NUMBERS,
    "insight.refresh": frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST}),
    "audiences.manage": frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST}),
    # what comes in
    "imports.read": _NUMBERS,
    "imports.run": _MANAGERS,
    "sources.read": _NUMBERS,
    "sources.manage": _MANAGERS,
    "events.read": _OFFICE,
    "quarantine.read": _NUMBERS,
    "quarantine.mend": _MANAGERS,
    # what goes out
    "webhooks.read": _NUMBERS,
    "webhooks.manage": _MANAGERS,
    "rights.read": _OFFICE,
    "rights.write": _MANAGERS,
    "exports.read": _NUMBERS,
    "exports.manage": _MANAGERS,
    # the machine room
    "operations.read": _MANAGERS,
    "operations.mend": _MANAGERS,
    "trail.read": _MANAGERS,
    "preferences.read": _MANAGERS,
    "preferences.change": _OWNERS,
    "staff.read": _MANAGERS,
    "staff.manage": _OWNERS,
}


def allows(role: str, action: Action) -> bool:
    """Whether `role` may do `action`. An unknown role may do nothing; an unknown action is a KeyError (a bug)."""
    return role in ALLOWED[action]
