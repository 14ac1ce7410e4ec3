"""A worker process of distributed training."""

import contextlib
import os
import pickle
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.core.errors import StageError, TrimlineError
from tasks.core.files import replacing, write_json
from tasks.core.params import Section
from tasks.core.params.training import Fit, Speed
from tasks.core.progress import say

LOG, REFUSED = "worker-{rank}.log", "refused.json"
PARTS = "parts.npz"  # the rows of each split, where they are not those of the data set
SECONDS_TO_END = 5  # after another's refusal, for those that found the same
# What another worker's loss does not cause: to start again would end in the same place.
FAULTS = (AttributeError, ImportError, LookupError, TypeError, ValueError)


class Task(Section):
    """All that a worker has to know; every path is the same on all nodes.

    Attributes:
        root: of the project.
        folder: of this run, where the model is as it is before it, and where the workers' logs are.
        data: folder of the data set.
        checkpoint: file of the run's checkpoints.
        name: of the run.
        fit, speed, bottom_rate: see `tasks.models.training_loop.fit`.
    """

    root: str
    folder: str
    data: str
    checkpoint: str
    name: str
    fit: Fit
    speed: Speed
    layerwise_lr_decay: float


def work(settings: dict[str, Any], kind: bytes) -> None:
    """Train as one of the processes that Ray has started for a task; `kind` is a pickled `KindModel`."""
    from ray import train

    task, context = Task.model_validate(settings), train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    folder = Path(task.folder)
    os.chdir(task.root)
    if (folder / REFUSED).is_file():  # by another worker, whose end made Ray restart all of them
        return
    with logged(folder / LOG.format(rank=rank)), leaving_with_others(folder / REFUSED):
        say(f"{task.name}: worker {rank} of {size} is process {os.getpid()} on {socket.gethostname()}")
        try:
            _fit(task, kind, rank, size)
        except (TrimlineError, *FAULTS) as error:
            traceback.print_exc(file=sys.stdout)
            refused = error if isinstance(error, TrimlineError) else _fault(error, folder / LOG.format(rank=rank))
            with replacing(folder / REFUSED) as file:
                write_json(file, {"type": type(refused).__name__, **vars(refused)})


def _fault(error: Exception, log: Path) -> StageError:
    return StageError(
        got=f"{type(error).__name__}: {error}",
        do=f"this is a fault of Trimline or of the machine: read {log}, and report it with that text",
    )


def _fit(task: Task, kind: bytes, rank: int, size: int) -> None:
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
    import tensorflow as tf

    from tasks.data import columns
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.learning_task import LearningTask
    from tasks.models.strategy import ReplicaContext
    from tasks.models.training_loop import fit, seed

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    seed(task.fit.seed)
    folder, checkpoint = Path(task.folder), Checkpoint.at(Path(task.checkpoint))
    model, metadata = saving.load(folder / "model")
    replica = ReplicaContext(strategy, rank, size, task.speed)
    data = columns.read_subset(columns.load(Path(task.data)), folder / PARTS)
    learning = LearningTask(pickle.loads(kind), metadata)
    fit(
        model,
        data,
        learning,
        task.fit,
        checkpoint,
        name=task.name,
        layerwise_lr_decay=task.layerwise_lr_decay,
        replica=replica,
    )


@contextlib.contextmanager
def leaving_with_others(refused: Path) -> Iterator[None]:
    """End this process soon after another worker has refused, for which it would wait for ever."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            if refused.is_file() and not done.wait(SECONDS_TO_END):
                say("another worker has ended")
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Send what this process says into a file, appended to."""
    with path.open("a", buffering=1, encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield
