"""Which e-mail addresses are nobody's, however many told them. Pure.

What stands before the @ says it alone only where it is a word for nobody. What may be somebody's initials, short name
or account number says it together with a domain that is nonsense too, or that gives no such addresses. Whatever else
is typed to be let through shows by how many use it.
"""

import re

#: Words for nobody, and what is typed to try something.
_WORDS = re.compile(
    r"tests?|testing|asdf|dummy|fake|example|unknown|guest|anonymous|no[._-]?(e?mail|reply)|none|null|nobody"
)
#: Typed to be let through, and yet somebody's initials, a firm's short address, an account's number.
_MAY_BE_SOMEBODYS = re.compile(r"abc|na|n\.a|no|123(45?)?|(.)\2*")
_NONSENSE = re.compile(r"tests?|testing|asdf|dummy|fake|abc|na|no|none|null|123(45?)?|(.)\2{2,}")
#: Domains that deliver to nobody, and those whose boxes anybody may read and nobody keeps.
_DELIVERS_TO_NOBODY = re.compile(r"(test|example|invalid|localhost|none|null|no-?e?mail)(\.[a-z]+)?")
_THROWN_AWAY = frozenset(
    (
        "10minutemail.com",
        "dispostable.com",
        "fakeinbox.com",
        "getnada.com",
        "guerrillamail.com",
        "maildrop.cc",
        "mailinator.com",
        "sharklasers.com",
        "temp-mail.org",
        "throwawaymail.com",
        "trashmail.com",
        "yopmail.com",
    )
)
#: The fewest characters of an address that these providers give; at QQ of one that is a number.
_SHORTEST = {"gmail.com": 6, "163.com": 6, "126.com": 6, "yeah.net": 6}
_SHORTEST_NUMBER = {"qq.com": 5}
_FOR_EXAMPLES = re.compile(r"example\.(com|org|net|cn)")


def is_evidence_of_nobody(address: str) -> bool:
    """Whether this address, in the form it is compared in, can show nobody to be anybody."""
    local, _at, domain = address.rpartition("@")
    if _WORDS.fullmatch(local) or _DELIVERS_TO_NOBODY.fullmatch(domain) or domain in _THROWN_AWAY:
        return True
    if not _MAY_BE_SOMEBODYS.fullmatch(local):
        return False
    label = domain.partition(".")[0]
    shortest = _SHORTEST.get(domain, _SHORTEST_NUMBER.get(domain, 0) if local.isdigit() else 0)
    return local == label or _NONSENSE.fullmatch(label) is not None or len(local) < shortest


def is_nobodys(address: str) -> bool:
    """Whether nobody can be known by it. Addresses of the domains kept for examples are no evidence and may be
    somebody's."""
    local, _at, domain = address.rpartition("@")
    if _FOR_EXAMPLES.fullmatch(domain):
        return _WORDS.fullmatch(local) is not None or _MAY_BE_SOMEBODYS.fullmatch(local) is not None
    return is_evidence_of_nobody(address)
