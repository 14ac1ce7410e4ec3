"""Work side by side, each piece in a fresh process: what a process did before cannot change a result's bytes."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any


class FreshProcesses(ProcessPoolExecutor):
    """Up to `count` processes at once, none used twice; as a context manager it leaves none, and drops what waits."""

    def __init__(self, count: int, preloaded: list[str]) -> None:
        """`preloaded`: modules that are imported once, by the process that all others are forked from.

        Nothing of TensorFlow may run when they are imported: a fork does not take its threads along.
        """
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(preloaded)
        super().__init__(count, mp_context=context, initializer=_end_with_the_stage, max_tasks_per_child=1)

    def __exit__(self, *_: object) -> None:
        self.shutdown(cancel_futures=True)


def _end_with_the_stage() -> None:
    """End this process when the stage is killed; its own parent, the server that it was forked from, waits for it."""
    threading.Thread(target=_follow, args=(multiprocessing.parent_process(),), daemon=True).start()


def _follow(stage: Any) -> None:
    stage.join()
    os._exit(1)
