"""What this room tells the others. An import of the past makes customers quietly: its own room tells of the batch."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class CustomerSeen(Notice):
    """Somebody new, met just now."""

    kind: ClassVar[str] = "customers.customer_seen"

    customer: int

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class CustomerDescribed(Notice):
    """Fields of a customer's profile changed: their names, and which contacts somebody else is known by."""

    kind: ClassVar[str] = "customers.customer_described"

    customer: int
    fields: tuple[str, ...]
    shared: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Notice):
    """Somebody agreed to something: the answer's number, and what it is for."""

    kind: ClassVar[str] = "customers.consent_given"

    customer: int
    consent: int
    purpose: str
    channel: str
    brand: int | None = None

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(Notice):
    """Somebody refused something, or took their consent back: the answer's number, and what it is for."""

    kind: ClassVar[str] = "customers.consent_withdrawn"

    customer: int
    consent: int
    purpose: str
    channel: str
    brand: int | None = None

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class ConsentsImported(Notice):
    """A batch of answers came in from a file; who wants them reads them from the ledger."""

    kind: ClassVar[str] = "customers.consents_imported"

    first: int
    last: int
    given: int
    withdrawn: int

    @property
    def subject(self) -> str:
        return "customers:consents"


@dataclass(frozen=True, kw_only=True)
class PreferencesChanged(Notice):
    """Somebody said how they want to be talked to: the names of what they said."""

    kind: ClassVar[str] = "customers.preferences_changed"

    customer: int
    names: tuple[str, ...]

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class CustomerJoined(Notice):
    """The record `customer` is now part of the person `person`; `regrouping` says why."""

    kind: ClassVar[str] = "customers.customer_joined"

    customer: int
    person: int
    regrouping: int

    @property
    def subject(self) -> str:
        return f"customer:{self.person}"


@dataclass(frozen=True, kw_only=True)
class CustomerParted(Notice):
    """The record `customer` is no longer part of the person `person`; `regrouping` says why."""

    kind: ClassVar[str] = "customers.customer_parted"

    customer: int
    person: int
    regrouping: int

    @property
    def subject(self) -> str:
        return f"customer:{self.person}"


@dataclass(frozen=True, kw_only=True)
class IdentityRulesChanged(Notice):
    """Other rules say who is one person; who had to move was told before."""

    kind: ClassVar[str] = "customers.identity_rules_changed"

    rules: int

    @property
    def subject(self) -> str:
        return "identity:rules"


@dataclass(frozen=True, kw_only=True)
class CustomerTagged(Notice):
    """A customer's tags are others than before."""

    kind: ClassVar[str] = "customers.customer_tagged"

    customer: int

    @property
    def subject(self) -> str:
        return f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class TraitDefined(Notice):
    """A trait of the shop's own can be told from now on; what was told of it before counts as soon as it is found."""

    kind: ClassVar[str] = "customers.trait_defined"

    code: str

    @property
    def subject(self) -> str:
        return f"trait:{self.code}"
