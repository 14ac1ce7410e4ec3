"""Trials side by side, each in a fresh process: what a process did before cannot change a trial's bytes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from tasks.compression.search.journal import Journal
from tasks.compression.search.latency import latency_us
from tasks.compression.search.sensitivity import Sensitivity
from tasks.compression.search.trial import Outcome, Task, measure, sensitivities_of
from tasks.contracts import environment
from tasks.contracts.params import Profile

# Imported once by the process that the others are forked from; nothing of TensorFlow has run in it by then.
PRELOADED = ["tasks.models", "tensorflow_model_optimization", "tasks.compression.apply", "tasks.compression.exporting"]


class Workers:
    """Measures recipes, taking from the journal what it has; a context manager that leaves no process."""

    def __init__(self, count: int, journal: Journal) -> None:
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._pool = ProcessPoolExecutor(
            count, mp_context=context, initializer=environment.die_with_parent, max_tasks_per_child=1
        )
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
