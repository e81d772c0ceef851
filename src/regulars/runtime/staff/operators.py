"""The staff: who works here, in which role. There is no default password anywhere; people come in by one-time links.

Asking twice is harmless without a key: the e-mail address or the operator's number says what is meant, and a role,
language or state that is already so changes nothing and leaves no trail.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.kit import languages
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import _links
from regulars.runtime.staff.models import OneTimeLink, Operator
from regulars.runtime.staff.roles import Role
from regulars.runtime.trail import trail


class LinkSpent(Refusal):
    """The link is unknown, used, expired or for something else: one answer for all, so it tells a guesser nothing."""

    code = "staff.link_spent"

    def __init__(self) -> None:
        super().__init__(_("This link no longer works. Ask for a new one."))


class WeakPassword(Refusal):
    code = "staff.weak_password"

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons), reasons=reasons)


class BadEmail(Refusal):
    code = "staff.bad_email"

    def __init__(self, email: str) -> None:
        super().__init__(_("“%(email)s” is not an e-mail address. Write it like name@example.com.") % {"email": email})


class EmailTaken(Refusal):
    code = "staff.email_taken"

    def __init__(self, email: str) -> None:
        super().__init__(_("%(email)s already works here. Change that person’s role instead.") % {"email": email})


class NameMissing(Refusal):
    code = "staff.name_missing"

    def __init__(self) -> None:
        super().__init__(_("A name is needed, at most 120 characters."))


class UnknownRole(Refusal):
    code = "staff.unknown_role"

    def __init__(self, role: str) -> None:
        super().__init__(
            _("There is no role “%(role)s”. Choose one of %(roles)s.") % {"role": role, "roles": ", ".join(Role)}
        )


class UnknownLanguage(Refusal):
    code = "staff.unknown_language"

    def __init__(self, language: str) -> None:
        super().__init__(
            _("There is no language “%(language)s” here. Choose one of %(languages)s.")
            % {"language": language, "languages": ", ".join(languages.CODES)}
        )


class UnknownOperator(Refusal):
    code = "staff.unknown_operator"

    def __init__(self) -> None:
        super().__init__(_("Nobody of that number or address works here."))


class LastOwner(Refusal):
    code = "staff.last_owner"

    def __init__(self) -> None:
        super().__init__(_("This is the last owner. Make somebody else an owner first."))


class WrongPassword(Refusal):
    code = "staff.wrong_password"

    def __init__(self) -> None:
        super().__init__(_("The current password is not right."))


@dataclass(frozen=True)
class Person:
    """One of the staff, as lists show them. `invited` until they have chosen a password."""

    id: int
    email: str
    name: str
    role: Role
    language: str
    active: bool
    invited: bool
    last_sign_in_at: datetime | None


@dataclass(frozen=True)
class Handed:
    """A one-time secret to hand to a person, shown this once: only its hash is kept."""

    operator: int | None
    token: str
    expires_at: datetime


def actor(operator_id: int) -> Actor:
    """The operator as `by` of a verb."""
    return Actor("operator", str(operator_id))


# Questions


def anybody() -> bool:
    """Whether an operator exists. One indexed row."""
    return Operator.objects.exists()


def everybody() -> list[Person]:
    """All operators by name. One query."""
    return [_person(operator) for operator in Operator.objects.order_by("name", "id")]


def find(email: str) -> Person | None:
    """The operator with this address, whatever its case. One indexed row."""
    operator = Operator.objects.filter(email=email.strip().lower()).first()
    return _person(operator) if operator else None


def link_purpose(token: str, *, at: datetime) -> str | None:
    """What an open link is for, one of OneTimeLink's purposes; None if it no longer works. Spends nothing."""
    link = _links.open_link(token, at=at)
    return link.purpose if link else None


# Coming in


def first_link(*, at: datetime) -> Handed | None:
    """The link with which the first operator makes themselves; None once anybody works here.

    Valid for 24 hours. Each call makes a new one and the one before stops working.
    """
    with transaction.atomic():
        _one_at_a_time()
        if anybody():
            return None
        token = _links.make(OneTimeLink.Purpose.FIRST_OPERATOR, operator_id=None, at=at)
    return Handed(None, token, at + _links.LIFE[OneTimeLink.Purpose.FIRST_OPERATOR])


