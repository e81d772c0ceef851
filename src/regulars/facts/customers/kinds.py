"""The kinds of identifiers that may show two records to be one person, and what makes evidence of them. Pure.

Each kind says which namespace an identifier lives in (an app, a platform account, a shop), which evidence is enough to
join people whom we know, how many a person may have, and which values nobody has for themselves.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import contacts, identifiers, nonsense
from regulars.kit.refusals import Refusal

Evidence = Literal["staff", "login", "platform", "contact", "told"]

#: How strong evidence is, the strongest first. Where two pieces contradict each other, the stronger stands.
STRENGTH: dict[Evidence, int] = {"staff": 5, "platform": 4, "login": 3, "contact": 2, "told": 1}
EVIDENCE_LABELS: dict[Evidence, Promise] = {
    "staff": _("decided by staff"),
    "platform": _("bound by the platform"),
    "login": _("signed in"),
    "contact": _("proved with a code or a link"),
    "told": _("told, not proved"),
}


class NoSuchKind(Refusal):
    """Not a kind of identifier."""

    code = "customers.no_such_kind"


class NoEvidence(Refusal):
    """An identifier that can show nobody to be anybody."""

    code = "customers.no_evidence"


@dataclass(frozen=True)
class Kind:
    """One kind of identifier. `scope` is what its namespace names; empty where the whole world shares one.

    `is_contact`: personal, kept as a keyed hash alone. `is_handed_on`: families share it, or it gets a new owner, so
    that who proves it is not always who had it. `refused` says why this kind is never a key.
    """

    name: str
    label: Promise
    scope: str = ""
    is_contact: bool = False
    is_handed_on: bool = False
    refused: Promise | None = None


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("phone", _("Phone"), is_contact=True, is_handed_on=True),
        Kind("email", _("E-mail"), is_contact=True, is_handed_on=True),
        Kind("wechat_unionid", _("WeChat unionid"), scope="the open-platform account"),
        Kind("wechat_openid", _("WeChat openid"), scope="the app"),
        Kind("alipay_user", _("Alipay user"), scope="the app"),
        Kind("taobao_ouid", _("Taobao ouid"), scope="the shop"),
        Kind("taobao_omid", _("Taobao omid"), scope="the brand"),
        Kind("card", _("Member's card"), scope="the programme", is_handed_on=True),
        Kind("login", _("Sign-in account"), scope="the issuer"),
        Kind(
            "taobao_oaid",
            _("Taobao OAID"),
            scope="the shop",
            refused=_(
                "changes with shop, app and week, so it names nobody;"
                " use the ouid within the shop, the omid for the brand"
            ),
        ),
    )
}

_USABLE = [name for name, kind in KINDS.items() if kind.refused is None]

#: All zeros, one digit throughout, or the operator's own line; 138 8888 8888 is a number that people pay for.
_NOBODYS_PHONE = re.compile(r".*0{7,}.*|\+[0-9]{1,3}?([0-9])\1{6,}|\+8613800138000")
_COUNTING = ("123456789", "987654321", "012345678")


@dataclass(frozen=True)
class Named:
    """An identifier in the one form that is compared. `value` is what may be kept readable: None for a contact."""

    kind: str
    namespace: str
    compared: str
    value: str | None


def named(kind: str, namespace: str, text: str, *, region: str) -> Named:
    """The identifier that was told; a phone number without a country code is read in `region`.

    Refuses kinds that are never keys, values that nobody has for themselves, and a namespace that is missing: the same
    openid in another app is another person.
    """
    known = KINDS.get(kind)
    if known is None:
        raise NoSuchKind(
            _("kind: %(kind)r is no kind of identifier; choose from %(choices)s")
            % {"kind": kind[:40], "choices": ", ".join(_USABLE)},
            field="kind",
            value=kind[:40],
        )
    if known.refused is not None:
        raise NoEvidence(
            _("kind: %(name)s %(refused)s") % {"name": known.name, "refused": known.refused}, field="kind", value=kind
        )
    if known.scope:
        identifiers.check_namespace(namespace)
    elif namespace:
        raise NoEvidence(
            _("namespace: a %(kind)s belongs to no namespace; leave it out") % {"kind": kind},
            field="namespace",
            value=namespace,
        )
    compared = _COMPARED.get(kind, _plain)(text, region)
    if why := why_nobody(kind, compared):
        shown = gettext("(hidden)") if known.is_contact else repr(text.strip()[:60])
        raise NoEvidence(_("value: %(shown)s %(why)s") % {"shown": shown, "why": why}, field="value", value=shown)
    return Named(kind, namespace, compared, None if known.is_contact else compared)


def why_nobody(kind: str, compared: str) -> str:
    """Why this value is nobody's, with the mend; empty where it may be somebody's."""
    if kind == "email":
        return _let_through() if nonsense.is_evidence_of_nobody(compared) else ""
    if kind == "phone":
        digits = compared.lstrip("+")
        if _NOBODYS_PHONE.fullmatch(compared) or any(run in digits for run in _COUNTING):
            return _let_through()
        if contacts.is_companys(compared):
            return gettext("is a company's line, nobody's own; tell it as a contact, which joins nobody")
        return ""
    return identifiers.why_unusable(compared, mend=gettext("tell no identifier where there is none"))


def _let_through() -> str:
    return gettext("is what people type to be let through; leave it out")


def is_nobodys(kind: str, compared: str) -> bool:
    """Whether nobody can be known by this contact, however many told it. Narrower than `why_nobody`: addresses of the
    domains kept for examples, and numbers that count, are no evidence but may be somebody's. A company's line may be
    called and is kept as a contact, and nobody is known by it."""
    if kind == "email":
        return nonsense.is_nobodys(compared)
    return _NOBODYS_PHONE.fullmatch(compared) is not None or contacts.is_companys(compared)


def _plain(text: str, region: str) -> str:
    tidy = text.strip()
    if identifiers.is_contact(tidy):
        raise NoEvidence(_("value: (a contact) is an address or a number; send it as email or phone"), field="value")
    return tidy


_COMPARED: dict[str, Callable[[str, str], str]] = {
    "phone": contacts.phone,
    "email": lambda text, region: contacts.email(text).key,
}
