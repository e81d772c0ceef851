"""Base backups: whole copies of the database's files, made while the shop is open, verified, and kept for some days."""

import contextlib
import fcntl
import gzip
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.backup import shelf
from regulars.runtime.backup.shelf import Base
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.archive import folder_in_use, line_of, reserve_bytes
from regulars.runtime.postgres.binaries import Binaries, find_binaries
from regulars.runtime.postgres.places import place_for
from regulars.runtime.secrets import kit

#: What it does, how many bytes are done, and of how many.
Tell = Callable[[str, int, int], None]
_PROGRESS = re.compile(r"(\d+)/(\d+) kB")
#: From this version on a packed base can be verified as it lies there.
VERIFIES_PACKED = 18


class BackupsOff(Refusal):
    code = "backup.off"


class BackupBusy(Refusal):
    code = "backup.busy"


class BackupFailed(Refusal):
    """The words are PostgreSQL's own."""

    code = "backup.failed"


class NoRoom(Refusal):
    code = "backup.no_room"


@dataclass(frozen=True)
class Tidied:
    """What went, and how much smaller the rest has become."""

    bases: int
    segments: int
    packed: int


def quietly(_what: str, _done: int, _total: int) -> None:
    """Nobody looks."""


def folder_of(home: Path) -> Path:
    """Where the backups of `home` go. Refuses with BackupsOff."""
    folder = folder_in_use(home)
    if folder is None:
        raise BackupsOff("REGULARS_BACKUPS is off. Set it to a folder, best on another disk, and start again.")
    return folder


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else makes, tidies or tries backups meanwhile. Refuses with BackupBusy."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupBusy(
                f"Another process works on the backups in {folder}. Try again when it has ended."
            ) from None
        yield


def make(*, home: Path, fast: bool, tell: Tell = quietly) -> Base:
    """A new base of the running database of `home`, verified. `fast` writes what is in memory at once.

    Refuses with BackupsOff, BackupBusy, NoRoom, BackupFailed. One that was begun and not finished is never seen.
    """
    folder = folder_of(home)
    with alone(folder):
        line = line_of(place_for(home, account=database_account()))
        if not line:
            raise BackupFailed("The archive of the database's log has not begun: `regulars doctor` says why.")
        return _made(home, folder / line / "bases", fast=fast, tell=tell)


def _made(home: Path, into: Path, *, fast: bool, tell: Tell) -> Base:
    into.mkdir(mode=0o700, exist_ok=True)
    for half in into.glob(".new-*"):
        shutil.rmtree(half)
    free = shutil.disk_usage(into).free
    if free < reserve_bytes():
        raise NoRoom(
            f"{free // 1_000_000:,} MB are free where {into} is, and {reserve_bytes() // 1_000_000:,} MB stay free."
        )
    running = embedded.facts(home)
    if running is None:
        raise BackupFailed("The database does not run.")
    began = datetime.now(UTC)
    label = f"{began:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    half = into / f".new-{label}"
    binaries = find_binaries()
    try:
        _copied(binaries, home, half, label=label, fast=fast, tell=tell)
        if binaries.version[0] >= VERIFIES_PACKED:
            tell("verify", 0, 0)
            _run([binaries.program("pg_verifybackup"), "--format=tar", "--no-parse-wal", "--quiet", str(half)])
        manifest = json.loads((half / "backup_manifest").read_text())
        keys = kit.fingerprints_of(kit.at_hand(home))
        first = manifest["WAL-Ranges"][0]
        told = {
            "began_at": began.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
            "server_version": running.version,
            "timeline": first["Timeline"],
            "first_lsn": first["Start-LSN"],
            "bytes": sum(file.stat().st_size for file in half.iterdir()),
            "files_bytes": sum(file["Size"] for file in manifest["Files"]),
            "master": keys.master,
            "lookup": keys.lookup,
        }
        disk.write_whole(half / shelf.FACTS, json.dumps(told, indent=1) + "\n")
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    half.rename(into / label)
    disk.sync_folder(into)
    return next(one for one in shelf.bases(into.parents[1]) if one.label == label)


