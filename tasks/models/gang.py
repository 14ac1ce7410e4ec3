"""Several processes that train one model together, by Ray Train and TensorFlow's MultiWorkerMirroredStrategy.

Ray starts the processes, here or on the cluster of RAY_ADDRESS, and starts all of them anew when one is lost; what they
have done so far is in the run's checkpoint. Nothing of the result depends on where they ran.
"""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.contracts import cluster, nodes
from tasks.contracts.environment import STATE_FOLDER, lock_file, threads_set
from tasks.contracts.errors import DataError, ParamsError, StageError, TransientError, TrimlineError
from tasks.contracts.files import read_json
from tasks.contracts.training import Fit, Speed, Spread
from tasks.data import parted
from tasks.data.columns import DATASET, Dataset
from tasks.data.parted import Parted
from tasks.models import saving
from tasks.models.checkpoint import Checkpoint
from tasks.models.fitting import History, fit
from tasks.models.gang_worker import LOG, PARTS, REFUSED, Task
from tasks.models.learning_task import KindModel, LearningTask
from tasks.models.place import of_this_machine
from tasks.models.rendezvous import rendezvous

MAX_RESTARTS = 3
ERRORS = {error.__name__: error for error in (DataError, ParamsError, StageError, TransientError)}


@contextmanager
def kept(spread: Spread) -> Iterator[None]:
    """Let all runs within have one cluster, where they have several workers."""
    if spread.workers == 1:
        yield
    else:
        with cluster.connected(spread.workers, threads_set(), spread.speed.gpus_per_worker):
            yield


def fit_spread(
    model: Any,
    data: Dataset,
    task: LearningTask,
    params: Fit,
    checkpoint: Checkpoint,
    *,
    name: str,
    spread: Spread,
    bottom_rate: float = 1.0,
) -> History:
    """Train `model` in place, over as many processes as `spread` says; see `tasks.models.fitting.fit`.

    Raises:
        ParamsError: there are fewer processors than asked for, or a node has other packages or other data.
        StageError: the loss became NaN; or workers were lost more often than MAX_RESTARTS.
        TransientError: the cluster does not answer, or broke down.
    """
    if spread.workers == 1:
        place = of_this_machine(spread.speed)
        return fit(model, data, task, params, checkpoint, name=name, bottom_rate=bottom_rate, place=place)
    folder = STATE_FOLDER.absolute() / "gangs" / checkpoint.path.stem
    shutil.rmtree(folder, ignore_errors=True)
    saving.save(model, task.facts, folder / "model")
    if isinstance(data, Parted):
        parted.write(data.parts, folder / PARTS)
    work = Task(
        folder=str(folder), data=str(data.folder.absolute()), checkpoint=str(checkpoint.path.absolute()), name=name,
        fit=params, speed=spread.speed, bottom_rate=bottom_rate, root=str(Path.cwd()),
    )  # fmt: skip
    with kept(spread):
        nodes.require_alike(lock_file(), data.folder / DATASET, data.files)
        with cluster.followed(folder / LOG.format(rank=0)):
            _run(work, task.kind, spread.workers, spread.speed)
    if (folder / REFUSED).is_file():
        raise _raised(read_json(folder / REFUSED))
    standing = checkpoint.read()
    if standing is None:
        raise StageError(
            got=f"workers that ended well, and no {checkpoint.path}",
            expected="their checkpoint: the project lies on a file system that all nodes share",
            do="share the folder between the nodes, at the same path",
        )
    model.set_weights(standing.best)
    shutil.rmtree(folder)
    return [{"run": name, **row} for row in standing.history]  # type: ignore[dict-item]


def _run(task: Task, kind: KindModel, workers: int, speed: Speed) -> None:
    from ray.exceptions import RayError
    from ray.train import TrainingFailedError

    try:
        _trainer(task, kind, workers, speed).fit()
    except TrainingFailedError as error:
        raise _failed(task, error) from None
    except RayError as error:
        raise TransientError(
            got=f"{task.name}: the cluster broke down: {str(error).strip().splitlines()[0]}",
            expected="a cluster that stays; the logs of the workers are in " + task.folder,
            do="run the command again: it goes on from the last checkpoint",
        ) from None


def _trainer(task: Task, kind: KindModel, workers: int, speed: Speed) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    class Interruptible(DataParallelTrainer):  # type: ignore[misc]
        def _register_sigint_handler(self, controller: Any) -> None:
            """Leave Ctrl-C as it is: Ray's own handler ends the process with the status of success."""

    pickled = pickle.dumps(kind)  # unpickling imports its module, and TensorFlow: the worker does it when it runs

    def begin(told: dict[str, Any]) -> None:
        """Travels itself, and imports when it runs: a worker that is lost while it is sent is no restart for Ray."""
        from tasks.models.gang_worker import work

        work(told, pickled)

    threads, gpus = threads_set(), speed.gpus_per_worker
    return Interruptible(
        begin,
        train_loop_config=task.model_dump(mode="json"),
        backend_config=rendezvous(),
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": threads, **({"GPU": gpus} if gpus else {})},
        ),
        run_config=RunConfig(
            name="run",
            storage_path=str(Path(task.folder) / "ray"),
            failure_config=FailureConfig(max_failures=MAX_RESTARTS, controller_failure_limit=1),
        ),
    )


def _failed(task: Task, error: Exception) -> StageError:
    failures = cluster.failures(error)
    told = f"workers failed {MAX_RESTARTS + 1} times, the last time:" if failures else "the workers do not start:"
    why = failures or {0: str(error).strip().splitlines()[-1]}
    rows = [f"worker {rank}: {each}; its log: {task.folder}/{LOG.format(rank=rank)}" for rank, each in why.items()]
    return StageError(
        got="\n  ".join([f"{task.name}: {told}", *rows]),
        expected="workers that stay, or come back",
        do="look at the logs, mend the cause, and run the command again: it goes on from the last checkpoint",
    )


def _raised(told: dict[str, str]) -> TrimlineError:
    kind = told.pop("type")
    return ERRORS[kind](**told)
