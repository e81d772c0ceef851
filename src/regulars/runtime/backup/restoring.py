"""A home from a folder of backups: unpacked, verified, brought to its moment, and put in place as a whole.

Everything is made beside the place of the database and gets its name at the end. Killed anywhere, a restore has
happened not at all, and run again it begins anew.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from gzip import GzipFile
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO

import psycopg
from psycopg import sql

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.backup import shelf
from regulars.runtime.backup.bases import NoRoom, Tell, quietly
from regulars.runtime.backup.shelf import Base, Segment
from regulars.runtime.postgres import cluster, postmaster
from regulars.runtime.postgres.accounts import Account, database_account
from regulars.runtime.postgres.archive import SEGMENT, reserve_bytes
from regulars.runtime.postgres.binaries import Binaries, find_binaries, reachable
from regulars.runtime.postgres.keeper import take
from regulars.runtime.postgres.places import ELSEWHERE, Place, own_folder, place_for, run_folder
from regulars.runtime.postgres.trouble import DatabaseTrouble
from regulars.runtime.secrets.kit import Fingerprints

HALF = "restoring"
_CHUNK = 1 << 20
#: What PostgreSQL says when the log ends before a commit that is later than the moment asked for.
_ENDED_BEFORE = "recovery ended before configured recovery target was reached"


class NotThatMoment(Refusal):
    """No backup reaches the moment asked for; the message says which can be had."""

    code = "backup.not_that_moment"


class MissingLog(Refusal):
    """A part of the log is gone; the message names the first file of it."""

    code = "backup.missing_log"


class BrokenBackup(Refusal):
    code = "backup.broken"


class OtherVersion(Refusal):
    code = "backup.other_version"


class WrongKeys(Refusal):
    """The keys at hand open nothing of what the backup holds of people."""

    code = "backup.wrong_keys"


class LivingHome(Refusal):
    """There is a database already, and nobody said that it shall be replaced."""

    code = "backup.living_home"


@dataclass(frozen=True)
class Plan:
    """What will be done: which base, which files of the log, and to which moment; None is all there is."""

    base: Base
    log: list[Segment]
    to: datetime | None


@dataclass(frozen=True)
class Restored:
    """`reached_at` is the last change in the copy, None where the log has none after the base."""

    base: Base
    reached_at: datetime | None
    segments: int
    seconds: float
    moved_aside: Path | None


def plan(folder: Path, *, to: datetime | None, label: str = "", now: datetime) -> Plan:
    """Which base and log bring a database to `to` (None: to the last there is). Reads names and times, nothing else.

    Refuses with NoBackups, NotThatMoment, MissingLog.
    """
    shelf.check_is_there(folder)
    found = shelf.bases(folder)
    if label:
        found = [one for one in found if one.label == label]
        if not found:
            raise NotThatMoment(f"{folder} has no base called {label}; --list shows those it has.")
    if to is not None and to > now:
        raise NotThatMoment(f"{to.isoformat()} is still to come.")
    able = [one for one in found if to is None or one.finished_at <= to]
    if not able:
        first = min(one.finished_at for one in found)
        raise NotThatMoment(
            f"The first base was finished at {first.isoformat()}, and {to.isoformat() if to else 'that'} is before it."
        )
    base = able[0]
    log = shelf.segments(folder, base.line)
    run, missing = shelf.unbroken_from(base, log)
    until = shelf.reaches(base, log)
    if missing and (to is None or to > until):
        raise MissingLog(
            f"The log of {base.line} lacks {missing} and has later files: without it nothing after "
            f"{until.isoformat()} can be restored. Bring the file back, or give a moment up to then with --to."
        )
    if to is not None and to > until:
        raise NotThatMoment(
            f"The log after the base {base.label} reaches {until.isoformat()}, and {to.isoformat()} is after it. "
            f"`--to latest` restores all there is."
        )
    return Plan(base, run, to)


def check_keys(base: Base, keys: Fingerprints) -> None:
    """Refuses with WrongKeys, unless these keys are those the database was used with."""
    for name, theirs, ours in (("master", base.master, keys.master), ("lookup", base.lookup, keys.lookup)):
        if theirs and not ours:
            raise WrongKeys(
                f"The {name} key is not here, and without it no name or address in this backup ever opens again. "
                f"Give the file that `regulars keys save` wrote with --keys. --without-keys restores all the same."
            )
        if theirs and theirs != ours:
            raise WrongKeys(
                f"The backup was made with another {name} key ({theirs}) than the one here ({ours}). Give the file "
                f"that `regulars keys save` wrote then with --keys. --without-keys restores all the same."
            )


@contextlib.contextmanager
def _nobody_else(home: Path) -> Iterator[None]:
    lock = take(run_folder(home) / "database.keeper", shared=False)
    if lock is None:
        raise LivingHome(f"The database of {home} runs. Stop what uses it first.")
    with lock:
        yield


def restore(
    planned: Plan, *, home: Path, replace: bool = False, durable: bool = True, tell: Tell = quietly
) -> Restored:
    """Make the database of `home` from a backup. `replace` moves one that is there aside, and never removes it.

    Refuses with LivingHome, NoRoom, OtherVersion, BrokenBackup, DatabaseTrouble; then nothing of `home` has changed.
    """
    began = time.monotonic()
    account = database_account()
    place = place_for(home, account=account)
    with _nobody_else(home):
        if place.data.exists() and not replace:
            raise LivingHome(
                f"{home} has a database already, in {place.data}. Restore into another REGULARS_HOME; or move this one "
                f"aside with --replace."
            )
        binaries = reachable(find_binaries(), account=account, shelf=ELSEWHERE / "programs")
        if binaries.version[0] != planned.base.major:
            raise OtherVersion(
                f"The backup is of PostgreSQL {planned.base.server_version}, and the programs in {binaries.folder} are "
                f"of {binaries.version[0]}. Set REGULARS_POSTGRES_BIN to programs of version {planned.base.major}."
            )
        clear(place)
        if (running := postmaster.survivor(place)) is not None:
            raise LivingHome(f"The database of {home} runs as process {running.pid}. Stop what uses it first.")
        half = Place(home, own_folder(place.root / HALF, account=account), place.socket, place.why_elsewhere)
        try:
            _check_room(planned, half.root)
            _unpacked(planned.base, half, account=account, tell=tell)
            _verified(binaries, planned.base, half, tell=tell)
            _with_log(planned.log, half, account=account, tell=tell)
            reached = _recovered(planned, binaries, half, account=account, durable=durable, tell=tell)
            aside = _in_place(half, place)
        except BaseException:
            clear(place)
            raise
    return Restored(planned.base, reached, len(planned.log), time.monotonic() - began, aside)


def clear(place: Place) -> None:
    """Remove what a restore that was killed has left, and end its server."""
    half = Place(place.home, place.root / HALF, place.socket, place.why_elsewhere)
    if not half.root.exists():
        return
    end_server(half)
    shutil.rmtree(half.root)


def end_server(place: Place) -> None:
    """Of a copy that nobody needs: at once, and all it has started."""
    if (running := postmaster.survivor(place)) is not None:
        os.kill(running.pid, signal.SIGKILL)
    if place.data.exists():
        postmaster.clear_what_the_dead_left(place, say=lambda words: None)


def _check_room(planned: Plan, where: Path) -> None:
    wanted = planned.base.files_bytes + len(planned.log) * SEGMENT
    free = shutil.disk_usage(where).free - reserve_bytes()
    if free < wanted:
        raise NoRoom(
            f"{wanted // 1_000_000:,} MB are needed where {where} is, and {max(free, 0) // 1_000_000:,} MB are free "
            f"beside the {reserve_bytes() // 1_000_000:,} MB that stay free (REGULARS_DISK_RESERVE_MB)."
        )


class _Counted(RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], tell: Tell, done: int, total: int) -> None:
        self._file, self._tell, self._done, self._total = file, tell, done, total

    def read(self, size: int | None = -1, /) -> bytes:
        some = self._file.read(-1 if size is None else size)
        self._done += len(some)
        self._tell("unpack", self._done, self._total)
        return some


def _unpacked(base: Base, half: Place, *, account: Account, tell: Tell) -> None:
    done, total = 0, base.bytes
    own_folder(half.data, account=account)
    for name, into in (("base.tar.gz", half.data), ("pg_wal.tar.gz", half.data / "pg_wal")):
        file = base.folder / name
        try:
            with file.open("rb") as packed:
                # PostgreSQL packs the log in several gzip members, which tarfile's own unpacking takes for the end.
                unpacking = GzipFile(fileobj=_Counted(packed, tell, done, total), mode="rb")
                with tarfile.open(fileobj=unpacking, mode="r|", bufsize=_CHUNK) as parts:
                    for part in parts:
                        _one_part(parts, part, into, account=account)
                # The check of the whole stands at its end.
                while unpacking.read(_CHUNK):
                    continue
            done += file.stat().st_size
        except (tarfile.TarError, EOFError, zlib.error, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno is not None:
                raise
            raise BrokenBackup(f"{file} is damaged or not all there: {problem}") from problem


def _one_part(parts: tarfile.TarFile, part: tarfile.TarInfo, into: Path, *, account: Account) -> None:
    name = PurePosixPath(part.name)
    if name.is_absolute() or ".." in name.parts or not (part.isdir() or part.isreg()):
        raise tarfile.TarError(f"it holds {part.name!r}, which no backup of ours does")
    target = into / name
    if part.isdir():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        read = parts.extractfile(part)
        assert read is not None
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            shutil.copyfileobj(read, out, _CHUNK)
    os.chown(target, account.uid, account.gid)


def _verified(binaries: Binaries, base: Base, half: Place, *, tell: Tell) -> None:
    tell("verify", 0, 0)
    done = subprocess.run(
        [
            binaries.program("pg_verifybackup"),
            f"--manifest-path={base.folder / 'backup_manifest'}",
            "--quiet",
            str(half.data),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise BrokenBackup(f"The base {base.label} is not what was written: {'; '.join(words[:3])}")


def _with_log(log: list[Segment], half: Place, *, account: Account, tell: Tell) -> None:
    wal = half.data / "pg_wal"
    for done, one in enumerate(log):
        tell("log", done, len(log))
        target = wal / one.name
        try:
            with (
                one.file.open("rb") as raw,
                os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
            ):
                if one.file.suffix == ".gz":
                    with GzipFile(fileobj=raw) as packed:
                        shutil.copyfileobj(packed, out, _CHUNK)
                else:
                    shutil.copyfileobj(raw, out, _CHUNK)
        except (EOFError, zlib.error, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno is not None:
                raise
            raise BrokenBackup(f"{one.file} is damaged: {problem}") from problem
        size = target.stat().st_size
        if size != SEGMENT and one.is_whole:
            raise BrokenBackup(f"{one.file} holds {size:,} bytes, and a file of the log has {SEGMENT:,}.")
        if size != SEGMENT:
            # It was being begun: nothing is in it yet.
            target.unlink()
            continue
        os.chown(target, account.uid, account.gid)


def _configure(planned: Plan, half: Place, *, account: Account, durable: bool, to_the_moment: bool) -> None:
    cluster.configure(half, account=account, durable=durable)
    hba = half.root / "pg_hba.conf"
    # In a folder that nobody but the database's user and root can enter: the passwords of the home that was lost are
    # not needed to give the new one its own.
    disk.write_whole(hba, "local all postgres trust\n")
    os.chown(hba, account.uid, account.gid)
    lines = {
        "hba_file": str(hba),
        # The files of the log are there already.
        "restore_command": "false",
        "recovery_target_timeline": "current",
        "recovery_target_action": "promote",
        "hot_standby": "off",
        "archive_mode": "off",
    }
    if planned.to is not None and to_the_moment:
        lines["recovery_target_time"] = planned.to.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    # It is written anew by the first start of the keeper, and then nothing of this is left.
    with (half.data / "regulars.conf").open("a") as out:
        out.writelines(f"{name} = '{value}'\n" for name, value in lines.items())


def _recovered(
    planned: Plan, binaries: Binaries, half: Place, *, account: Account, durable: bool, tell: Tell
) -> datetime | None:
    tell("replay", 0, 0)
    signal_file = half.data / "recovery.signal"
    signal_file.touch(mode=0o600)
    os.chown(signal_file, account.uid, account.gid)
    try:
        server = _started(planned, binaries, half, account=account, durable=durable, to_the_moment=True, tell=tell)
    except DatabaseTrouble as trouble:
        if _ENDED_BEFORE not in str(trouble):
            raise
        # The log reaches that moment, and nobody changed anything after it: then all of it is what was asked for.
        server = _started(planned, binaries, half, account=account, durable=durable, to_the_moment=False, tell=tell)
    try:
        return _handed_over(half)
    finally:
        server.stop()
        server.wait(timeout=600)


def _started(
    planned: Plan,
    binaries: Binaries,
    half: Place,
    *,
    account: Account,
    durable: bool,
    to_the_moment: bool,
    tell: Tell,
) -> postmaster.Postmaster:
    _configure(planned, half, account=account, durable=durable, to_the_moment=to_the_moment)
    return postmaster.start(
        binaries,
        half,
        account=account,
        admin_url=_trusted_url(half),
        log_file=half.home / "logs" / "restore.log",
        say=lambda words: tell("replay", 0, 0),
        stopping=lambda: False,
    )


def _trusted_url(half: Place) -> str:
    return cluster.url(half, role=cluster.SUPERUSER, password="-", database="postgres")  # noqa: S106 - nobody asks for one


def _handed_over(half: Place) -> datetime | None:
    """The home's own passwords, and the moment of the last change."""
    passwords = asdict(cluster.passwords(half.home))
    with psycopg.connect(_trusted_url(half), autocommit=True) as server:
        row = server.execute("SELECT pg_last_xact_replay_timestamp()").fetchone()
        present = {name for (name,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in present & set(passwords):
            server.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(passwords[role]))
            )
    reached: datetime | None = row[0] if row else None
    return reached


def _in_place(half: Place, place: Place) -> Path | None:
    # What it writes from now on is another line of the log than the one it came from.
    (place.root / "line").unlink(missing_ok=True)
    aside = None
    if place.data.exists():
        aside = place.root / f"{cluster.BEFORE}{datetime.now(UTC):%Y%m%dT%H%M%S}"
        place.data.rename(aside)
    half.data.rename(place.data)
    disk.sync_folder(place.root)
    shutil.rmtree(half.root)
    return aside