def _copied(binaries: Binaries, home: Path, half: Path, *, label: str, fast: bool, tell: Tell) -> None:
    copying = subprocess.Popen(
        [
            binaries.program("pg_basebackup"),
            f"--pgdata={half}",
            "--format=tar",
            "--compress=client-gzip:1",
            "--wal-method=stream",
            f"--checkpoint={'fast' if fast else 'spread'}",
            "--manifest-checksums=SHA256",
            f"--label={label}",
            "--no-password",
            "--progress",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=embedded.superuser_environment(home),
        umask=0o077,
    )
    assert copying.stderr is not None
    words: list[str] = []
    try:
        for line in copying.stderr:
            if found := _PROGRESS.search(line):
                tell("copy", int(found[1]) * 1024, int(found[2]) * 1024)
            else:
                words.append(line.strip())
    except BaseException:
        copying.terminate()
        raise
    finally:
        copying.wait()
    if copying.returncode != 0:
        raise BackupFailed("The database could not be copied: " + " ".join(words[-3:]))


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", env={"PATH": os.defpath, "LC_ALL": "C"}
    )
    if done.returncode != 0:
        raise BackupFailed((done.stderr or done.stdout).strip().replace("pg_verifybackup: error: ", ""))


def obsolete(found: list[Base], *, at: datetime, keep_days: int) -> list[Base]:
    """Bases that no moment of the last days needs: those with a newer one that is old enough itself."""
    since = at - timedelta(days=keep_days)
    old_enough = [one for one in found if one.finished_at <= since]
    newest = max(old_enough, key=lambda one: one.finished_at, default=None)
    return [one for one in old_enough if newest is not None and one.label != newest.label]


def tidy(*, home: Path, at: datetime, keep_days: int) -> Tidied:
    """Remove what no moment of the last `keep_days` days needs, and pack whole segments of the log.

    Killed anywhere it leaves everything restorable, and again it goes on.
    """
    folder = folder_of(home)
    with alone(folder):
        gone = obsolete(shelf.bases(folder), at=at, keep_days=keep_days)
        for base in gone:
            # First what makes it seen: half a base must not look like one.
            (base.folder / shelf.FACTS).unlink()
            shutil.rmtree(base.folder)
        kept = shelf.bases(folder)
        current = line_of(place_for(home, account=database_account()))
        segments = packed = 0
        for line in sorted(one.parent.name for one in folder.glob("*/wal")):
            theirs = [base for base in kept if base.line == line]
            log = shelf.segments(folder, line)
            if not theirs and line != current and _is_over(log, at - timedelta(days=keep_days)):
                shutil.rmtree(folder / line)
                segments += len(log)
                continue
            first = min((base.first_segment for base in theirs), default=0)
            for one in log:
                if one.number < first:
                    one.file.unlink()
                    segments += 1
                elif one.is_whole and one.file.suffix != ".gz":
                    packed += _packed(one.file)
        return Tidied(len(gone), segments, packed)


def _is_over(log: list[shelf.Segment], since: datetime) -> bool:
    return all(datetime.fromtimestamp(one.file.stat().st_mtime, UTC) < since for one in log)


def _packed(file: Path) -> int:
    """Bytes saved."""
    half, whole = file.with_name(f".{file.name}.gz"), file.with_name(f"{file.name}.gz")
    told = file.stat()
    with (
        os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0, filename="") as packing,
        file.open("rb") as raw,
    ):
        shutil.copyfileobj(raw, packing, 1 << 20)
    # When it was written to last says up to when the log reaches.
    os.utime(half, ns=(told.st_atime_ns, told.st_mtime_ns))
    disk.settle(half, whole)
    file.unlink()
    return told.st_size - whole.stat().st_size
