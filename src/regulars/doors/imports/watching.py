"""The watched folder: files that are dropped into it come in by themselves, each once.

`<folder>/orders/` (and customers, products, prices, stock) takes files; a file counts when its size and time are what
they were at the look before, or when `NAME.done` stands beside it. It is first moved to `.taking/`, where nobody else
may write, then imported, then moved to `done/` or `failed/`, with the rows that were left out, or the reason, beside
it. Whatever kills us in the middle, the next look goes on: what was being taken is taken again, and imports know what
they know.

Only plain files that stand in the folder itself are taken. A link could lead anywhere, and is refused.
"""

import hashlib
import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Literal

from django.db import DatabaseError, transaction
from django.db import connection as database
from django.utils import translation
from django.utils.translation import gettext

from regulars.doors.imports import customer_files, customers, mapping, orders, ware_files, wares
from regulars.doors.imports.outcomes import Imported
from regulars.doors.imports.ware_files import What
from regulars.facts.company import company
from regulars.facts.sources import connections, folders, import_runs, inbox
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Actor
from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

Became = Literal["done", "partly", "failed", "repeated", "busy"]
#: What is being written under another name, or is nobody's to take.
_PASSED_OVER = (".part", ".tmp", ".filepart", ".crdownload", ".swp", "~")
_MARK = ".done"
_TAKING = ".taking"
_LOG = logging.getLogger(__name__)
#: Bytes of a name, of the 255 that disks take: what is put before it and behind it must fit, too.
_LONGEST_NAME = 200
#: The first half of the locks' two-part name.
_LOCKS = 1_936_681_574
_WARES: Mapping[str, What] = {"products": "products", "prices": "prices", "stock": "stock"}


class FolderNotThere(Refusal):
    """The watched folder is not there, is no folder, or cannot be written to."""

    code = "imports.folder_not_there"


class NotWatched(Refusal):
    """No watched folder has the name."""

    code = "imports.not_watched"


@dataclass(frozen=True)
class File:
    """One file that was looked at, of which kind, and what became of it; `why` where it is not whole."""

    kind: str
    name: str
    became: Became
    why: str = ""
    run: int | None = None


def watched() -> list[Connection]:
    """The folders that are watched now. One query."""
    return [one for one in connections.every() if one.kind == folders.KIND and one.state == "on"]


def named_so(name: str) -> Connection:
    """The folder of that name, if it is watched now. One query."""
    folders_ = watched()
    for one in folders_:
        if one.name == name:
            return one
    raise NotWatched(
        gettext("name: no watched folder is called %(name)s; there are: %(names)s")
        % {"name": repr(name), "names": ", ".join(one.name for one in folders_) or gettext("none")},
        field="name",
        value=name,
    )


def look(*, connection: Connection, at: datetime) -> list[File]:
    """Look into the folder once, and take what is ready. Harmless to repeat; not beside itself (the job has a lock).

    Call it outside a transaction. Where somebody else looks just now, nothing is done.
    """
    folder = _folder(connection)
    # What is wrong with a file waits for the shop's people: in their language, whoever looks.
    with _alone(connection.id) as is_alone, translation.override(company.shop().language):
        return _look(connection, folder, at) if is_alone else []


def look_into_all() -> None:
    """Look once into every folder that is watched and there.

    What goes wrong with one holds up no other: the first such problem is raised when all were looked into.
    """
    first: Exception | None = None
    for connection in watched():
        try:
            look(connection=connection, at=clock.now())
        except FolderNotThere:
            continue
        except Exception as problem:
            # The other folders are looked at all the same; the job then fails with it.
            first = first or problem
    if first is not None:
        raise first


def _look(connection: Connection, folder: Path, at: datetime) -> list[File]:
    seen = connections.secrets_of(connection=connection.id, at=at).kept
    stands: dict[str, str] = {}
    found: list[File] = []
    for kind in folders.FILES:
        for path in _left_behind(folder, kind):
            found.append(_take(connection, folder, kind, path))
        for path in _dropped(folder, kind):
            key, now = f"{kind}/{path.name}", _size_and_time(path)
            if now is None:
                found.append(_refuse(connection, folder, kind, path))
            elif _is_ready(connection, path, is_still=seen.get(key) == now):
                marker = _marker(path)
                if (taken := _move(path, _own(folder, kind) / _tidy(path.name))) is not None:
                    if os.path.lexists(marker):
                        marker.unlink(missing_ok=True)
                    found.append(_take(connection, folder, kind, taken))
            else:
                stands[key] = now
    if stands != dict(seen):
        connections.remember(connection=connection.id, kept=stands)
    return found


