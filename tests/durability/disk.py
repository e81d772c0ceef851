"""A disk that remembers after a power cut only what was synced, and by chance some of the rest. In memory, pure.

What a program reads back is the live state; beside it stands what the platter has. Syncing a file brings its bytes
over, and its name if it never had a lasting one; syncing a folder brings its names over. At a power cut each sector
that was written since may have reached the platter or not, each for itself; names that were made, changed or removed
since are as they were, or all as they were to be.
"""

import errno
import os
import random
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

#: Bytes that a disk writes whole or not at all, and in which what is unsynced is kept count of.
SECTOR, BLOCK = 512, 4096


@dataclass(eq=False)
class Node:
    """A file, folder, link or socket. `lasting` is what the platter has of its bytes or names."""

    number: int
    mode: int
    uid: int
    gid: int
    changed_ns: int
    data: bytearray = field(default_factory=bytearray)
    lasting_data: bytearray = field(default_factory=bytearray)
    unsynced: set[int] = field(default_factory=set)
    names: dict[str, "Node"] = field(default_factory=dict)
    lasting_names: dict[str, "Node"] = field(default_factory=dict)
    #: How many names the platter has of it.
    lasts: int = 0
    target: str = ""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True)
class Forgotten:
    """What a power cut took: bytes that were written and not synced, and names that were made or changed."""

    bytes: int
    survived: int
    names: int


