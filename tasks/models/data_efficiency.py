"""The data-efficiency curve: the pretrained start against the same network from scratch, on ever more of the rows."""

from itertools import product
from pathlib import Path

import numpy as np

from tasks.core.environment import STATE_FOLDER
from tasks.core.params.sections import DataEfficiency, FineTune
from tasks.core.processes import FreshProcesses
from tasks.data.columns import Dataset, Subset
from tasks.data.records import SPLITS, Array
from tasks.metrics.kind_evaluation import KindEvaluation
from tasks.models import distributed, fine_tuning
from tasks.models.checkpoint import Checkpoint, TrainingState
from tasks.models.fine_tuning import headline
from tasks.models.learning_task import KindModel, LearningTask

NAME = "data_efficiency"
PRELOADED = ["tasks.models.data_efficiency"]


def measure(
    kind: KindModel,
    evaluation: KindEvaluation,
    base: Path,
    target: Dataset,
    params: FineTune,
    asked: DataEfficiency,
    inputs: list[Path],
) -> list[dict[str, float]]:
    """Train both at each fraction and seed; points that a killed run has measured are not measured again.

    Each point has a process of its own: what TensorFlow keeps of a network that was trained is free with its end.

    Args:
        kind: what is learnt.
        evaluation: how it is scored.
        base: folder of the base model.
        target: its test split is measured on.
        params: of the training; the seeds of all its runs are replaced.
        asked: fractions and seeds.
        inputs: what the result depends on beside them.

    Returns:
        For each fraction and seed: `rows` that were trained on, `epochs` of either training, and what `pretrained` and
        `from_scratch` scored.

    Raises:
        ParamsError: a batch is larger than a fraction of the training split.
        StageError: the loss became NaN or infinite.
    """
    finished = Checkpoint(NAME, params, inputs)
    points = (finished.read() or TrainingState()).history
    known = {(point["fraction"], point["seed"]) for point in points}
    with FreshProcesses(1, PRELOADED) as processes:
        for fraction, seed in product(asked.fractions, asked.seeds):
            if (fraction, seed) not in known:
                part = reduced(target, nested(target, fraction, seed))
                found = processes.submit(_point, kind, evaluation, base, part, params, seed, inputs).result()
                points.append({"fraction": fraction, "seed": seed, **found})
                finished.write(TrainingState(history=points))
    return points


def reduced(data: Dataset, rows: Array) -> Subset:
    """Return a data set with some of its training rows; validation and test stay as they are."""
    ends = np.cumsum([data.rows(split) for split in SPLITS])
    _, *others = np.split(np.arange(ends[-1]), ends[:-1])
    return Subset(data.folder, data.metadata, dict(zip(SPLITS, [rows, *others], strict=True)))


def _point(
    kind: KindModel,
    evaluation: KindEvaluation,
    base: Path,
    part: Subset,
    params: FineTune,
    seed: int,
    inputs: list[Path],
) -> dict[str, float]:
    rows = part.rows("train")
    prefix = f"{NAME}-{rows}-{seed}-"
    checkpoints = {
        run: Checkpoint(f"{prefix}{run}", params, inputs) for run in (*fine_tuning.RUNS, fine_tuning.FROM_SCRATCH)
    }
    seeded, metadata = _with_seed(params, seed), fine_tuning.target_metadata(base, part)
    task, tuned = LearningTask(kind, metadata), fine_tuning.clone_for_target(base, metadata, seeded)
    scratch = fine_tuning.reinitialised(tuned)
    run_prefix = f"{rows} rows, seed {seed}, "
    with distributed.ray_cluster_session(params):
        epochs = len(fine_tuning.tune(tuned, part, task, seeded, checkpoints, run_prefix))
        fine_tuning.from_scratch(scratch, part, task, seeded, epochs, checkpoints[fine_tuning.FROM_SCRATCH], run_prefix)
    networks = {"pretrained": tuned, fine_tuning.FROM_SCRATCH: scratch}
    scores = {name: headline(evaluation, network, part, task) for name, network in networks.items()}
    for checkpoint in checkpoints.values():
        checkpoint.remove()
    return {"rows": rows, "epochs": epochs, **scores}


def _with_seed(params: FineTune, seed: int) -> FineTune:
    deeper = params.last_layers
    if deeper is not None:
        deeper = deeper.model_copy(update={"fit": deeper.fit.model_copy(update={"seed": seed})})
    runs = {run: getattr(params, run).model_copy(update={"seed": seed}) for run in ("head", "all_layers")}
    return params.model_copy(update={**runs, "last_layers": deeper})


def nested(data: Dataset, fraction: float, seed: int) -> Array:
    """Return training rows: so large a part of each class, at least one row; a smaller fraction's rows are among them.

    Args:
        data: where it has no classes, all rows are as one.
        fraction: of the training split.
        seed: equal seeds order the rows equally.
    """
    count = data.rows("train")
    labels = data.column("train", data.target).all() if "classes" in data.metadata else np.zeros(count, int)
    order = np.random.default_rng(seed).permutation(count)
    members = (order[labels[order] == label] for label in np.unique(labels))
    return np.sort(np.concatenate([rows[: max(1, round(fraction * len(rows)))] for rows in members]))


def forget() -> None:
    """Remove what is left of all runs, of any parameters: the result is written."""
    for path in (STATE_FOLDER / "checkpoints").glob(f"{NAME}-*"):
        path.unlink()
