"""The data-efficiency curve: the pretrained start against the same network from scratch, on ever more of the rows."""

from itertools import product
from pathlib import Path

import numpy as np

from tasks.contracts.environment import STATE_FOLDER
from tasks.contracts.params import DataEfficiency, FineTune
from tasks.contracts.side_by_side import FreshProcesses
from tasks.data.columns import Dataset
from tasks.data.parted import Parted
from tasks.data.records import SPLITS, Array
from tasks.metrics.kind_evaluation import KindEvaluation
from tasks.models import gang, tuning
from tasks.models.checkpoint import Checkpoint, Standing
from tasks.models.learning_task import KindModel, LearningTask
from tasks.models.scoring import headline

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
    points = (finished.read() or Standing()).history
    known = {(point["fraction"], point["seed"]) for point in points}
    with FreshProcesses(1, PRELOADED) as processes:
        for fraction, seed in product(asked.fractions, asked.seeds):
            if (fraction, seed) not in known:
                part = reduced(target, nested(target, fraction, seed))
                found = processes.submit(_point, kind, evaluation, base, part, params, seed, inputs).result()
                points.append({"fraction": fraction, "seed": seed, **found})
                finished.write(Standing(history=points))
    return points


def reduced(data: Dataset, rows: Array) -> Parted:
    """Return a data set with some of its training rows; validation and test stay as they are."""
    ends = np.cumsum([data.rows(split) for split in SPLITS])
    _, *others = np.split(np.arange(ends[-1]), ends[:-1])
    return Parted(data.folder, data.facts, dict(zip(SPLITS, [rows, *others], strict=True)))


def _point(
    kind: KindModel,
    evaluation: KindEvaluation,
    base: Path,
    part: Parted,
    params: FineTune,
    seed: int,
    inputs: list[Path],
) -> dict[str, float]:
    rows = part.rows("train")
    prefix = f"{NAME}-{rows}-{seed}-"
    checkpoints = {run: Checkpoint(f"{prefix}{run}", params, inputs) for run in (*tuning.RUNS, tuning.FROM_SCRATCH)}
    seeded, facts = _with_seed(params, seed), tuning.adapted(base, part)
    task, tuned = LearningTask(kind, facts), tuning.untuned(base, facts, seeded)
    scratch = tuning.reinitialised(tuned)
    told = f"{rows} rows, seed {seed}, "
    with gang.kept(params):
        epochs = len(tuning.tune(tuned, part, task, seeded, checkpoints, told))
        tuning.from_scratch(scratch, part, task, seeded, epochs, checkpoints[tuning.FROM_SCRATCH], told)
    networks = {"pretrained": tuned, tuning.FROM_SCRATCH: scratch}
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
    labels = data.column("train", data.target).all() if "classes" in data.facts else np.zeros(count, int)
    order = np.random.default_rng(seed).permutation(count)
    members = (order[labels[order] == label] for label in np.unique(labels))
    return np.sort(np.concatenate([rows[: max(1, round(fraction * len(rows)))] for rows in members]))


def forget() -> None:
    """Remove what is left of all runs, of any parameters: the result is written."""
    for path in (STATE_FOLDER / "checkpoints").glob(f"{NAME}-*"):
        path.unlink()