@contextmanager
def _alone(connection: int) -> Iterator[bool]:
    """Whether nobody else looks into this folder; kept as long as the database's connection lives."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCKS, connection])
        (is_ours,) = cursor.fetchone() or (False,)
    try:
        yield bool(is_ours)
    finally:
        if is_ours:
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCKS, connection])


def why_not(connection: Connection) -> str:
    """Why the folder cannot be watched, in a sentence; empty where it can."""
    return why_no_folder(Path(str(connection.settings["folder"])))


def why_no_folder(folder: Path) -> str:
    """The same of a folder that nothing watches yet."""
    try:
        _made_ready(folder)
    except FolderNotThere as refusal:
        return refusal.message
    return ""


def _folder(connection: Connection) -> Path:
    return _made_ready(Path(str(connection.settings["folder"])))


def _made_ready(folder: Path) -> Path:
    try:
        # The folder may be reached by links; nothing in it may lead out again.
        real = folder.resolve(strict=True)
        for kind in folders.FILES:
            _plain_folder(real / kind)
        for kind in folders.FILES:
            for place in ("done", "failed"):
                _plain_folder(real / place / kind)
            _plain_folder(_own(real, kind), mode=0o700)
    except OSError as problem:
        raise FolderNotThere(
            gettext("folder: %(folder)s cannot be watched (%(problem)s); make it, and let Regulars write to it")
            % {"folder": folder, "problem": type(problem).__name__},
            field="folder",
            value=str(folder),
        ) from problem
    return real


def _plain_folder(path: Path, mode: int = 0o777) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise NotADirectoryError(path)


def _own(folder: Path, kind: str) -> Path:
    return folder / _TAKING / kind


def _dropped(folder: Path, kind: str) -> Iterator[Path]:
    """What lies in the kind's folder, oldest name first, but for markers and what is not finished."""
    for path in sorted((folder / kind).iterdir()):
        name = path.name
        if name.startswith(".") or name.endswith((*_PASSED_OVER, _MARK)):
            continue
        if path.is_symlink() or not path.is_dir():
            yield path


def _left_behind(folder: Path, kind: str) -> Iterator[Path]:
    """What somebody was taking who was killed."""
    yield from sorted(_own(folder, kind).iterdir())


def _size_and_time(path: Path) -> str | None:
    """What a file is known by from one look to the next; None for what is no plain file."""
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}" if stat.S_ISREG(found.st_mode) else None


def _is_ready(connection: Connection, path: Path, *, is_still: bool) -> bool:
    # Not `Path.exists`, which raises where the marker's name would be longer than a disk takes.
    if os.path.exists(_marker(path)):  # noqa: PTH110
        return True
    return is_still and connection.settings.get("ready", "still") == "still"


def _marker(path: Path) -> Path:
    return path.with_name(path.name + _MARK)


def _tidy(name: str) -> str:
    """The name as it can be kept, shown, and put beside others: in characters (Windows in China names files in
    GB18030), and its end where it is long."""
    raw = os.fsencode(name)
    try:
        raw.decode()
    except UnicodeDecodeError:
        raw = raw.decode("gb18030", "replace").encode()
    return raw[-_LONGEST_NAME:].decode("utf-8", "ignore")


def _move(path: Path, to: Path) -> Path | None:
    """Where it is now; None where it is gone, or still stands there from before."""
    if to.exists():
        return None
    try:
        path.rename(to)
    except FileNotFoundError:
        return None
    return to


