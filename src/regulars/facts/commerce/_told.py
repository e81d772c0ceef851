"""What no report may hold, whatever it reports: one bad document must not take its whole batch down. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.kit.refusals import Refusal

#: Sums of some thousand of them still fit 64 bits.
LARGEST_AMOUNT = 10**15
LARGEST_NUMBER = 2**31 - 1
LARGEST_VERSION = 2**63 - 1


def check(report: Any, refusal: type[Refusal], *, texts: Mapping[str, int], instants: tuple[str, ...]) -> None:
    """Refuse texts that are too long or hold a NUL, instants without a zone, and versions beyond 64 bits.

    What is wrong is not repeated: it may be what a customer wrote.
    """
    for name, most in texts.items():
        told = getattr(report, name)
        if told is not None and (len(told) > most or "\x00" in told):
            raise refusal(
                _("%(name)s: is no text of at most %(most)s characters; shorten it") % {"name": name, "most": most},
                field=name,
            )
    for name in instants:
        told = getattr(report, name)
        if isinstance(told, datetime) and told.utcoffset() is None:
            raise refusal(
                _("%(name)s: %(told)s has no zone; send it with its offset") % {"name": name, "told": told.isoformat()},
                field=name,
            )
    version = report.version
    if version is not None and abs(version) > LARGEST_VERSION:
        raise refusal(_("version: is beyond 64 bits; leave it out"), field="version")


def check_ref(name: str, told: str, most: int, refusal: type[Refusal]) -> None:
    """Refuse a reference that is empty, too long or not readable."""
    if not told.strip() or len(told) > most or not told.isprintable():
        raise refusal(
            _("%(name)s: %(told)r is none; send 1 to %(most)s visible characters")
            % {"name": name, "told": told[:40], "most": most},
            field=name,
        )
