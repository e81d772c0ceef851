"""What a shop system is to us: how it signs, what it tells, and how it is asked. One value of `Shop` for each kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django.utils.functional import Promise

from regulars.doors.connectors.calling import Caller
from regulars.doors.connectors.reading import Document
from regulars.doors.connectors.reports import Gone, Report
from regulars.facts.sources.connectable import Field as Field
from regulars.facts.sources.connections import Secrets
from regulars.oversight.outbound.writing import AttributesDue, CodeDue


@dataclass(frozen=True)
class About:
    """What a translator may know of its connection: nothing secret, and no database behind it."""

    connection: int
    name: str
    namespace: str
    zone: ZoneInfo
    country: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Hook:
    """A request at our door, before anything of it is believed. Names of `headers` are in small letters."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Genuine:
    """It is the shop's. `key` is what the shop says makes it the same when it comes again; `headers` are worth
    keeping and hold nothing personal."""

    key: str
    topic: str
    told_at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Forged:
    """It is not, or nobody can tell. `why` is a short code: unsigned, bad_signature, too_old, other_shop."""

    why: str


@dataclass(frozen=True)
class Ping:
    """The shop tries whether somebody is here. It is answered like a delivery, and nothing is kept."""


Verdict = Genuine | Forged | Ping


@dataclass(frozen=True)
class Answer:
    """What a shop is answered."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answers:
    """What a shop needs to hear: that it was taken; that it is not believed; that we cannot keep it just now."""

    taken: Answer = Answer(200)
    forged: Answer = Answer(401)
    busy: Answer = Answer(503)


@dataclass(frozen=True)
class Stream:
    """One kind of thing the shop has many of. `is_told`: messages tell of changes, so that a poll that finds one has
    found a gap. `every`: polls are at least so far apart, where the shop can only be asked for all there is."""

    name: str
    label: Promise
    is_told: bool = True
    every: timedelta = timedelta(0)


@dataclass(frozen=True)
class PageOf:
    """Some things of a stream, as the shop writes them. `cursor` leads to the next ones, "" at the end.

    `expected`: how many there are in all, where the shop says so.
    """

    items: Sequence[Document]
    cursor: str = ""
    expected: int | None = None


class Client(Protocol):
    """Asks one shop. Raises what `calling` raises; waits where the shop wants to be left alone."""

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """The things of the stream that changed in [since, until), the longest unchanged first. From `cursor` on.

        What changes while it is read must not be passed over. Streams that cannot be asked so may give more.
        """
        ...

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now; None where there is none."""
        ...

    def about(self) -> Mapping[str, str]:
        """What the shop says of itself: shows that the credentials are good."""
        ...

    def subscribe(self, url: str) -> Sequence[str]:
        """Have the shop send its messages to `url`, each topic once; the topics that are new. May refuse."""
        ...


class Writer(Protocol):
    """Writes rights into one shop. A write says how things shall stand and is harmless to repeat, because whoever was
    killed after it writes it again. Raises what `writers` and `calling` raise.
    """

    def code(self, due: CodeDue) -> str:
        """The code stands as it is wanted; what the shop calls it."""
        ...

    def has_code(self, due: CodeDue) -> bool:
        """Whether the shop's code still is as it was wanted."""
        ...

    def attributes(self, due: AttributesDue) -> None:
        """The shop's customer says what is wanted."""
        ...

    def has_attributes(self, due: AttributesDue) -> bool:
        """Whether they still do."""
        ...


Verify = Callable[[Hook, Sequence[str], About, datetime], Verdict]
#: (topic, body, told_at, about) to what it tells.
Translate = Callable[[str, bytes, datetime | None, About], Sequence[Report]]
#: (stream, one thing of a page, about) to what it tells.
Read = Callable[[str, Document, About], Sequence[Report]]


@dataclass(frozen=True)
class Asking:
    """What it takes to ask a shop. `keep` remembers, sealed, what the shop lends us for a while."""

    about: About
    secrets: Secrets
    caller: Caller
    keep: Callable[[Mapping[str, str]], None]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One kind of shop system. `translate` and `read` are pure; `verify` is too.

    `signs_with` names the credential that signs messages; `tick` is how finely the shop's update times tell;
    `settles_for` how long after a change it is surely found when the shop is asked; `overlap` how much of what was
    read before each poll reads again. `check` refuses settings that cannot be and gives them in one form. `writer`
    where its API lets rights be written. `reply` is what a genuine message that was kept is answered, where the shop
    wants to hear more than that it was taken. `looks`: the streams of which `one` says what is gone, and as what:
    deletions of which no message came are found so. `tells_many`: a message holds things that have nothing to do with
    each other, and each is taken by itself.
    """

    kind: str
    label: Promise
    streams: Sequence[Stream]
    credentials: Sequence[Field]
    settings: Sequence[Field] = ()
    signs_with: str = "secret"
    tick: timedelta = timedelta(seconds=1)
    settles_for: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=10)
    answers: Answers = Answers()
    check: Callable[[Mapping[str, str]], Mapping[str, Any]] = lambda settings: dict(settings)
    tells_many: bool = False
    looks: Mapping[str, Gone] = field(default_factory=dict)
    reply: Callable[[bytes, datetime | None, About], Answer] | None = None
    verify: Verify
    translate: Translate
    read: Read
    client: Callable[[Asking], Client]
    writer: Callable[[Asking], Writer] | None = None

    def stream(self, name: str) -> Stream:
        """The stream of that name; KeyError where there is none."""
        return {one.name: one for one in self.streams}[name]