def _take(connection: Connection, folder: Path, kind: str, path: Path) -> File:
    """Import one file that lies where nobody else may write."""
    if _size_and_time(path) is None:
        return _refuse(connection, folder, kind, path)
    digest, to = _digest(path), _free(folder, "done", kind, path)
    if (number := _known(connection, kind, digest)) is not None and inbox.get(number).state == "done":
        _keep(connection, kind, digest, path.name, "done")
        path.rename(to)
        return File(kind, path.name, "repeated")
    rejects = to.with_name(f"{to.name}.rejects.csv")
    try:
        done = _import(connection, kind, path, rejects)
    except import_runs.AlreadyRunning:
        # Somebody imports it by hand just now; the next look finds what came of it.
        return File(kind, path.name, "busy")
    except Refusal as refusal:
        return _failed(connection, folder, kind, path, digest, refusal.code, refusal.message)
    except DatabaseError:
        # Not the file's fault: it stays where it is, and is taken by the next look.
        raise
    except Exception as problem:
        # A bug of ours, which must not keep the files behind this one waiting for ever.
        _LOG.exception("A file of the watched folder %s could not be imported.", connection.name)
        return _failed(connection, folder, kind, path, digest, "our_fault", named(problem))
    became: Became = "done" if done.is_whole else "partly"
    code = why = ""
    if not done.is_whole:
        code = "rows_left_out"
        why = gettext("%(bad)s of %(all)s rows were left out; mend them in the reject file and drop that") % {
            "bad": done.rows_rejected,
            "all": done.rows_read,
        }
    _keep(connection, kind, digest, path.name, "not_understood" if code else "done", came=done.came, code=code, why=why)
    # Last, so that whoever is killed before it takes the whole of it again.
    path.rename(to)
    return File(kind, path.name, became, why, done.run)


def _import(connection: Connection, kind: str, path: Path, rejects: Path) -> Imported:
    at, by = clock.now(), Actor("import", connection.name)
    source, zone = connection.namespace, connection.zone
    wanted = connection.settings.get(kind)
    if kind == "orders":
        how = mapping.load(wanted) if wanted else None
        return orders.import_orders(path, how, at=at, by=by, reject_file=rejects, source=source, zone=zone)
    if kind == "customers":
        of = customer_files.load(wanted) if wanted else None
        return customers.import_customers(path, of, at=at, by=by, reject_file=rejects, source=source, zone=zone)
    what = _WARES[kind]
    ware = ware_files.load(what, wanted) if wanted else None
    return wares.import_wares(what, path, ware, at=at, by=by, reject_file=rejects, source=source, zone=zone)


def _failed(connection: Connection, folder: Path, kind: str, path: Path, digest: str, code: str, why: str) -> File:
    # What the reason may quote of a row lies beside the file, for whoever dropped it, and is not written down here.
    to = _free(folder, "failed", kind, path)
    to.with_name(f"{to.name}.why.txt").write_text(why + "\n", encoding="utf-8")
    _keep(
        connection,
        kind,
        digest,
        path.name,
        "not_understood",
        code=code,
        why=gettext("the reason lies beside it in failed/"),
    )
    path.rename(to)
    return File(kind, path.name, "failed", why)


def _refuse(connection: Connection, folder: Path, kind: str, path: Path) -> File:
    """A link, or whatever else is no plain file: it is put away as it is, and nothing behind it is looked at."""
    why = gettext("is no plain file; links are not followed")
    to = _free(folder, "failed", kind, path)
    name = _tidy(path.name)
    _keep(connection, kind, f"no-file:{to.name}", name, "not_understood", code="no_plain_file", why=why)
    path.rename(to)
    return File(kind, name, "failed", why)


def _keep(
    connection: Connection,
    kind: str,
    digest: str,
    name: str,
    as_: Literal["done", "not_understood"],
    *,
    came: Mapping[str, int] | None = None,
    code: str = "",
    why: str = "",
) -> None:
    """Among the connection's deliveries: each content once, with what became of it last."""
    at = clock.now()
    with transaction.atomic():
        kept = inbox.keep(
            connection=connection.id,
            key=f"{kind}/{digest}",
            topic=kind,
            body=_body(kind, digest),
            headers={"file": name},
            at=at,
        )
        if kept.is_new or inbox.get(kept.id).state != "done":
            inbox.settle(number=kept.id, as_=as_, came=came, code=code, why=why, at=at)
        connections.heard(connection=connection.id, at=at)


def _known(connection: Connection, kind: str, digest: str) -> int | None:
    return inbox.find(connection=connection.id, key=f"{kind}/{digest}", body=_body(kind, digest))


def _body(kind: str, digest: str) -> bytes:
    return json.dumps({"kind": kind, "digest": digest}, sort_keys=True).encode()


def _free(folder: Path, where: Literal["done", "failed"], kind: str, path: Path) -> Path:
    """Where a file is put, so that it is found: under a name that nothing has yet."""
    stamp, place = clock.now().strftime("%Y%m%dT%H%M%S"), folder / where / kind
    names = (f"{stamp}{f'.{n}' if n else ''}-{_tidy(path.name)}" for n in count())
    return next(place / name for name in names if not os.path.lexists(place / name))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
