"""What stays out of an import, laid aside on disk by where its rows stand in the file: any number may be bad."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from regulars.doors.imports.checking import PROBLEMS
from regulars.doors.imports.documents import CONFLICTS

#: Rows that wait because of others: which, why, and what to do.
HELD = pl.Schema({"row": pl.Int64(), "why": pl.String(), "mend": pl.String()})
#: So many of each are kept in memory, to be shown.
LISTED = 20
#: Rows of the file a bucket is for, at least, and buckets at most: each is an open file.
_BUCKET = 50_000
_MOST_BUCKETS = 128


class _Pile:
    """Frames of one schema, one after another in a file; memory holds none of them."""

    def __init__(self, file: Path, schema: pl.Schema) -> None:
        self._file = file
        self._schema = schema
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Lay one more aside."""
        table = frame.select(pl.col(name).cast(kind) for name, kind in self._schema.items()).to_arrow()
        if self._writer is None:
            self._writer = pa.ipc.new_stream(str(self._file), table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Nothing is added any more."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def read(self) -> pl.DataFrame:
        """All of it; nothing is added after."""
        self.close()
        return pl.read_ipc_stream(self._file) if self._file.exists() else pl.DataFrame(schema=self._schema)


@dataclass
class LeftOut:
    """Problems, rows held back and conflicts of one file, in a folder of the caller's.

    Memory holds the first LISTED problems and conflicts, and counts. `rows_bad` rows have a problem of their own,
    `rows_held` wait because of others.
    """

    folder: Path
    rows_bad: int = 0
    rows_held: int = 0
    first_problems: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PROBLEMS))
    first_conflicts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CONFLICTS))
    _early: list[tuple[int, int, _Pile]] = field(default_factory=list)
    _late: dict[tuple[int, str], _Pile] = field(default_factory=dict)
    _conflicts: _Pile = field(init=False)
    _width: int = _BUCKET

    def __post_init__(self) -> None:
        self._conflicts = _Pile(self.folder / "conflicts.arrows", CONFLICTS)

    def add_problems(self, problems: pl.DataFrame) -> None:
        """PROBLEMS of one chunk, in the order of the file. Before anything is added that is late."""
        if problems.is_empty():
            return
        self._list(problems)
        pile = _Pile(self.folder / f"problems-{len(self._early)}.arrows", PROBLEMS)
        pile.add(problems)
        pile.close()
        self._early.append((int(problems["row"][0]), int(problems["row"][-1]), pile))

    def end_of_file(self, rows: int) -> None:
        """From here on rows come in any order; there are `rows` of them."""
        self._width = max(_BUCKET, -(-rows // _MOST_BUCKETS))

    def add_late(self, problems: pl.DataFrame, held: pl.DataFrame, conflicts: pl.DataFrame) -> None:
        """What one part brought up: PROBLEMS, HELD, CONFLICTS, rows in any order. No row is in two of `held`."""
        self._list(problems)
        self.rows_held += held.height
        for kind, frame in (("problems", problems), ("held", held)):
            if frame.is_empty():
                continue
            buckets = frame.with_columns(bucket=(pl.col("row") - 1) // self._width)
            for (bucket,), some in buckets.partition_by("bucket", as_dict=True, include_key=False).items():
                key = (int(bucket), kind)
                if key not in self._late:
                    schema = PROBLEMS if kind == "problems" else HELD
                    self._late[key] = _Pile(self.folder / f"late-{bucket}-{kind}.arrows", schema)
                self._late[key].add(some)
        if not conflicts.is_empty():
            missing = LISTED - self.first_conflicts.height
            self.first_conflicts = self.first_conflicts.vstack(conflicts.head(missing))
            self._conflicts.add(conflicts)

    def among(self, first: int, last: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """PROBLEMS and HELD of the rows from `first` to `last`."""
        early = [pile.read() for begins, ends, pile in self._early if begins <= last and first <= ends]
        buckets = range((first - 1) // self._width, (last - 1) // self._width + 1)
        late = {
            kind: [self._late[bucket, kind].read() for bucket in buckets if (bucket, kind) in self._late]
            for kind in ("problems", "held")
        }
        inside = pl.col("row").is_between(first, last)
        return (
            pl.concat([pl.DataFrame(schema=PROBLEMS), *early, *late["problems"]]).filter(inside),
            pl.concat([pl.DataFrame(schema=HELD), *late["held"]]).filter(inside),
        )

    def problems(self) -> pl.DataFrame:
        """All of them in memory."""
        late = [pile.read() for (_, kind), pile in self._late.items() if kind == "problems"]
        return pl.concat([pl.DataFrame(schema=PROBLEMS), *(pile.read() for _, _, pile in self._early), *late])

    def conflicts(self) -> pl.DataFrame:
        """All of them in memory."""
        return self._conflicts.read()

    def close(self) -> None:
        """Nothing is added any more."""
        for pile in (*self._late.values(), self._conflicts):
            pile.close()

    def _list(self, problems: pl.DataFrame) -> None:
        self.rows_bad += problems["row"].n_unique()
        missing = LISTED - self.first_problems.height
        if missing and not problems.is_empty():
            self.first_problems = self.first_problems.vstack(problems.head(missing).cast(PROBLEMS))
