"""Trials side by side, each in a fresh process."""

from concurrent.futures import as_completed

from tasks.compression.search.journal import Journal
from tasks.compression.search.latency import latency_us
from tasks.compression.search.sensitivity import Sensitivity
from tasks.compression.search.trial import Outcome, Task, measure, sensitivities_of
from tasks.contracts.params import Profile
from tasks.contracts.side_by_side import FreshProcesses

PRELOADED = [
    "tasks.models.quiet_tensorflow",
    "tensorflow_model_optimization",
    "tasks.compression.apply",
    "tasks.compression.exporting",
]


class Workers:
    """Measures recipes, taking from the journal what it has; a context manager that leaves no process."""

    def __init__(self, count: int, journal: Journal) -> None:
        self._pool = FreshProcesses(count, PRELOADED)
        self._journal = journal

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def measure(self, tasks: list[Task]) -> list[Outcome]:
        """Return the outcomes in the order of the tasks."""
        missing = [task for task in tasks if task.name not in self._journal.outcomes]
        futures = {self._pool.submit(measure, task): task.name for task in missing}
        for future in as_completed(futures):
            self._journal.add(futures[future], future.result())
        return [self._journal.outcomes[task.name] for task in tasks]

    def sensitivities(self, int8: Task) -> list[Sensitivity]:
        """Return those of the layers of a task's file."""
        return self._pool.submit(sensitivities_of, int8).result()

    def latency_us(self, int8: Task, params: Profile) -> float:
        """Return the median latency of a task's file."""
        return self._pool.submit(latency_us, int8, params).result()