def claim_first(*, token: str, email: str, name: str, password: str, language: str = "", at: datetime) -> int:
    """The first operator, an owner, makes themselves with the printed link. Their number.

    Refuses with LinkSpent, BadEmail, NameMissing, UnknownLanguage or WeakPassword; a refusal leaves the link unspent.
    """
    address, name, language = _email(email), _name(name), _language(language)
    with transaction.atomic():
        _one_at_a_time()
        if anybody() or not _links.spend(token, {OneTimeLink.Purpose.FIRST_OPERATOR}, at=at):
            raise LinkSpent
        operator = Operator(email=address, name=name, role=Role.OWNER, language=language, joined_at=at)
        _set_password(operator, password)
        operator.save()
        trail.record(
            by=actor(operator.pk),
            verb="operators.claim_first",
            subject=_subject(operator.pk),
            at=at,
            after={"role": Role.OWNER.value},
        )
    return operator.pk


def invite(*, email: str, name: str, role: str, language: str = "", at: datetime, by: Actor) -> Handed:
    """Add a person who then chooses a password through the link, valid for 7 days.

    Inviting the same address again, before they came, gives a new link (with the new role) and ends the one before.
    Refuses with BadEmail, NameMissing, UnknownRole, UnknownLanguage, or EmailTaken once they have come.
    """
    address, name, language, role = _email(email), _name(name), _language(language), _role(role)
    with transaction.atomic():
        operator = Operator.objects.select_for_update().filter(email=address).first()
        if operator and (operator.has_usable_password() or operator.last_login):
            raise EmailTaken(address)
        if operator is None:
            operator = Operator(email=address, joined_at=at)
        operator.name, operator.role, operator.language, operator.is_active = name, role, language, False
        operator.set_unusable_password()
        operator.save()
        token = _links.make(OneTimeLink.Purpose.INVITATION, operator_id=operator.pk, at=at)
        trail.record(by=by, verb="operators.invite", subject=_subject(operator.pk), at=at, after={"role": role})
    return Handed(operator.pk, token, at + _links.LIFE[OneTimeLink.Purpose.INVITATION])


def new_password_link(*, operator: int, at: datetime, by: Actor) -> Handed:
    """A link, valid for one hour, for an active operator to choose a new password. The old one works until then."""
    with transaction.atomic():
        found = _locked(operator)
        if not found.is_active:
            raise UnknownOperator
        token = _links.make(OneTimeLink.Purpose.NEW_PASSWORD, operator_id=operator, at=at)
        trail.record(by=by, verb="operators.new_password_link", subject=_subject(operator), at=at)
    return Handed(operator, token, at + _links.LIFE[OneTimeLink.Purpose.NEW_PASSWORD])


def choose_password(*, token: str, password: str, at: datetime) -> int:
    """An invited or locked-out person chooses a password with their link; an invitation makes them active.

    Returns their number; browsers they were signed in with are signed out.
    Refuses with LinkSpent or WeakPassword; a refusal leaves the link unspent.
    """
    with transaction.atomic():
        link = _links.spend(token, {OneTimeLink.Purpose.INVITATION, OneTimeLink.Purpose.NEW_PASSWORD}, at=at)
        if link is None or link.operator_id is None:
            raise LinkSpent
        operator = _locked(link.operator_id)
        if link.purpose == OneTimeLink.Purpose.INVITATION:
            operator.is_active = True
        elif not operator.is_active:
            raise LinkSpent
        _set_password(operator, password)
        operator.save()
        trail.record(
            by=actor(operator.pk),
            verb="operators.choose_password",
            subject=_subject(operator.pk),
            at=at,
            after={"link": link.purpose, "active": True},
        )
    return operator.pk


def change_password(*, operator: int, current: str, new: str, at: datetime) -> None:
    """A signed-in person changes their own password. Refuses with WrongPassword or WeakPassword."""
    with transaction.atomic():
        found = _locked(operator)
        if not found.is_active or not found.check_password(current):
            raise WrongPassword
        _set_password(found, new)
        found.save()
        trail.record(by=actor(operator), verb="operators.change_password", subject=_subject(operator), at=at)


