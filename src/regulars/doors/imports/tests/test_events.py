"""Files of events: tables and JSON Lines, each event once, with the time and the digits it is told with."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from django.db import connection

from regulars.doors.imports import commands, event_files, event_mapping, events
from regulars.doors.imports.event_columns import Told
from regulars.doors.imports.event_mapping import EventMapping
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.reading import UnreadableFile
from regulars.doors.imports.settling import Undecided
from regulars.doors.imports.tests.builders import NOW, a_file
from regulars.facts.events.messages import DECODER, Sender
from regulars.facts.sources import import_runs, sources
from regulars.kit import civil
from regulars.kit.actors import Actor

MAREK = Actor("operator", "1")
SENDER = Sender(id=1, namespace="orders", zone=civil.zone("UTC"), keyed=b"k" * 32)


def seen(user: str = "ines", **other: str) -> dict[str, str]:
    """Ines looked at a mug in May, unless the test says otherwise."""
    usual = {
        "event": "Product Viewed",
        "time": "2025-05-02 10:00:00",
        "user_id": user,
        "product_id": "007",
        "price": "4.50",
        "product.colour": "blue",
    }
    return usual | other


def line(user: str = "ines", **other: object) -> dict[str, object]:
    """The same, as Segment has it."""
    usual: dict[str, object] = {
        "type": "track",
        "event": "Product Viewed",
        "userId": user,
        "timestamp": "2025-05-02T10:00:00.000Z",
        "messageId": f"m-{user}",
        "properties": {"product_id": "007", "price": 4.5},
    }
    return usual | other


def a_lines_file(folder: Path, rows: list[dict[str, object]], name: str = "events.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path, mapping: EventMapping | None = None) -> tuple[list[Told], LeftOut, list[str]]:
    """The messages, what is left out and the notes, without a database, in a Chinese shop."""
    with event_files.walk(path, mapping, zone="Asia/Shanghai", sender=lambda _: SENDER, now=NOW) as walked:
        walked.read()
        told = [one for part in walked.parts() for one in part]
        return told, walked.left_out, walked.said()


def said(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = DECODER.decode(told.message.data)
    return found


def bring_in(path: Path, **options: Any) -> events.Imported:
    return events.import_events(path, None, at=options.pop("at", NOW), by=MAREK, **options)


def recorded() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, user_ref, occurred_at, origin, why_then FROM events_event ORDER BY occurred_at, id"
        )
        return cursor.fetchall()


def test_further_columns_are_properties_exact_and_nested(tmp_path: Path) -> None:
    rows = [seen(big="12345678901234567890.123456789", ok="true"), seen("wei", price="", big="1", ok="FALSE")]

    (ines, wei), left_out, notes = read(a_file(tmp_path, rows))

    assert left_out.rows_bad == 0
    assert said(ines)["properties"] == {
        "product_id": "007",
        "price": Decimal("4.50"),
        "product": {"colour": "blue"},
        "big": Decimal("12345678901234567890.123456789"),
        "ok": True,
    }
    assert b"4.50" in ines.message.data
    assert "price" not in said(wei)["properties"]
    assert said(wei)["properties"]["ok"] is False
    assert ines.message.occurred_at == datetime(2025, 5, 2, 2, tzinfo=UTC)
    assert ines.message.user_ref == "ines"
    assert any("price, big" in note for note in notes)
    assert "Read as properties: product_id, price, product.colour, big, ok." in notes
    assert not any(note.startswith("Not read") for note in notes)


def test_properties_in_a_column_of_json_and_chinese_headers(tmp_path: Path) -> None:
    rows = [
        {
            "事件名称": "Order Completed",
            "会员号": "A1",
            "发生时间": "2025年5月2日 10:00",
            "属性": '{"total": 10.10, "a": {"b": 1}}',
        },
        {"事件名称": "Order Completed", "会员号": "A2", "发生时间": "2025年5月2日 10:00", "属性": "{total: 1"},
    ]

    (first,), left_out, _ = read(a_file(tmp_path, rows))

    assert said(first)["properties"] == {"total": Decimal("10.10"), "a": {"b": 1}}
    (problem,) = left_out.first_problems.to_dicts()
    assert (problem["line_in_file"], problem["column"], problem["problem"]) == (3, "属性", "is no JSON object")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("event", "", "is empty"),
        ("event", "x" * 201, "is no event's name"),
        ("time", "", "is empty"),
        ("time", "yesterday", "is no date this file's other dates are written like"),
        ("time", "1999-12-31 10:00:00", "is earlier than any date that is imported"),
        ("time", "2099-12-31 10:00:00", "is in the future"),
        ("time", "1970-01-01 00:00:00", "is what systems write when they do not know the date (zero)"),
        ("user_id", "", "is empty, and nothing else tells who it was"),
        ("user_id", "guest", "names nobody"),
        ("user_id", "x" * 201, "is too long"),
        ("price", "4,50", "is no number, as the column's other values are"),
        ("price", "9" * 61, "cannot be kept: it has a number of more than 60 digits"),
    ],
)
def test_a_bad_row_is_told_and_the_others_come_in(tmp_path: Path, column: str, value: str, told: str) -> None:
    rows = [seen(f"c{number}") for number in range(4)]
    rows[1][column] = value

    good, left_out, _ = read(a_file(tmp_path, rows))

    assert [one.message.user_ref for one in good] == ["c0", "c2", "c3"]
    (problem,) = left_out.first_problems.to_dicts()
    assert (problem["line_in_file"], problem["problem"]) == (3, told)
    assert problem["column"] in {column, "segment_message", "message"}
    assert problem["mend"]


def test_what_names_a_thing_stays_text_and_a_mixed_column_too(tmp_path: Path) -> None:
    rows = [seen("a", sku="12", size="38"), seen("b", sku="13", size="M"), seen("c", sku="14", size="L")]

    found, left_out, _ = read(a_file(tmp_path, rows))

    assert left_out.rows_bad == 0
    assert [said(one)["properties"]["sku"] for one in found] == ["12", "13", "14"]
    assert [said(one)["properties"]["size"] for one in found] == ["38", "M", "L"]


def test_a_value_and_an_object_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="'product' is a value and"):
        read(a_file(tmp_path, [seen(product="mug")]))


@pytest.mark.parametrize("missing", ["event", "time", "user_id"])
def test_a_file_without_what_an_event_needs_is_refused(tmp_path: Path, missing: str) -> None:
    rows = [{name: value for name, value in seen().items() if name != missing}]

    with pytest.raises(BadMapping, match="--map"):
        read(a_file(tmp_path, rows))


def test_dates_that_can_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Undecided):
        read(a_file(tmp_path, [seen(time="03/04/2025 10:00")]))


def test_an_own_mapping_names_columns_and_properties(tmp_path: Path) -> None:
    path = a_file(
        tmp_path, [{"What": "view", "When": "1746180000", "Who": "A1", "Preis": "4,50", "Junk": "x", "N": "5"}]
    )
    own = tmp_path / "mine.yaml"
    own.write_text(
        "source: old-tracker\ndates: [unix]\ndecimal: ','\ntexts: [N]\n"
        "columns: {event: {column: What, values: {view: Product Viewed}}, time: When, user: Who}\n"
        "properties: {price: Preis, count: N, context.page.path: Junk}\n"
    )

    (found,), _, _ = read(path, event_mapping.load(str(own)))

    assert found.message.name == "Product Viewed"
    assert found.message.occurred_at == datetime(2025, 5, 2, 10, tzinfo=UTC)
    assert said(found)["properties"] == {"price": Decimal("4.50"), "count": "5"}
    assert said(found)["context"] == {"page": {"path": "x"}}


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame(
        {
            "event": ["Product Viewed"],
            "timestamp": [datetime(2025, 5, 2, 10, tzinfo=UTC)],
            "user_id": [17],
            "price": [Decimal("4.50")],
            "count": [3],
            "share": [0.1],
            "products": [[{"sku": "007", "price": Decimal("1.10")}]],
        }
    ).write_parquet(path)

    (found,), _, _ = read(path)

    assert found.message.user_ref == "17"
    assert said(found)["properties"] == {
        "price": Decimal("4.50"),
        "count": 3,
        "share": Decimal("0.1"),
        "products": [{"sku": "007", "price": Decimal("1.10")}],
    }


@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_json_come_in_as_segment_has_them(tmp_path: Path, packed: bool) -> None:
    path = a_lines_file(
        tmp_path, [line(), line("wei", type="identify", traits={"email": "wei@example.cn", "plan": "x"})]
    )
    if packed:
        packed_path = tmp_path / "events.jsonl.gz"
        packed_path.write_bytes(gzip.compress(path.read_bytes()))
        path = packed_path

    (ines, wei), left_out, _ = read(path)

    assert left_out.rows_bad == 0
    assert (ines.message.message_id, ines.message.name) == ("m-ines", "Product Viewed")
    assert said(wei)["traits"] == {"plan": "x"}
    assert b"wei@example.cn" not in wei.message.data
    assert wei.message.personal is not None


def test_old_times_stay_as_they_are_told(tmp_path: Path) -> None:
    rows = [
        line("a", timestamp="2019-01-02T03:04:05Z", sentAt="2019-01-02T03:04:06Z"),
        # The clock was an hour slow, which Segment saw and settled.
        line(
            "b",
            originalTimestamp="2019-01-02T02:04:05Z",
            sentAt="2019-01-02T02:04:06Z",
            timestamp="2019-01-02T03:04:05Z",
        ),
        line(
            "c",
            originalTimestamp="2019-01-02T02:04:05Z",
            sentAt="2019-01-02T02:04:06Z",
            timestamp="2019-01-02T03:04:05Z",
            receivedAt="2019-01-02T03:04:06Z",
        ),
        line("d", timestamp="2019-01-02T11:04:05"),
    ]

    found, left_out, _ = read(a_lines_file(tmp_path, rows))

    assert left_out.rows_bad == 0
    assert [one.message.occurred_at for one in found] == [datetime(2019, 1, 2, 3, 4, 5, tzinfo=UTC)] * 4


@pytest.mark.parametrize(
    ("bad", "column", "told"),
    [
        ("{not json", "segment_message", "is no JSON object"),
        ("[1]", "segment_message", "is no JSON object"),
        (json.dumps(line(type="tracks")), "type", "is no call"),
        (json.dumps(line(event="")), "event", "is no event's name"),
        (json.dumps(line(userId=None)), "userId", "names nobody"),
        (json.dumps(line(timestamp=None)), "timestamp", "is empty"),
        (json.dumps(line(timestamp="soon")), "timestamp", "is no time that can be read"),
        (json.dumps(line(timestamp="2031-01-01T00:00:00Z")), "timestamp", "is in the future"),
        (json.dumps(line(timestamp="1970-01-01T00:00:00Z")), "timestamp", "is before 2000-01-01"),
        (json.dumps(line(messageId="x" * 201)), "messageId", "is no id"),
        ('{"type": "track", "x": "' + "y" * 1_000_100 + '"}', "segment_message", "is longer than 1,000,000 characters"),
    ],
)
def test_a_bad_line_is_told_and_the_others_come_in(tmp_path: Path, bad: str, column: str, told: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(line("a")) + "\n\n" + bad + "\n" + json.dumps(line("b")) + "\n")

    found, left_out, _ = read(path)

    assert [one.message.user_ref for one in found] == ["a", "b"]
    (problem,) = left_out.first_problems.to_dicts()
    assert (problem["line_in_file"], problem["column"], problem["problem"]) == (3, column, told)
    assert problem["mend"]


def test_a_broken_byte_spoils_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(json.dumps(line("a")).encode() + b'\n{"type": "tr\xffck"}\n' + b"{}" + b"\n" * 2)

    found, left_out, _ = read(path)

    assert len(found) == 1
    assert left_out.first_problems["problem"].to_list()[0] == "has characters that cannot be read"


@pytest.mark.parametrize("content", [b"", b"[{}]", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_file_of_lines_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile):
        read(path)


@pytest.mark.django_db
def test_a_file_comes_in_once_however_often_it_is_sent(tmp_path: Path) -> None:
    path = a_file(tmp_path, [seen(), seen("wei"), seen("wei")])

    first, second = bring_in(path, source="tracker"), bring_in(path, source="tracker")

    assert (first.events.new, first.events.same) == (2, 1)
    assert (second.events.new, second.events.same) == (0, 3)
    assert first.totals == second.totals
    assert first.totals["visitors"] == 2
    assert [(name, user, origin) for name, user, _, origin, _ in recorded()] == [
        ("Product Viewed", "ines", "history"),
        ("Product Viewed", "wei", "history"),
    ]
    source = sources.by_name("tracker")
    assert (source.kind, source.namespace) == ("other", "orders")
    (run, _) = import_runs.recent()
    assert (run.kind, run.source, run.state, run.rows_good, run.came["same"]) == ("events", "tracker", "done", 3, 3)


@pytest.mark.django_db
def test_another_message_under_an_id_is_a_conflict_that_is_listed(tmp_path: Path) -> None:
    rows = [line("a", messageId="m1"), line("b", messageId="m1"), line("a", messageId="m1")]

    done = bring_in(a_lines_file(tmp_path, rows))

    assert (done.events.new, done.events.same, done.events.conflicts, done.is_whole) == (1, 1, 1, False)
    assert done.conflicts.select("ref", "line_in_file").rows() == [("m1", 2)]
    assert done.reject_file is not None
    assert '""userId"": ""b""' in done.reject_file.read_text(encoding="utf-8-sig")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sources_quarantined")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["table", "lines"])
def test_rejected_rows_come_in_once_mended(tmp_path: Path, kind: str) -> None:
    if kind == "table":
        path = a_file(tmp_path, [seen(), seen("wei", time="soon")])
    else:
        path = a_lines_file(tmp_path, [line(), line("wei", timestamp="soon")])

    first = bring_in(path)
    assert first.reject_file is not None
    text = first.reject_file.read_text(encoding="utf-8-sig")
    head, *rows = text.splitlines(keepends=True)
    first.reject_file.write_text(head + "".join(row.replace("soon", "2025-05-03T10:00:00Z", 9) for row in rows))
    second = bring_in(first.reject_file)

    assert (first.events.new, second.events.new, second.is_whole) == (1, 1, True)
    assert sorted(user for _, user, *_ in recorded()) == ["ines", "wei"]


@pytest.mark.django_db
def test_a_dry_run_records_nothing_and_makes_no_source(tmp_path: Path) -> None:
    done = bring_in(a_file(tmp_path, [seen(), seen("wei", time="soon")]), dry_run=True)

    assert (done.run, done.rows_good, done.rows_bad, done.reject_file) == (None, 1, 1, None)
    assert recorded() == []
    assert list(sources.every()) == []


@pytest.mark.django_db
def test_a_retired_source_is_refused_and_one_that_is_there_keeps_its_people(tmp_path: Path) -> None:
    made = sources.make(name="web", kind="web", namespace="web", zone="Europe/London", at=NOW, by=MAREK)
    bring_in(a_file(tmp_path, [seen()]), source="web")
    ((_, _, at, _, _),) = recorded()
    assert at == datetime(2025, 5, 2, 9, tzinfo=UTC)

    sources.retire(source=made.id, at=NOW, by=MAREK)
    with pytest.raises(sources.SourceRetired):
        bring_in(a_file(tmp_path, [seen()]), source="web")


@pytest.mark.django_db
def test_nothing_personal_can_be_read_in_any_table_or_message(tmp_path: Path) -> None:
    rows = [
        line("canary.user@canary.org", type="identify", traits={"email": "canary@canary.org", "phone": "13987654321"}),
        line("b", properties={"email": "canary@canary.org", "search": "canary.search@canary.org"}),
        line("canary.bad@canary.org", timestamp="canary"),
    ]
    path = a_lines_file(tmp_path, rows)

    told = CliRunner().invoke(commands.import_group, ["events", str(path)])

    assert told.exit_code == commands.ROWS_LEFT_OUT, told.output
    assert "13987654321" not in told.output
    assert "canary@" not in told.output
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    text = bytes(value).decode("latin1") if isinstance(value, memoryview | bytes) else str(value)
                    assert "canary" not in text.casefold(), table
                    assert "13987654321" not in text, table


@pytest.mark.django_db
def test_the_command_prints_facts(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands.import_group, ["events", str(a_file(tmp_path, [seen()])), "--json"])
    told = CliRunner().invoke(commands.import_group, ["events", str(a_file(tmp_path, [seen("x")])), "--source", "t"])

    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["recorded"] == {"events": {"new": 1, "same": 0, "conflicts": 0}}
    assert facts["source"] == "imported"
    assert facts["totals"]["events"] == 1
    assert "Events under 't': 1 new" in told.output


@pytest.mark.django_db
def test_events_older_than_their_rule_are_told_of_before_they_go(tmp_path: Path) -> None:
    done = bring_in(a_file(tmp_path, [seen(), seen("wei", time="2022-05-02 10:00:00")]))

    assert any(note.startswith("1 events happened longer ago") for note in done.notes)
