"""`Disk` mounted through FUSE: `python -m tests.durability.mount MOUNTPOINT FOLDER` begins with what is in FOLDER.

Lines on stdin: `cut CHANCE SEED` fails the power, after which everything is an I/O error; `on` gives it back; `end`
unmounts. Each is answered by one line of JSON.
"""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from mfusepy import FUSE, Operations, fuse_get_context

from tests.durability.disk import BLOCK, Disk, Node

T = TypeVar("T")


class Mounted(Operations):
    """What the kernel asks. Open files are known by their node, whatever became of their names."""

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Lock()
        self._is_off = False
        self._open: dict[int, Node] = {}

    def cut(self, *, chance: float, seed: int) -> dict[str, int]:
        with self._lock:
            self._is_off = True
            return asdict(self._disk.cut(chance=chance, seed=seed))

    def on(self) -> None:
        with self._lock:
            self._is_off = False
            self._open.clear()

    def _do(self, act: Callable[[], T]) -> T:
        with self._lock:
            if self._is_off:
                raise OSError(errno.EIO, "there is no power")
            return act()

    def _of(self, path: str, fh: int | None) -> Node:
        return self._open[fh] if fh in self._open else self._disk.find(path)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            node = self._of(path, fh)
            size = len(node.target) if stat.S_ISLNK(node.mode) else len(node.data)
            times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), node.changed_ns)
            return times | {
                "st_mode": node.mode,
                "st_uid": node.uid,
                "st_gid": node.gid,
                "st_size": size,
                "st_blocks": -(-size // 512),
                "st_nlink": 2 if node.is_folder else 1,
                "st_ino": node.number,
            }

        return self._do(act)

    def readdir(self, path: str, fh: int) -> list[str]:
        return self._do(lambda: [".", "..", *self._disk.find(path).names])

    def readlink(self, path: str) -> str:
        return self._do(lambda: self._disk.find(path).target)

    def _made(self, path: str, mode: int, target: str = "") -> Node:
        uid, gid, _ = fuse_get_context()
        return self._disk.make(path, mode=mode, uid=uid, gid=gid, target=target)

    def mkdir(self, path: str, mode: int) -> int:
        self._do(lambda: self._made(path, stat.S_IFDIR | stat.S_IMODE(mode)))
        return 0

    def mknod(self, path: str, mode: int, dev: int) -> int:
        self._do(lambda: self._made(path, mode))
        return 0

    def symlink(self, target: str, source: str) -> int:
        # The library's names: `target` is the new link, `source` what it points to.
        self._do(lambda: self._made(target, stat.S_IFLNK | 0o777, source))
        return 0

    def link(self, target: str, source: str) -> int:
        self._do(lambda: self._disk.link(target, source))
        return 0

    def unlink(self, path: str) -> int:
        self._do(lambda: self._disk.remove(path))
        return 0

    rmdir = unlink

    def rename(self, old: str, new: str) -> int:
        self._do(lambda: self._disk.rename(old, new))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        def act() -> None:
            node = self._disk.find(path)
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)

        self._do(act)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        def act() -> None:
            node = self._disk.find(path)
            node.uid = node.uid if uid == -1 else uid
            node.gid = node.gid if gid == -1 else gid

        self._do(act)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0

    def _opened(self, node: Node) -> int:
        self._open[node.number] = node
        return node.number

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return self._do(lambda: self._opened(self._made(path, stat.S_IFREG | stat.S_IMODE(mode))))

    def open(self, path: str, flags: int) -> int:
        def act() -> int:
            node = self._disk.find(path)
            if flags & os.O_TRUNC:
                self._disk.resize(node, 0)
            return self._opened(node)

        return self._do(act)

    def opendir(self, path: str) -> int:
        return self._do(lambda: self._opened(self._disk.find(path)))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._do(lambda: bytes(self._of(path, fh).data[offset : offset + size]))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return self._do(lambda: self._disk.write(self._of(path, fh), data, offset))

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._do(lambda: self._disk.resize(self._of(path, fh), length))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        def act() -> None:
            node = self._of(path, fh)
            self._disk.sync(node, path if self._has(path, node) else "")

        self._do(act)
        return 0

    fsyncdir = fsync

    def _has(self, path: str, node: Node) -> bool:
        try:
            return self._disk.find(path) is node
        except OSError:
            return False

    def statfs(self, path: str) -> dict[str, int]:
        blocks = 1 << 24
        return {"f_bsize": BLOCK, "f_frsize": BLOCK, "f_blocks": blocks, "f_bfree": blocks, "f_bavail": blocks}


def unmount(mountpoint: Path) -> None:
    """However this system does it."""
    by = ["umount"] if os.geteuid() == 0 else [shutil.which("fusermount3") or "fusermount", "-u"]
    subprocess.run([*by, str(mountpoint)], check=False)


def _obey(mounted: Mounted, mountpoint: Path) -> None:
    for line in sys.stdin:
        match line.split():
            case ["cut", chance, seed]:
                told: dict[str, int] = mounted.cut(chance=float(chance), seed=int(seed))
            case ["on"]:
                mounted.on()
                told = {}
            case _:
                break
        print(json.dumps(told), flush=True)
    unmount(mountpoint)


def main() -> None:
    mountpoint, folder = Path(sys.argv[1]), Path(sys.argv[2])
    mounted = Mounted(Disk.copy_of(folder))
    threading.Thread(target=_obey, args=(mounted, mountpoint), daemon=True).start()
    # The kernel may keep names and attributes for a second: who gives the power back waits that long.
    FUSE(
        mounted,
        str(mountpoint),
        foreground=True,
        nothreads=True,
        default_permissions=True,
        allow_other=os.geteuid() == 0,
        big_writes=True,
        attr_timeout=1,
        entry_timeout=1,
        fsname="forgetful",
    )


if __name__ == "__main__":
    main()
