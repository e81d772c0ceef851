"""What went wrong, in words that may be kept: an error's message can quote a person's data, its place cannot."""

import traceback
from pathlib import Path

from regulars.kit.refusals import Refusal

LONGEST = 200


def named(problem: BaseException) -> str:
    """The error's kind, a refusal's code, and the innermost line of ours; never its message. At most LONGEST long."""
    code = f" {problem.code}" if isinstance(problem, Refusal) else ""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "regulars" in Path(frame.filename).parts] or list(frames)
    where = f" at {'/'.join(Path(ours[-1].filename).parts[-3:])}:{ours[-1].lineno}" if ours else ""
    return f"{type(problem).__name__}{code}{where}"[:LONGEST]
