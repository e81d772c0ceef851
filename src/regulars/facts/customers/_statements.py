"""What each source said of each record, sealed: a document for each source; and the fold that is shown of a person."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from django.db import connection
from django.utils.translation import gettext as _

from regulars.facts.customers import _sealing, survivorship
from regulars.facts.customers.identifiers import check_namespace
from regulars.facts.customers.models import Customer, Profile
from regulars.facts.customers.survivorship import Because, Said, Standing
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences.preferences import Preference
from regulars.runtime.secrets import vault
from regulars.runtime.secrets.vault import Plain, Sealed

#: What was known before sources were told apart.
EARLIER = "earlier"
#: A country that nobody told: it came with an order.
FROM_ORDERS = "orders"
MOST_SOURCES = 50
#: What of a record speaks for its being somebody, or against it.
COMPARED = ("given_name", "family_name", "display_name", "birthday")
_TABLE = "customers_statement"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Field to its text, when (microseconds since 1970) and by whom.
Document = dict[str, tuple[str, int, str]]
_DECODER = msgspec.json.Decoder(Document)
_ENCODER = msgspec.json.Encoder(order="sorted")


def _are_sources(told: tuple[str, ...]) -> str | None:
    """What is wrong with an order of sources."""
    if len(told) > MOST_SOURCES or len(set(told)) != len(told):
        return _("name each source once, up to %(most)d") % {"most": MOST_SOURCES}
    for source in told:
        try:
            check_namespace(source)
        except Refusal as refused:
            return refused.message
    return None


#: Sources that count more than others whatever the time, the surest first; the rest are equally sure.
SURER_SOURCES: Preference[tuple[str, ...]] = Preference(
    "customers.surer_sources", tuple[str, ...], default=(), check=_are_sources
)


def source_of(by: Actor) -> str:
    """The source that counts where none was named: who wrote it down."""
    if by.kind == "operator":
        return "staff"
    return f"connector.{by.id}"[:64] if by.kind == "connector" else by.kind


def instant(microseconds: int) -> datetime:
    """The time a word was said, in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


