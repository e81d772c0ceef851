"""A key makes the repeat of an act harmless. Under one that told something else nothing is written: it is refused."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import lookup


class KeyTaken(Refusal):
    """The key told something else before."""

    code = "customers.key_taken"


def check_same(key: str, *, before: object, now: object, refusal: type[KeyTaken] = KeyTaken) -> None:
    """Refuses, with `refusal`, a key under which something else was told."""
    if before != now:
        raise refusal(
            _("key: %(key)r told something else; give each act its own key") % {"key": key}, field="key", value=key
        )


def digest(told: Mapping[str, Any]) -> bytes:
    """What was told, to be compared and never read: personal as it may be."""
    return lookup.digest("told", json.dumps(told, default=str, ensure_ascii=False, sort_keys=True))
