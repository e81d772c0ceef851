"""What may identify a customer, and what only looks as if it did. Pure: no database."""

import re

from django.utils.translation import gettext as _

from regulars.facts.customers import contacts
from regulars.kit.refusals import Refusal

LONGEST_REF = 200
LONGEST_NAMESPACE = 64

#: What programs write when they do not know. Everybody who "has" one of these would become one person.
_NOBODY = frozenset(
    [
        *("anonymous", "anon", "guest", "visitor", "unknown", "undefined", "null", "nil", "none", "nan", "n/a", "na"),
        *("not_available", "not available", "[object object]", "true", "false", "匿名", "游客", "访客", "未知", "无"),
    ]
)
_ONLY_FILLER = re.compile(r"[0\-_.?#*\s]*|-1|0+\.0+|f{8}-f{4}-f{4}-f{4}-f{12}", re.IGNORECASE)
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
#: An address, a number with a country code, a Chinese mobile number, or one with the zero that is dialled within a
#: country (customer numbers are filled up with more than one): personal data used as a customer number.
_CONTACT = re.compile(r"[^@]*@[^@]*|\+[0-9][0-9 ().-]{5,}|1[3-9][0-9]{9}|0[1-9][0-9]{8,9}", re.ASCII)
#: The other way to write a country's code. Numbers filled up with zeros look alike, so `contacts` has the last word.
_WITH_ZEROS = re.compile(r"00[1-9][0-9 ().-]{7,}", re.ASCII)
#: An identity card's number: place, birthday, serial number, and the sign that checks them.
SIGNS_OF_IDENTITY = 18
_IDENTITY = re.compile(
    r"[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]", re.ASCII
)
_WEIGHTS, _CHECKS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"


class UnusableRef(Refusal):
    """A reference that names nobody."""

    code = "customers.unusable_ref"


class BadNamespace(Refusal):
    """Not a short name in small letters."""

    code = "customers.bad_namespace"


def why_unusable(ref: str, *, mend: str = "") -> str:
    """Why this reference can identify nobody, with the mend; empty when it can. Doors may take such rows for guests.

    `mend` is what to do where there is nobody to name; it speaks of a guest where none is given.
    """
    tidy = ref.strip()
    if not tidy:
        return _("is empty; %(mend)s") % {"mend": mend or _record_a_guest()}
    if len(tidy) > LONGEST_REF:
        return _("has more than %(most)s characters; map the column that holds the customer's number") % {
            "most": LONGEST_REF
        }
    if not tidy.isprintable():
        return _("has characters nobody can see; clean the column")
    if tidy.strip("\"'").casefold() in _NOBODY or _ONLY_FILLER.fullmatch(tidy):
        return _("is what systems write for nobody; %(mend)s") % {"mend": mend or _record_a_guest()}
    return ""


def _record_a_guest() -> str:
    return _("leave the customer out to record a guest")


def check_ref(ref: str) -> str:
    """`ref` without the blanks around it, refused when it can identify nobody."""
    if why := why_unusable(ref):
        shown = _("(a contact)") if is_contact(ref) else repr(ref[:60])
        raise UnusableRef(
            _("customer: %(shown)s %(why)s") % {"shown": shown, "why": why}, field="customer", value=shown
        )
    return ref.strip()


def is_contact(ref: str) -> bool:
    """Whether the reference is an e-mail address, a phone number or an identity card's, which must not be stored
    readable."""
    tidy = ref.strip()
    if _CONTACT.fullmatch(tidy) is not None or is_of_identity(tidy):
        return True
    return tidy.startswith("00") and _WITH_ZEROS.fullmatch(tidy) is not None and contacts.is_phone(f"+{tidy[2:]}")


def is_of_identity(text: str) -> bool:
    """Whether it is the number of a Chinese identity card: a place, a birthday, a serial number and a sign that checks
    them (GB 11643-1999). Of other numbers of so many digits one in some thousand looks like one."""
    if len(text) != SIGNS_OF_IDENTITY or _IDENTITY.fullmatch(text) is None:
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False)) % 11
    return _CHECKS[rest] == text[-1].upper()


def check_namespace(namespace: str) -> str:
    """`namespace` when it is a source's short name, such as `online_retail` or `shopify-uk`."""
    if len(namespace) > LONGEST_NAMESPACE or not _NAMESPACE.fullmatch(namespace):
        shown = namespace[:LONGEST_NAMESPACE]
        raise BadNamespace(
            _("namespace: %(shown)r is no source's name; use small letters, digits, dots, dashes and underscores")
            % {"shown": shown},
            field="namespace",
            value=shown,
        )
    return namespace
