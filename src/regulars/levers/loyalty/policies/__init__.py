"""Packs of what the law of a place is read to ask of programmes, as data: an engineer's reading, not a lawyer's.

A programme that names a pack cannot be saved with settings the pack forbids. Each says by whom it was reviewed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.expiring import Expiry
from regulars.levers.loyalty.rules.rule import Rule
from regulars.levers.loyalty.rules.told import bad

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Pack:
    """What one place asks. `least_months`: points last so long at least, however they lapse; `least_idle_months`: those
    that activity keeps, where that is longer. `notice_days`: their member is told so many days before they lapse, at
    least and at most. `forbidden_fields`: what no rule may ask of a customer."""

    name: str
    titles: Mapping[str, str]
    is_reviewed: bool
    because: str
    forbidden_expiries: tuple[str, ...]
    least_months: int
    least_idle_months: int
    notice_days: tuple[int, int] | None
    forbidden_fields: tuple[str, ...]
    forbidden_kinds: tuple[str, ...]


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """The packs there are."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))


@lru_cache(maxsize=16)
def pack(name: str) -> Pack:
    """One of them."""
    told = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    notice = told.get("notice_days")
    return Pack(
        name=name,
        titles=told["name"],
        is_reviewed=told["reviewed_by_counsel"],
        because=told["because"],
        forbidden_expiries=tuple(told.get("forbidden_expiries", ())),
        least_months=told.get("least_months", 0),
        least_idle_months=told.get("least_idle_months", 0),
        notice_days=None if notice is None else (notice["least"], notice["most"]),
        forbidden_fields=tuple(told.get("forbidden_fields", ())),
        forbidden_kinds=tuple(told.get("forbidden_kinds", ())),
    )


def check(name: str, expiry: Expiry, notice_days: Sequence[int], rules: Sequence[Rule]) -> None:
    """Refuses, with field, value and mend, settings that the pack forbids."""
    asked = pack(name)
    if expiry.kind in asked.forbidden_expiries:
        raise bad(
            "expiry.kind", expiry.kind, _("%(pack)s: points may not lapse so; write activity or never") % {"pack": name}
        )
    idle = expiry.kind == "activity" and asked.least_idle_months > asked.least_months
    least = asked.least_idle_months if idle else asked.least_months
    if not expiry.lasts_months(least):
        if expiry.kind == "fixed":
            mend = _("%(pack)s: points last %(months)s months at least, and what is earned shortly before would not")
        elif expiry.kind == "activity":
            mend = _("%(pack)s: points last %(months)s months without activity")
        else:
            mend = _("%(pack)s: points last %(months)s months at least")
        field, value = ("expiry.kind", expiry.kind) if expiry.kind == "fixed" else ("expiry.months", expiry.months)
        raise bad(field, value, mend % {"pack": name, "months": least})
    if expiry.kind != "never" and asked.notice_days is not None:
        least, most = asked.notice_days
        if not any(least <= days <= most for days in notice_days):
            raise bad(
                "notice_days",
                list(notice_days),
                _("%(pack)s: members are told %(least)s to %(most)s days before points lapse; add such a day")
                % {"pack": name, "least": least, "most": most},
            )
    for place, rule in enumerate(rules):
        fields = rule.only_if.fields if rule.only_if is not None else frozenset[str]()
        for one in sorted(fields):
            if one.startswith(asked.forbidden_fields):
                raise bad(
                    f"rules[{place}].only_if", one, _("%(pack)s: no rule may ask this of a customer") % {"pack": name}
                )
        if rule.kind in asked.forbidden_kinds:
            raise bad(f"rules[{place}].kind", rule.kind, _("%(pack)s: there may be no such rule") % {"pack": name})
