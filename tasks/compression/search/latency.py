"""Whether the searched recipes can be fast enough, before any of them is trained."""

import numpy as np

from tasks.compression.search.trial import Task, file_of
from tasks.contracts.errors import StageError
from tasks.contracts.params import Profile
from tasks.data import columns
from tasks.device.latency import in_turn
from tasks.device.running import ExportedFile


def latency_us(task: Task, params: Profile) -> float:
    """Return the median latency of a task's file on one pinned thread."""
    data = columns.load(task.data)
    image = data.column("validation", "image").take(np.array([0]))
    (nanoseconds,) = in_turn(
        [ExportedFile(file_of(task, data), threads=1).once({"image": image})], params.warm_up_runs, params.runs
    )
    return float(np.median(nanoseconds)) / 1000


def require_latency(measured_us: float, bound_us: float) -> None:
    """Refuse a bound that no recipe of the search can keep: all have int8's operators and shapes, so its latency.

    Raises:
        StageError: int8 is slower than the bound.
    """
    if measured_us > bound_us:
        raise StageError(
            got=f"a median of {measured_us:.1f} us for int8, whose operators all recipes of the search have",
            expected=f"at most {bound_us:g} us",
            do="raise search.max_latency_us, or train a smaller network",
        )
