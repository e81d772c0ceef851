"""The rules of identity: what is evidence enough, and when it stops being evidence. Pure, to and from JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from regulars.facts.customers.kinds import STRENGTH, Evidence
from regulars.kit.refusals import Refusal


class BadRules(Refusal):
    """Rules that cannot be."""

    code = "customers.bad_rules"


#: Parts of a rule that are numbers.
NUMBERS = ("most_a_person", "most_people", "lasts_days", "alone_days")


@dataclass(frozen=True)
class KindRule:
    """`joins_from` is the weakest evidence that joins two members by an identifier of this kind; None never does.

    `most_a_person` is how many a person may have in one namespace; a join that would give them more waits for somebody.
    `most_people` is how many records may prove one identifier before it stops being evidence: a till's phone, a shared
    tablet. `lasts_days` is for how long a proof counts against the next one: a number that somebody else proves later
    than that was given to a new owner.

    Of kinds that are handed on (`kinds.Kind.is_handed_on`) two more are asked. `alone_from` is the weakest evidence of
    both that joins where nothing else is known of them, None where something else always has to agree; and their proofs
    are then at most `alone_days` apart, None for any time: an operator keeps a number that was given up from others for
    so long. A name or a birthday that is another one joins nobody.
    """

    joins_from: Evidence | None
    most_a_person: int
    most_people: int
    lasts_days: int | None = None
    alone_from: Evidence | None = None
    alone_days: int | None = None


DEFAULTS: dict[str, KindRule] = {
    "phone": KindRule("contact", most_a_person=5, most_people=4, lasts_days=365),
    "email": KindRule("contact", most_a_person=8, most_people=4),
    "wechat_unionid": KindRule("platform", most_a_person=1, most_people=10),
    "wechat_openid": KindRule("platform", most_a_person=1, most_people=4),
    "alipay_user": KindRule("platform", most_a_person=1, most_people=4),
    "taobao_ouid": KindRule("platform", most_a_person=3, most_people=4),
    "taobao_omid": KindRule("platform", most_a_person=3, most_people=10),
    "card": KindRule("contact", most_a_person=5, most_people=4),
    "login": KindRule("login", most_a_person=3, most_people=4),
}


@dataclass(frozen=True)
class IdentityRules:
    """`most_records` is how many records may be one person before somebody has to look.

    `blocked` are keyed hashes (hexadecimal) of identifiers that are nobody's. A device on which more than
    `most_people_a_device` people were seen says nothing about who looked around on it without signing in.
    """

    kinds: Mapping[str, KindRule] = field(default_factory=lambda: DEFAULTS)
    blocked: frozenset[str] = frozenset()
    most_records: int = 20
    most_people_a_device: int = 3

    def __post_init__(self) -> None:
        for name, rule in self.kinds.items():
            if name not in DEFAULTS:
                raise BadRules(
                    _("kinds: there is no kind %(name)r; choose from %(choices)s")
                    % {"name": name[:40], "choices": ", ".join(DEFAULTS)},
                    field="kinds",
                )
            if rule.joins_from is not None and rule.joins_from not in STRENGTH:
                raise BadRules(
                    _("%(name)s.joins_from: %(joins_from)r is no evidence; choose from %(choices)s")
                    % {"name": name, "joins_from": rule.joins_from, "choices": ", ".join(STRENGTH)},
                    field=f"{name}.joins_from",
                )
            if rule.alone_from is not None and rule.alone_from not in STRENGTH:
                raise BadRules(
                    _("%(name)s.alone_from: %(alone_from)r is no evidence; choose from %(choices)s")
                    % {"name": name, "alone_from": rule.alone_from, "choices": ", ".join(STRENGTH)},
                    field=f"{name}.alone_from",
                )
            if rule.joins_from == "told":
                raise BadRules(
                    _(
                        "%(name)s.joins_from: what was only told joins nobody, for a wrong guess gives one person's"
                        " points to another; choose contact, login, platform or staff"
                    )
                    % {"name": name},
                    field=f"{name}.joins_from",
                )
            for part in NUMBERS:
                value = getattr(rule, part)
                if value is not None and not 1 <= value <= 100_000:
                    raise BadRules(
                        _("%(name)s.%(part)s: give a number from 1 to 100000, not %(value)s")
                        % {"name": name, "part": part, "value": value},
                        field=f"{name}.{part}",
                    )
        if not 2 <= self.most_records <= 1000:
            raise BadRules(_("most_records: give a number from 2 to 1000"), field="most_records")
        if not 1 <= self.most_people_a_device <= 100:
            raise BadRules(_("most_people_a_device: give a number from 1 to 100"), field="most_people_a_device")

    def of(self, kind: str) -> KindRule:
        return self.kinds.get(kind) or DEFAULTS[kind]


def to_json(rules: IdentityRules) -> dict[str, Any]:
    """As it is stored and as the API shows it."""
    return {
        "kinds": {name: asdict(rules.of(name)) for name in DEFAULTS},
        "blocked": sorted(rules.blocked),
        "most_records": rules.most_records,
        "most_people_a_device": rules.most_people_a_device,
    }


def from_json(told: Mapping[str, Any], *, base: IdentityRules | None = None) -> IdentityRules:
    """`base`, or the defaults, with what was told in its place. Refuses what it does not know."""
    start = base or IdentityRules()
    if unknown := set(told) - {"kinds", "blocked", "most_records", "most_people_a_device"}:
        raise BadRules(_("%(name)s: no such rule") % {"name": min(unknown)[:40]}, field=min(unknown)[:40])
    kinds = {name: start.of(name) for name in DEFAULTS}
    for name, parts in dict(told.get("kinds", {})).items():
        if name not in kinds:
            raise BadRules(
                _("kinds: there is no kind %(name)r; choose from %(choices)s")
                % {"name": name[:40], "choices": ", ".join(DEFAULTS)},
                field="kinds",
            )
        if unknown := set(parts) - {"joins_from", "alone_from", *NUMBERS}:
            raise BadRules(_("%(name)s.%(part)s: no such rule") % {"name": name, "part": min(unknown)[:40]}, field=name)
        for part in NUMBERS:
            value = parts.get(part)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise BadRules(
                    _("%(name)s.%(part)s: give a whole number") % {"name": name, "part": part}, field=f"{name}.{part}"
                )
        kinds[name] = replace(kinds[name], **parts)
    whole = {part: told[part] for part in ("most_records", "most_people_a_device") if part in told}
    for part, value in whole.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRules(_("%(part)s: give a whole number") % {"part": part}, field=part)
    return replace(start, kinds=kinds, blocked=frozenset(told.get("blocked", start.blocked)), **whole)
