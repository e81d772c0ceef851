"""What a batch came to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from regulars.kit.refusals import Refusal

Word = Literal["new", "changed", "same", "stale", "conflict"]


@dataclass(frozen=True)
class Outcome:
    """What became of each reference. `ids` holds the number of every document that is on record now.

    Of `stale` something that counts more is on record. `refused` could not be taken at all. `words` says it of each
    reference, once for every time it was told, in their order.
    """

    ids: Mapping[str, int]
    new: int = 0
    changed: int = 0
    same: int = 0
    stale: Sequence[str] = field(default_factory=tuple)
    conflicts: Sequence[str] = field(default_factory=tuple)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    words: Mapping[str, Sequence[Word]] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: Mapping[str, int], words: Iterable[tuple[str, Word]]) -> "Outcome":
        """What a batch came to, told by its references, each as often as it stood there."""
        said: dict[str, list[Word]] = {}
        for ref, word in words:
            said.setdefault(ref, []).append(word)
        counts = Counter(word for all_words in said.values() for word in all_words)
        return cls(
            ids,
            new=counts["new"],
            changed=counts["changed"],
            same=counts["same"],
            stale=tuple(ref for ref, all_words in said.items() for word in all_words if word == "stale"),
            conflicts=tuple(ref for ref, all_words in said.items() for word in all_words if word == "conflict"),
            words={ref: tuple(all_words) for ref, all_words in said.items()},
        )

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
            words={ref: (*self.words.get(ref, ()), *later.words.get(ref, ())) for ref in {**self.words, **later.words}},
        )
