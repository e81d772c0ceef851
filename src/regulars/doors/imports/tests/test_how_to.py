"""The page that tells how to import customers and events, followed as it is written."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regulars.doors.imports import commands, event_mapping

PAGE = Path(__file__).parents[5] / "docs" / "how-to" / "import-customers-and-events.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def asked(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """One of the page's command lines, where its files are."""
    assert f"    regulars import {line}\n" in PAGE.read_text()
    return again(line, folder, monkeypatch)


def again(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(commands.import_group, line.split())


@pytest.mark.django_db
def test_customers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "members.csv").write_text(blocks("csv")[0])

    first = asked("customers members.csv", tmp_path, monkeypatch)
    rejects = tmp_path / "members.rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace(",139,", ",13900139000,"))
    second = again("customers members.rejects.csv", tmp_path, monkeypatch)

    assert (first.exit_code, second.exit_code) == (commands.ROWS_LEFT_OUT, 0), first.output + second.output
    assert "Customers: 2 new" in first.output
    assert "Customers: 1 new" in second.output


@pytest.mark.django_db
def test_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events.csv").write_text(blocks("csv")[1])
    (tmp_path / "events.jsonl").write_text(blocks("json")[0])

    first = asked("events events.csv --source old-tracker", tmp_path, monkeypatch)
    rejects = tmp_path / "events.rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace(",soon,", ",2025-05-02 10:10,"))
    second = again("events events.rejects.csv --source old-tracker", tmp_path, monkeypatch)
    lines = asked("events events.jsonl --source old-tracker", tmp_path, monkeypatch)

    assert (first.exit_code, second.exit_code, lines.exit_code) == (commands.ROWS_LEFT_OUT, 0, 0), first.output
    assert "Events under 'old-tracker': 2 new" in first.output
    assert "1 new" in second.output
    assert "1 new" in lines.output


def test_the_mapping(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text(blocks("yaml")[0])

    assert event_mapping.load(str(own)).properties == {"price": "Price", "product.size": "Size"}
