"""Distributed training of one model, by Ray Train with TensorFlow's MultiWorkerMirroredStrategy.

Ray's TensorflowTrainer does the same, and imports TensorFlow for it in a process that never computes: seconds of each
start. What is defined inside a function travels to the processes itself, and they need not import this package either.

Ray starts the processes, here or on the cluster of RAY_ADDRESS, and restarts all of them when one is lost; what they
have done so far is in the run's checkpoint. Nothing of the result depends on where they ran.
"""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core import ray_cluster
from tasks.core.environment import STATE_FOLDER, lock_file, threads_set
from tasks.core.errors import DataError, ParamsError, StageError, TransientError, TrimlineError
from tasks.core.files import read_json
from tasks.core.params.training import Fit, Speed, Spread
from tasks.data import columns
from tasks.data.columns import DATASET, Dataset, Subset
from tasks.models import saving
from tasks.models.checkpoint import Checkpoint
from tasks.models.distributed_worker import LOG, PARTS, REFUSED, Task
from tasks.models.learning_task import KindModel, LearningTask
from tasks.models.strategy import of_this_machine
from tasks.models.training_loop import History, fit


def tf_config() -> Any:
    """Return a configuration for Ray Train that gives each worker the addresses of all workers, and its rank."""
    from ray.train.backend import Backend, BackendConfig

    def address() -> str:
        import socket

        from ray.util import get_node_ip_address

        with socket.socket() as free:
            free.bind(("", 0))
            return f"{get_node_ip_address()}:{free.getsockname()[1]}"

    def set_tf_config(addresses: list[str], rank: int) -> None:
        import json
        import os

        tf_config_value = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        os.environ["TF_CONFIG"] = json.dumps(tf_config_value)

    class Addresses(Backend):  # type: ignore[misc]
        def on_start(self, worker_group: Any, backend_config: Any) -> None:
            import ray

            addresses = worker_group.execute(address)
            ray.get(
                [
                    worker_group.execute_single_async(rank, set_tf_config, addresses, rank)
                    for rank in range(len(worker_group))
                ]
            )

    class TfConfig(BackendConfig):  # type: ignore[misc]
        @property
        def backend_cls(self) -> type:
            return Addresses

    return TfConfig()


MAX_RESTARTS = 3
ERRORS = {error.__name__: error for error in (DataError, ParamsError, StageError, TransientError)}


@contextmanager
def ray_cluster_session(spread: Spread) -> Iterator[None]:
    """Let all runs within have one cluster, where they have several workers."""
    if spread.workers == 1:
        yield
    else:
        with ray_cluster.connected(spread.workers, threads_set(), spread.speed.gpus_per_worker):
            yield


def fit_distributed(
    model: Any,
    data: Dataset,
    task: LearningTask,
    params: Fit,
    checkpoint: Checkpoint,
    *,
    name: str,
    spread: Spread,
    layerwise_lr_decay: float = 1.0,
) -> History:
    """Train `model` in place, over as many processes as `spread` says; see `tasks.models.training_loop.fit`.

    Raises:
        ParamsError: there are too few processors, or a node has other packages or other data.
        StageError: the loss became NaN; or workers were lost more often than MAX_RESTARTS.
        TransientError: the cluster does not answer, or broke down.
    """
    if spread.workers == 1:
        replica = of_this_machine(spread.speed)
        return fit(
            model, data, task, params, checkpoint, name=name, layerwise_lr_decay=layerwise_lr_decay, replica=replica
        )
    folder = STATE_FOLDER.absolute() / "distributed" / checkpoint.path.stem
    shutil.rmtree(folder, ignore_errors=True)
    saving.save(model, task.metadata, folder / "model")
    if isinstance(data, Subset):
        columns.write_subset(data.parts, folder / PARTS)
    work = Task(
        folder=str(folder), data=str(data.folder.absolute()), checkpoint=str(checkpoint.path.absolute()), name=name,
        fit=params, speed=spread.speed, layerwise_lr_decay=layerwise_lr_decay, root=str(Path.cwd()),
    )  # fmt: skip
    with ray_cluster_session(spread):
        ray_cluster.require_alike(lock_file(), data.folder / DATASET, data.files)
        with ray_cluster.followed(folder / LOG.format(rank=0)):
            _run(work, task.kind, spread.workers, spread.speed)
    if (folder / REFUSED).is_file():
        raise _raised(read_json(folder / REFUSED))
    state = checkpoint.read()
    if state is None:
        raise StageError(
            got=f"the workers succeeded, but there is no {checkpoint.path}",
            expected="their checkpoint here: all nodes must share the project's folder",
            do="share the folder between the nodes, at the same path",
        )
    model.set_weights(state.best)
    shutil.rmtree(folder)
    return [{"run": name, **row} for row in state.history]  # type: ignore[dict-item]


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
            do=f"check the logs in {task.folder} and run the command again: training resumes from the last checkpoint",
        ) from None


def _trainer(task: Task, kind: KindModel, workers: int, speed: Speed) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    class Interruptible(DataParallelTrainer):  # type: ignore[misc]
        def _register_sigint_handler(self, controller: Any) -> None:
            """Leave Ctrl-C as it is: Ray's own handler ends the process with the status of success."""

    pickled = pickle.dumps(kind)  # unpickling imports its module, and TensorFlow: the worker does it when it runs

    def begin(settings: dict[str, Any]) -> None:
        """Travels itself, and imports when it runs: a worker that is lost while it is sent is no restart for Ray."""
        from tasks.models.distributed_worker import work

        work(settings, pickled)

    threads, gpus = threads_set(), speed.gpus_per_worker
    return Interruptible(
        begin,
        train_loop_config=task.model_dump(mode="json"),
        backend_config=tf_config(),
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
    failures = ray_cluster.failures(error)
    settings = f"workers failed {MAX_RESTARTS + 1} times, the last time:" if failures else "the workers do not start:"
    why = failures or {0: str(error).strip().splitlines()[-1]}
    rows = [f"worker {rank}: {each}; its log: {task.folder}/{LOG.format(rank=rank)}" for rank, each in why.items()]
    return StageError(
        got="\n  ".join([f"{task.name}: {settings}", *rows]),
        do="check the logs, remove the cause, and run the command again: training resumes from the last checkpoint",
    )


def _raised(settings: dict[str, str]) -> TrimlineError:
    kind = settings.pop("type")
    return ERRORS[kind](**settings)
