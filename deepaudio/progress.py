"""What long work reports: `(what, done, total)`."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
