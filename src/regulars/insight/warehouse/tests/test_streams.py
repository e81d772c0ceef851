"""Rows that are added and removed and never changed reach their month's files, once, whatever comes late or goes."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from django.db import connection

from regulars.insight.warehouse import _copying, _files, _streams, publishing
from regulars.insight.warehouse.session import Session
from regulars.runtime.database.published import PublishedStream, StreamPart

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Birds:
    """What is published of sightings, up to the one that has `settled`."""

    settled: int | None = 0

    def stream(self) -> PublishedStream:
        return PublishedStream(
            name="sightings",
            key="sighting_id",
            table="sighting",
            number="id",
            at="seen_at",
            sql="SELECT id AS sighting_id, seen_at, bird FROM sighting WHERE {rows}",
            columns={"sighting_id": "int64", "seen_at": "timestamp", "bird": "text"},
            settled=lambda: self.settled,
            parts=(
                StreamPart(
                    name="feathers",
                    sql="SELECT id AS sighting_id, generate_series(1, feathers) AS place FROM sighting WHERE {rows}",
                    columns={"sighting_id": "int64", "place": "int64"},
                ),
            ),
        )


@pytest.fixture
def birds(fresh_database: dict[str, str]) -> Birds:
    with psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner:
        owner.execute("CREATE TABLE sighting (id bigint PRIMARY KEY, seen_at timestamptz, bird text, feathers int)")
        owner.execute("GRANT SELECT, INSERT, DELETE ON sighting TO PUBLIC")
    return Birds()


def see(number: int, day: str, bird: str, feathers: int = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sighting VALUES (%s, %s, %s, %s)", [number, f"{day}T12:00:00Z", bird, feathers])


def publish(home: Path, birds: Birds, *, rebuilt: bool = False) -> list[tuple[str, int, int]]:
    stream = birds.stream()
    told = publishing.publish(home, at=NOW, tables=[stream], rebuilt=[stream.name] if rebuilt else [])
    assert not any(one.differs for one in told)
    return [(one.name, one.changed, one.rows) for one in told]


def lying(home: Path) -> dict[str, int]:
    files = _files.read_manifest(home).tables["sightings"].base
    return {month: sum(file.month == month for file in files) for month in sorted({file.month for file in files})}


def seen(home: Path) -> list[tuple[str, int]]:
    with Session.from_published(home, threads=1) as session:
        found = session.sql(
            "SELECT bird, count(place)::INTEGER AS feathers FROM sightings LEFT JOIN feathers USING (sighting_id)"
            " GROUP BY bird ORDER BY bird"
        )
        return [(row["bird"], row["feathers"]) for row in found.to_pylist()]


def test_late_rows_go_to_the_month_in_which_they_happened(birds: Birds, tmp_path: Path):
    assert publish(tmp_path, birds) == [("sightings", 0, 0), ("feathers", 0, 0)]
    see(1, "2026-01-31", "robin", feathers=2)
    see(2, "2026-02-01", "wren")
    see(4, "2026-02-02", "kite")
    birds.settled = 2
    assert publish(tmp_path, birds) == [("sightings", 2, 2), ("feathers", 2, 2)]
    # Who wrote the third took its number before the fourth, and ends only now.
    see(3, "2026-01-01", "swan", feathers=1)
    birds.settled = None
    assert publish(tmp_path, birds)[0] == ("sightings", 0, 2)
    birds.settled = 4
    assert publish(tmp_path, birds)[0] == ("sightings", 2, 4)
    assert lying(tmp_path) == {"2026-01": 2, "2026-02": 2}
    assert seen(tmp_path) == [("kite", 0), ("robin", 2), ("swan", 1), ("wren", 0)]
    assert publish(tmp_path, birds, rebuilt=True)[0] == ("sightings", 0, 4)


def test_removed_rows_go_with_their_parts_and_many_files_become_one(birds: Birds, tmp_path: Path):
    for number in range(1, _streams.MOST_FILES + 1):
        see(number, "2026-03-01", f"bird {number}", feathers=number)
        birds.settled = number
        publish(tmp_path, birds)
    assert lying(tmp_path) == {"2026-03": _streams.MOST_FILES}
    see(99, "2026-03-02", "robin", feathers=1)
    see(100, "2026-04-01", "wren", feathers=1)
    birds.settled = 100
    publish(tmp_path, birds)
    assert lying(tmp_path) == {"2026-03": 1, "2026-04": 1}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sighting WHERE id IN (1, 2, 3, 4, 100)")
    assert publish(tmp_path, birds) == [("sightings", 0, 3), ("feathers", 0, 12)]
    assert lying(tmp_path) == {"2026-03": 1}
    assert seen(tmp_path) == [("bird 5", 5), ("bird 6", 6), ("robin", 1)]
    publish(tmp_path, birds, rebuilt=True)


def test_a_month_of_many_rows_lies_in_the_order_of_time(birds: Birds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_copying, "GROUP", 2048)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sighting SELECT n, timestamptz '2026-03-01Z' + n * 7919 % 40000 * interval '1 minute',"
            " 'wren', 0 FROM generate_series(1, 5000) AS n"
        )
    birds.settled = 5000
    assert publish(tmp_path, birds)[0] == ("sightings", 5000, 5000)
    assert lying(tmp_path) == {"2026-03": 1}
    [file] = _files.read_manifest(tmp_path).tables["sightings"].base
    groups = pq.ParquetFile(_files.folder(tmp_path) / file.path).metadata
    days = [groups.row_group(n).column(1).statistics for n in range(groups.num_row_groups)]
    assert len(days) > 1
    assert all(one.max <= following.min for one, following in itertools.pairwise(days))
    publish(tmp_path, birds, rebuilt=True)
