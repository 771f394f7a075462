"""What results about many cases have in common: they are a sequence of them, in the order asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

__all__ = ["CaseSequence"]

Case = TypeVar("Case", covariant=True)


class CaseSequence(Sequence[Case]):
    """A base of dataclasses with a field ``cases``."""

    cases: tuple[Case, ...]

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Case, ...]: ...
    def __getitem__(self, index: int | slice) -> Case | tuple[Case, ...]:
        return self.cases[index]

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)
