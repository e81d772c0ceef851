"""Links with which a customer shows who they are: made by somebody who knows them, opened once, within minutes.

The address holds the customer's number as it is public, who made it, a nonce and a signature, and nothing of the
person. That it was opened is remembered as long as it would work.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

from django.core import signing
from django.core.cache import cache
from django.utils.translation import gettext as _

from regulars.facts.customers import customers
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

__all__ = ("MINUTES", "Link", "LinkIsOver", "Opened", "issue", "open_link")

MINUTES = 15
_SALT = "customers.sign_in_links"


class LinkIsOver(Refusal):
    """It was opened, its time is over, or it is none of ours: which of these, nobody is told."""

    code = "customers.link_is_over"


@dataclass(frozen=True)
class Link:
    """What stands in the address, and until when it opens."""

    token: str
    until: datetime


@dataclass(frozen=True)
class Opened:
    """Whose link it was, who made it, whether money may go back at once to who opened it, whether they may take on what
    is to be paid later, and whether they only look: a member of staff who sees what the member sees."""

    customer: str
    made_by: str
    with_money: bool
    may_join: bool
    only_looks: bool


def issue(
    *,
    customer: int,
    at: datetime,
    by: Actor,
    with_money: bool = False,
    may_join: bool = False,
    only_looks: bool = False,
) -> Link:
    """A link for this customer's person; that it was made is written down. `with_money`: whoever makes it may give
    money back, so who opens it may, too; `may_join`: they may join somebody to a paid plan: a link opens no more than
    its maker has. `only_looks`: it is for its maker, and nothing can be done with it."""
    who = customers.get(customer)
    opens = [int(with_money), int(may_join), int(only_looks)]
    token = signing.dumps([who.public_id, int(at.timestamp()), token_urlsafe(12), str(by), *opens], salt=_SALT)
    trail.record(by=by, verb="customers.sign_in_links.issue", subject=f"customer:{who.id}", at=at)
    return Link(token, at + timedelta(minutes=MINUTES))


def open_link(*, token: str, at: datetime) -> Opened:
    """Whom it is for; once. Raises LinkIsOver."""
    try:
        public_id, made, nonce, made_by, with_money, may_join, only_looks = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        raise _over() from None
    if not 0 <= at.timestamp() - made <= MINUTES * 60 or not cache.add(f"sign-in-link:{nonce}", 1, MINUTES * 60 + 60):
        raise _over()
    return Opened(str(public_id), str(made_by), bool(with_money), bool(may_join), bool(only_looks))


def _over() -> LinkIsOver:
    return LinkIsOver(_("link: it was opened already or its time is over; ask for another"), field="link", value="")
