"""What long work reports: `(what, done, total)`."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Progress = Callable[[str, int, int], None]
T = TypeVar("T")


def counted(items: Sequence[T], progress: Progress | None, what: str = "items") -> Iterator[T]:
    """The items, each reported when the next one is asked for."""
    for number, item in enumerate(items, 1):
        yield item
        if progress:
            progress(what, number, len(items))