class Disk:
    """Paths begin with `/`. Raises OSError as a kernel would."""

    def __init__(self, *, mode: int, uid: int, gid: int) -> None:
        self._last = 0
        self.root = self._node(stat.S_IFDIR | stat.S_IMODE(mode), uid, gid)

    @classmethod
    def copy_of(cls, folder: Path) -> "Disk":
        """Everything in `folder`, all of it lasting."""
        told = folder.lstat()
        disk = cls(mode=told.st_mode, uid=told.st_uid, gid=told.st_gid)
        for above, folders, files in os.walk(folder):
            here = disk.find("/" + Path(above).relative_to(folder).as_posix())
            for name in (*folders, *files):
                path = Path(above) / name
                told = path.lstat()
                node = disk._node(told.st_mode, told.st_uid, told.st_gid)
                if path.is_symlink():
                    node.target = str(path.readlink())
                elif path.is_file():
                    node.data = bytearray(path.read_bytes())
                    node.lasting_data = bytearray(node.data)
                here.names[name] = here.lasting_names[name] = node
                node.lasts = 1
        return disk

    def find(self, path: str) -> Node:
        """What is at the path now."""
        node = self.root
        for name in PurePosixPath(path).parts[1:]:
            if name not in node.names:
                raise FileNotFoundError(errno.ENOENT, path)
            node = node.names[name]
        return node

    def make(self, path: str, *, mode: int, uid: int, gid: int, target: str = "") -> Node:
        """A new file, folder, link or socket."""
        folder, name = self._above(path)
        if name in folder.names:
            raise FileExistsError(errno.EEXIST, path)
        node = self._node(mode, uid, gid)
        node.target = target
        folder.names[name] = node
        self._touch(folder)
        return node

    def remove(self, path: str) -> None:
        """The name; the file itself as soon as nothing names it."""
        folder, name = self._above(path)
        node = self.find(path)
        if node.is_folder and node.names:
            raise OSError(errno.ENOTEMPTY, path)
        del folder.names[name]
        self._touch(folder)

    def rename(self, old: str, new: str) -> None:
        """In the place of what had the new name."""
        node = self.find(old)
        folder, name = self._above(new)
        replaced = folder.names.get(name)
        if replaced is node:
            return
        if replaced is not None and replaced.is_folder and replaced.names:
            raise OSError(errno.ENOTEMPTY, new)
        before, old_name = self._above(old)
        del before.names[old_name]
        folder.names[name] = node
        self._touch(before)
        self._touch(folder)

    def link(self, path: str, to: str) -> None:
        """A second name."""
        folder, name = self._above(path)
        if name in folder.names:
            raise FileExistsError(errno.EEXIST, path)
        folder.names[name] = self.find(to)
        self._touch(folder)

    def write(self, node: Node, data: bytes, offset: int) -> int:
        end = offset + len(data)
        if offset > len(node.data):
            self.resize(node, offset)
        node.data[offset:end] = data
        node.unsynced.update(range(offset // BLOCK, -(-end // BLOCK)))
        self._touch(node)
        return len(data)

    def resize(self, node: Node, size: int) -> None:
        """Cut off, or filled up with zeros."""
        before = len(node.data)
        if size < before:
            del node.data[size:]
        else:
            node.data.extend(bytes(size - before))
        node.unsynced.update(range(min(size, before) // BLOCK, -(-max(size, before) // BLOCK)))
        self._touch(node)

    def sync(self, node: Node, path: str) -> None:
        """Bytes of a file, names of a folder. `path` is one of its names, empty where it has none any more."""
        if node.is_folder:
            self._let_names_last(node)
        else:
            node.lasting_data.extend(bytes(max(0, len(node.data) - len(node.lasting_data))))
            for block in node.unsynced:
                node.lasting_data[block * BLOCK : (block + 1) * BLOCK] = node.data[block * BLOCK : (block + 1) * BLOCK]
            del node.lasting_data[len(node.data) :]
            node.unsynced.clear()
        if path and path != "/":
            self._let_its_first_name_last(path)

    def cut(self, *, chance: float, seed: int) -> Forgotten:
        """The power fails: what is live becomes what the platter has. Unsynced sectors survive by `chance` each."""
        chosen = random.Random(seed)
        took = survived = 0
        for node in list(self._all()):
            if node.is_folder or not node.unsynced:
                continue
            if chance and len(node.data) > len(node.lasting_data) and chosen.random() < chance:
                node.lasting_data.extend(bytes(len(node.data) - len(node.lasting_data)))
            for block in sorted(node.unsynced):
                for start in range(block * BLOCK, min((block + 1) * BLOCK, len(node.data)), SECTOR):
                    if chance and start < len(node.lasting_data) and chosen.random() < chance:
                        end = min(start + SECTOR, len(node.data), len(node.lasting_data))
                        node.lasting_data[start:end] = node.data[start:end]
                        survived += end - start
                    else:
                        took += min(start + SECTOR, len(node.data)) - start
        names = 0
        do_names_survive = chance > 0 and chosen.random() < chance
        for node in list(self._all()):
            if node.is_folder and node.names != node.lasting_names:
                if do_names_survive:
                    self._let_names_last(node)
                else:
                    names += len(node.names.items() ^ node.lasting_names.items())
                    node.names = dict(node.lasting_names)
        for node in self._all():
            if not node.is_folder:
                node.data = bytearray(node.lasting_data)
                node.unsynced.clear()
        return Forgotten(took, survived, names)

    def _all(self) -> Iterator[Node]:
        """Every node that has a name now or a lasting one."""
        seen, to_see = {self.root}, [self.root]
        while to_see:
            node = to_see.pop()
            yield node
            for below in (*node.names.values(), *node.lasting_names.values()):
                if below not in seen:
                    seen.add(below)
                    to_see.append(below)

    def _let_its_first_name_last(self, path: str) -> None:
        # As Linux's journalled file systems do: who syncs a new file finds it again.
        folder, name = self._above(path)
        node = folder.names[name]
        if node.lasts:
            return
        if (replaced := folder.lasting_names.get(name)) is not None:
            replaced.lasts -= 1
        folder.lasting_names[name] = node
        node.lasts = 1
        above = str(PurePosixPath(path).parent)
        if above != "/":
            self._let_its_first_name_last(above)

    @staticmethod
    def _let_names_last(folder: Node) -> None:
        for node in folder.lasting_names.values():
            node.lasts -= 1
        for node in folder.names.values():
            node.lasts += 1
        folder.lasting_names = dict(folder.names)

    def _above(self, path: str) -> tuple[Node, str]:
        pure = PurePosixPath(path)
        return self.find(str(pure.parent)), pure.name

    def _node(self, mode: int, uid: int, gid: int) -> Node:
        self._last += 1
        return Node(self._last, mode, uid, gid, time.time_ns())

    @staticmethod
    def _touch(node: Node) -> None:
        node.changed_ns = time.time_ns()
