"""What a batch came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from regulars.kit.refusals import Refusal


@dataclass(frozen=True)
class Outcome:
    """What became of each reference. `ids` holds the number of every document that is on record now.

    Of `stale` something that counts more is on record. `refused` could not be taken at all.
    """

    ids: Mapping[str, int]
    new: int = 0
    changed: int = 0
    same: int = 0
    stale: Sequence[str] = field(default_factory=tuple)
    conflicts: Sequence[str] = field(default_factory=tuple)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    def and_then(self, later: "Outcome") -> "Outcome":
        """Both, one after the other."""
        return Outcome(
            ids={**self.ids, **later.ids},
            new=self.new + later.new,
            changed=self.changed + later.changed,
            same=self.same + later.same,
            stale=[*self.stale, *later.stale],
            conflicts=[*self.conflicts, *later.conflicts],
            refused={**self.refused, **later.refused},
        )
