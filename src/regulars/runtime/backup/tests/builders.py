"""Homes with something in them that can be lost."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from regulars.runtime.backup import bases, restoring
from regulars.runtime.backup.shelf import Base
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import SOURCE

PURSE = "CREATE TABLE purse (number bigserial PRIMARY KEY, points int, told_at timestamptz DEFAULT clock_timestamp())"


@contextmanager
def purse(home: Path) -> Iterator[psycopg.Connection]:
    """The database of `home`, each statement a transaction of its own."""
    with embedded.running(home) as server, psycopg.connect(server.owner, autocommit=True) as connection:
        yield connection


def put(connection: psycopg.Connection, points: int) -> datetime:
    """A row with these points; when it was told."""
    row = connection.execute("INSERT INTO purse (points) VALUES (%s) RETURNING told_at", [points]).fetchone()
    assert row is not None
    told: datetime = row[0]
    return told


def points_in(home: Path) -> list[int]:
    with purse(home) as connection:
        return [points for (points,) in connection.execute("SELECT points FROM purse ORDER BY number").fetchall()]


def a_shop(home: Path) -> tuple[Base, datetime]:
    """Three rows before the base, two after it, a moment, two more. The base, and the moment."""
    with purse(home) as connection:
        connection.execute(PURSE)
        for points in (10, 20, 30):
            put(connection, points)
        base = bases.make(home=home, fast=True)
        put(connection, 40)
        put(connection, 50)
        time.sleep(0.01)
        moment = datetime.now(UTC)
        time.sleep(0.01)
        put(connection, 60)
        put(connection, 70)
    return base, moment


def restored(source: Path, home: Path, *, to: datetime | None = None, replace: bool = False) -> restoring.Restored:
    planned = restoring.plan(source / "backups", to=to, now=datetime.now(UTC))
    return restoring.restore(planned, home=home, replace=replace, durable=False)


def copied(source: Path, where: Path) -> Path:
    """A home that has nothing but the backups of another."""
    where.mkdir(mode=0o711)
    shutil.copytree(source / "backups", where / "backups")
    return where


def in_a_process(words: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", words, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": SOURCE},
    )