# Changes


def set_role(*, operator: int, role: str, at: datetime, by: Actor, why: str = "") -> None:
    """Refuses with UnknownRole, UnknownOperator, or LastOwner if nobody would be left to own the shop."""
    role = _role(role)
    with transaction.atomic():
        owners = _locked_owners()
        found = _locked(operator)
        if found.role == role:
            return
        if owners == {operator}:
            raise LastOwner
        before, found.role = found.role, role
        found.save(update_fields=["role"])
        trail.record(
            by=by,
            verb="operators.set_role",
            subject=_subject(operator),
            at=at,
            before={"role": before},
            after={"role": role},
            why=why,
        )


def deactivate(*, operator: int, at: datetime, by: Actor, why: str = "") -> None:
    """They can no longer sign in; their open links and sessions end. Refuses with LastOwner or UnknownOperator."""
    with transaction.atomic():
        owners = _locked_owners()
        found = _locked(operator)
        _links.void(operator_id=operator, at=at)
        if not found.is_active:
            return
        if owners == {operator}:
            raise LastOwner
        _set_active(found, False, verb="operators.deactivate", at=at, by=by, why=why)


def reactivate(*, operator: int, at: datetime, by: Actor, why: str = "") -> None:
    """They can sign in again with the password they had; one who never chose a password needs `invite` instead."""
    with transaction.atomic():
        found = _locked(operator)
        if found.is_active or not found.has_usable_password():
            return
        _set_active(found, True, verb="operators.reactivate", at=at, by=by, why=why)


def set_language(*, operator: int, language: str, at: datetime, by: Actor) -> None:
    """`language` is one of `languages.CODES`, or "" to follow the browser."""
    language = _language(language)
    with transaction.atomic():
        found = _locked(operator)
        if found.language == language:
            return
        before, found.language = found.language, language
        found.save(update_fields=["language"])
        trail.record(
            by=by,
            verb="operators.set_language",
            subject=_subject(operator),
            at=at,
            before={"language": before},
            after={"language": language},
        )


def let_back_in(*, email: str, at: datetime) -> Handed:
    """For whoever can reach the machine's shell: a new-password link for an operator who is locked out."""
    person = find(email)
    if person is None:
        raise UnknownOperator
    return new_password_link(operator=person.id, at=at, by=SYSTEM)


# Inside


def _subject(operator_id: int) -> str:
    return f"operator:{operator_id}"


def _one_at_a_time() -> None:
    """Making the first operator is for one transaction at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('regulars.staff.first_operator', 0))")


def _locked(operator_id: int) -> Operator:
    found = Operator.objects.select_for_update().filter(pk=operator_id).first()
    if found is None:
        raise UnknownOperator
    return found


def _locked_owners() -> set[int]:
    """The active owners, locked by number: of two who demote each other at once the second waits here and sees one."""
    owners = Operator.objects.select_for_update().filter(role=Role.OWNER, is_active=True).order_by("pk")
    return {owner.pk for owner in owners}


def _set_active(operator: Operator, active: bool, *, verb: str, at: datetime, by: Actor, why: str) -> None:
    before, operator.is_active = operator.is_active, active
    operator.save(update_fields=["is_active"])
    trail.record(
        by=by,
        verb=verb,
        subject=_subject(operator.pk),
        at=at,
        before={"active": before},
        after={"active": active},
        why=why,
    )


def _set_password(operator: Operator, password: str) -> None:
    try:
        password_validation.validate_password(password, operator)
    except ValidationError as problem:
        raise WeakPassword(list(problem.messages)) from None
    operator.set_password(password)


def _email(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise BadEmail(email) from None
    if len(address) > 254:
        raise BadEmail(email)
    return address


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise NameMissing
    return name


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise UnknownRole(role) from None


def _language(language: str) -> str:
    if language and language not in languages.CODES:
        raise UnknownLanguage(language)
    return language


def _person(operator: Operator) -> Person:
    return Person(
        id=operator.pk,
        email=operator.email,
        name=operator.name,
        role=Role(operator.role),
        language=operator.language,
        active=operator.is_active,
        invited=not operator.is_active and not operator.has_usable_password(),
        last_sign_in_at=operator.last_login,
    )
