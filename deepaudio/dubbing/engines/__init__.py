"""Where the items of a batch are worked through: a file with `run` is an engine, found by its name (`--engine`).

`run(work, items, batch)` calls `work(item.job, batch)` for every item, in any order and wherever it likes, and yields each item with
the error that it ended in, or None. `work` is picklable and raises nothing. An item whose worker dies is yielded with a ResourceError; items that
nobody began are not yielded when the caller closes the generator.
"""

from collections.abc import Callable

from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import DeepAudioError

Work = Callable[[DubJob, BatchJob], DeepAudioError | None]