class Statements:
    """What was said of some people, while more is written down. Three queries to read, two to save."""

    def __init__(
        self,
        people: Mapping[int, Sequence[int]],
        rows: Mapping[int, Customer],
        kept: Mapping[int, Profile],
        surest_first: Sequence[str],
        *,
        sealed: Sequence[str],
    ) -> None:
        """`people` are the records of each person; `rows` and `kept` what stands in the database of these people."""
        self._people = people
        self._rank = survivorship.ranks(surest_first)
        self._of: dict[int, dict[str, Document]] = {record: {} for records in people.values() for record in records}
        self._changed: set[tuple[int, str]] = set()
        #: Records of which something else is told now that identity compares.
        self.told_anew: set[int] = set()
        self._load()
        # What orders told stands aside as soon as somebody says something of the country.
        self._countries = {
            person: row.country or "" if row.noted_country is None else row.noted_country
            for person, row in rows.items()
        }
        self._from_before(rows, kept, sealed)

    def shown(self, person: int, field: str) -> str:
        """What is shown of the person; empty where nothing is known."""
        words = self.words(person, field)
        if not words:
            return self._countries.get(person, "") if field == "country" else ""
        if len(words) == 1:
            return words[0].text
        best = survivorship.chosen(words, self._rank)
        return best.text if best else ""

    def alone(self, record: int, field: str) -> str:
        """What was said of the record itself, whoever it was joined to; empty where nothing was."""
        words = [
            Said(*document[field], source, record) for source, document in self._of[record].items() if field in document
        ]
        best = survivorship.chosen(words, self._rank) if words else None
        return best.text if best else ""

    def told_of(self) -> dict[int, Sequence[int]]:
        """People of several records of whom something is written down anew, with their records."""
        touched = {record for record, _source in self._changed}
        return {
            person: records
            for person, records in self._people.items()
            if len(records) > 1 and not touched.isdisjoint(records)
        }

    def words(self, person: int, field: str) -> list[Said]:
        """All that was said of the field."""
        return [
            Said(*document[field], source, record)
            for record in self._people.get(person, ())
            for source, document in self._of[record].items()
            if field in document
        ]

    def fields(self, person: int) -> set[str]:
        """Fields somebody said something of."""
        return {name for record in self._people.get(person, ()) for said in self._of[record].values() for name in said}

    def latest(self, person: int) -> datetime | None:
        """When the last word was said of the person; None where nobody said anything."""
        times = [
            at
            for record in self._people.get(person, ())
            for said in self._of[record].values()
            for _text, at, _by in said.values()
        ]
        return instant(max(times)) if times else None

    def explained(self, person: int, field: str) -> tuple[Because, list[tuple[Said, Standing]]]:
        """`survivorship.explained` of the person's field."""
        return survivorship.explained(self.words(person, field), self._rank)

    def take(
        self, person: int, record: int, source: str, told: Mapping[str, str], at: datetime, by: str
    ) -> dict[str, str]:
        """Write down what `source` told of the record. The fields of the person that show something else now.

        An older word than the source's last on the field changes nothing; of the same instant, the later counts.
        """
        when = (at - _EPOCH) // _MICROSECOND
        document = self._of[record].setdefault(source, {})
        changes: dict[str, str] = {}
        for field, text in told.items():
            last = document.get(field)
            if last is not None and (when < last[1] or (when == last[1] and text == last[0])):
                continue
            before = self.shown(person, field)
            document[field] = (text, when, by)
            self._changed.add((record, source))
            if field in COMPARED:
                self.told_anew.add(record)
            if (after := self.shown(person, field)) != before:
                changes[field] = after
        return changes

    def save(self) -> None:
        """Seal and keep what changed."""
        if not self._changed:
            return
        told = sorted(self._changed)
        sealed = vault.seal_many(
            [
                Plain(record, _TABLE, _column(source), record, _ENCODER.encode(self._of[record][source]).decode())
                for record, source in told
            ]
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO customers_statement (customer_id, source, sealed)"
                " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[])"
                " ON CONFLICT (customer_id, source) DO UPDATE SET sealed = excluded.sealed",
                [[record for record, _ in told], [source for _, source in told], sealed],
            )
        self._changed.clear()

    def _load(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT customer_id, source, sealed FROM customers_statement WHERE customer_id = ANY(%s)",
                [list(self._of)],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        opened = vault.open_many(
            [Sealed(record, _TABLE, _column(source), record, bytes(sealed)) for record, source, sealed in rows]
        )
        for (record, source, _sealed), plain in zip(rows, opened, strict=True):
            if plain is not None:
                self._of[record][source] = _DECODER.decode(plain)

    def _from_before(self, rows: Mapping[int, Customer], kept: Mapping[int, Profile], sealed: Sequence[str]) -> None:
        """Profiles from before sources were told apart are one source's word, of when they were last described."""
        old = [row for row in kept.values() if not row.is_folded and not self._of.get(row.customer_id)]
        opened = _sealing.open_rows(old, sealed) if old else {}
        for row in old:
            record = row.customer_id
            known = rows.get(record)
            plain = {"country": known.country or "", "language": known.language or ""} if known else {}
            told = {field: text for field, text in {**opened.get(record, {}), **plain}.items() if text}
            if told:
                when = (row.described_at - _EPOCH) // _MICROSECOND
                self._of[record][EARLIER] = {field: (text, when, "") for field, text in told.items()}
                self._changed.add((record, EARLIER))


def said_of(records: Collection[int]) -> dict[int, list[Document]]:
    """What each source said of each record itself, whoever it was joined to. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, source, sealed FROM customers_statement WHERE customer_id = ANY(%s)", [list(records)]
        )
        rows = cursor.fetchall()
    found: dict[int, list[Document]] = {}
    if rows:
        opened = vault.open_many(
            [Sealed(record, _TABLE, _column(source), record, bytes(sealed)) for record, source, sealed in rows]
        )
        for (record, _source, _sealed), plain in zip(rows, opened, strict=True):
            if plain is not None:
                found.setdefault(record, []).append(_DECODER.decode(plain))
    return found


def _column(source: str) -> str:
    return f"sealed|{source}"
