"""Files that are there as a whole or not at all, also after a power cut."""

import os
import secrets
import tempfile
from pathlib import Path


def make_way(file: Path) -> None:
    """Make the folder `file` goes into, and try whether it can be written, before the work of making what goes in.

    The OSError says why not. What stands in the file stays.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        file.open("ab").close()
    else:
        tempfile.TemporaryFile(dir=file.parent).close()


def write_whole(file: Path, text: str) -> None:
    """Make or replace `file` with `text` in UTF-8, 0600, on disk when this returns."""
    half = _half(file, text)
    half.replace(file)
    sync_folder(file.parent)


def write_once(file: Path, text: str) -> bool:
    """The same unless `file` exists: then it stays as it is, and the answer is False. Of two at once, one is first."""
    half = _half(file, text)
    try:
        # A hard link fails where the name is taken.
        os.link(half, file)
    except FileExistsError:
        return False
    finally:
        half.unlink()
    sync_folder(file.parent)
    return True


def settle(half: Path, file: Path) -> None:
    """Give what was written as `half` its name `file`, in the same folder, on disk when this returns."""
    with half.open("rb") as written:
        os.fsync(written.fileno())
    half.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Makes names given and taken inside `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _half(file: Path, text: str) -> Path:
    half = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        # A full disk: what little of it there is would only be in the way.
        half.unlink(missing_ok=True)
        raise
    return half
