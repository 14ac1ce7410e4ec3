"""Fine-tuning: the base model is adapted to a target, head first; compared with the same network from scratch."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tf_keras import Model, layers, models

from tasks.core.environment import STATE_FOLDER
from tasks.core.errors import DataError, ParamsError
from tasks.core.isolation import FreshProcesses
from tasks.core.params.sections import DataEfficiency, FineTune
from tasks.data.columns import Dataset, Subset
from tasks.data.records import SPLITS, Array
from tasks.metrics.kind_evaluation import KindEvaluation
from tasks.models import distributed, saving
from tasks.models.batches import all_rows
from tasks.models.checkpoint import Checkpoint, TrainingState
from tasks.models.learning_task import KerasModel, KindModel, LearningTask
from tasks.models.saving import ModelMetadata
from tasks.models.training_loop import History, has_kernel, outputs, seed

# Of a model's metadata, what its features depend on.
OF_MODELS = ("normalisation",)
RUNS = ("head", "last_layers", "all_layers")
FROM_SCRATCH = "from_scratch"


def use_pretrained_unchanged(base: Path, target: Dataset) -> tuple[Any, ModelMetadata]:
    """Return the base model and its own metadata, for a target that it is not tuned to.

    Raises:
        DataError: the target has other classes than the base model, or in another order, or other tokens.
    """
    network, metadata = saving.load(base)
    require_same_encoding(metadata, saving.metadata_of(target))
    if metadata.data.get("classes") != target.metadata.get("classes"):
        raise DataError(
            got=f"fine_tune: null, and a target of the classes {', '.join(target.classes)}",
            expected=f"the base model's classes: {', '.join(metadata.classes)}",
            do="use a target with the same classes; a base model that is trained here can be fine-tuned to others",
        )
    return network, metadata


def target_metadata(base: Path, target: Dataset) -> ModelMetadata:
    """Return the metadata of a model that is tuned to a target: its classes, and the normalisation of the base model.

    The features of the base model are of images that were normalised so.
    """
    metadata, base_data = saving.metadata_of(target), saving.load_metadata(base).data
    return replace(metadata, data=metadata.data | {name: base_data[name] for name in OF_MODELS if name in base_data})


def clone_for_target(base: Path, metadata: ModelMetadata, params: FineTune) -> Any:
    """Return a copy of the base model whose last layer is new, where the target of `metadata` has other classes.

    Raises:
        DataError: the target's tokens are not the base model's.
    """
    pretrained, base_metadata = saving.load(base)
    require_same_encoding(base_metadata, metadata)
    seed(params.head.seed)
    known = metadata.data.get("classes")
    return with_head(pretrained, len(known or []), keep=known == base_metadata.data.get("classes"))


def tune(
    network: Any,
    data: Dataset,
    task: LearningTask,
    params: FineTune,
    checkpoints: Mapping[str, Checkpoint],
    prefix: str = "",
) -> History:
    """Train the head alone, then the last layers where the settings say so, then all of them; return a row per epoch.

    Args:
        network: trained in place; see `untuned`.
        data: its training and validation splits are used.
        task: what the network learns.
        params: of all runs.
        checkpoints: one for each of `RUNS`.
        prefix: of the runs' names, for the progress and the history.

    Raises:
        ParamsError: `frozen` names no layer of the network.
        StageError: the loss became NaN or infinite.
    """
    with distributed.ray_cluster_session(params):
        rows = tune_head(network, data, task, params, checkpoints, prefix)
        return rows + tune_layers(network, data, task, params, checkpoints, prefix)


def tune_head(
    network: Any,
    data: Dataset,
    task: LearningTask,
    params: FineTune,
    checkpoints: Mapping[str, Checkpoint],
    prefix: str = "",
) -> History:
    """Train the head alone; see `tune`."""
    set_trainable(network, network.layers[-1:], freeze_batch_norm=True)
    return distributed.fit_distributed(
        network, data, task, params.head, checkpoints["head"], name=f"{prefix}head", spread=params
    )


def tune_layers(
    network: Any,
    data: Dataset,
    task: LearningTask,
    params: FineTune,
    checkpoints: Mapping[str, Checkpoint],
    prefix: str = "",
) -> History:
    """Train the last layers where the settings say so, then all of them, at rates that fall towards the first.

    See `tune`.
    """
    runs = {"all_layers": (network.layers, params.all_layers)}
    if params.last_layers is not None:
        runs = {"last_layers": (last(network, params.last_layers.layers), params.last_layers.fit)} | runs
    require_names(network, params.frozen)
    rows: History = []
    for run, (trained, fitted) in runs.items():
        unfrozen = [layer for layer in trained if not layer.name.startswith(tuple(params.frozen))]
        set_trainable(network, unfrozen, freeze_batch_norm=params.freeze_batch_norm)
        rows += distributed.fit_distributed(
            network, data, task, fitted, checkpoints[run], name=f"{prefix}{run}", spread=params,
            layerwise_lr_decay=params.bottom_rate,
        )  # fmt: skip
    return rows


def from_scratch(
    network: Any,
    data: Dataset,
    task: LearningTask,
    params: FineTune,
    epochs: int,
    checkpoint: Checkpoint,
    prefix: str = "",
) -> History:
    """Train a network with new weights for as many epochs as another was tuned, and keep its best ones; see `tune`."""
    equal_steps = params.all_layers.model_copy(
        update={"epochs": epochs, "patience": epochs, "learning_rate": params.from_scratch_learning_rate}
    )
    name = f"{prefix}{FROM_SCRATCH}"
    return distributed.fit_distributed(network, data, task, equal_steps, checkpoint, name=name, spread=params)


def last(network: Any, count: int) -> list[Any]:
    """Return the last layers of a network, from the kernel on that is the `count`th from the end."""
    kernels = [index for index, layer in enumerate(network.layers) if has_kernel(layer)]
    return list(network.layers[kernels[-count:][0] :])


def require_names(network: Any, frozen: list[str]) -> None:
    """Make sure that each beginning of a name is that of a layer.

    Raises:
        ParamsError: one is not.
    """
    names = [layer.name for layer in network.layers]
    if unknown := [prefix for prefix in frozen if not any(name.startswith(prefix) for name in names)]:
        raise ParamsError(
            got=f"fine_tune.frozen: {', '.join(unknown)}",
            expected=f"prefixes of layer names: {', '.join(names)}",
            do="correct them",
        )


def require_same_encoding(base: ModelMetadata, target: ModelMetadata) -> None:
    """Make sure that the base model and the target have the same tokens, where there are any.

    Raises:
        DataError: they were made by different tokenizers.
    """
    if base.data.get("encoded_by") != target.data.get("encoded_by"):
        raise DataError(
            got="a target that was encoded by another tokenizer than the base model's data",
            expected="the same tokenizer: a token is a row of the model's embedding",
            do="give base and target the same source and split, or the same packaged tokenizer",
        )


def with_head(pretrained: Any, num_classes: int, *, keep: bool) -> Any:
    """Return a copy of a model, with its last layer new where `keep` is false.

    Raises:
        DataError: the last layer of a model of one's own is not dense.
    """
    copy = models.clone_model(pretrained)
    copy.set_weights(pretrained.get_weights())
    if keep:
        return copy
    if not isinstance(copy.layers[-1], layers.Dense):
        raise DataError(
            got=f"a target of other classes than the base model, which ends in a {type(copy.layers[-1]).__name__}",
            expected="a Dense layer, which is replaced by one for the target's classes",
            do="use a model that ends in a Dense layer, with or without a softmax after it",
        )
    return Model(copy.input, layers.Dense(num_classes, name="logits")(copy.layers[-2].output), name=copy.name)


def reinitialised(model: Any) -> Any:
    """Return a model of the same layers with new initial weights."""
    return models.clone_model(model)


def set_trainable(model: Any, trained: list[Any], *, freeze_batch_norm: bool) -> None:
    """Train these layers and no others; a frozen batch normalisation uses the statistics that it has."""
    for layer in model.layers:
        layer.trainable = any(layer is one for one in trained)
    for layer in model.submodules if freeze_batch_norm else ():  # a model of one's own may have models in it
        if is_batch_norm(layer):
            layer.trainable = False


def is_batch_norm(layer: Any) -> bool:
    """Tell a batch normalisation layer by its type."""
    return isinstance(layer, layers.BatchNormalization)


def headline(evaluation: KindEvaluation, network: KerasModel, data: Dataset, task: LearningTask) -> float:
    """Return the kind's primary metric."""
    truth = data.column("test", data.target).all()
    return evaluation.headline(truth, outputs(network, all_rows(data, "test", task), task))


NAME = "data_efficiency"
PRELOADED = ["tasks.models.fine_tuning"]


def measure(
    kind: KindModel,
    evaluation: KindEvaluation,
    base: Path,
    target: Dataset,
    params: FineTune,
    settings: DataEfficiency,
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
        settings: fractions and seeds.
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
    with FreshProcesses(1, PRELOADED, "a fine-tuning run") as processes:
        for fraction, seed in product(settings.fractions, settings.seeds):
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
    checkpoints = {run: Checkpoint(f"{prefix}{run}", params, inputs) for run in (*RUNS, FROM_SCRATCH)}
    seeded, metadata = _with_seed(params, seed), target_metadata(base, part)
    task, tuned = LearningTask(kind, metadata), clone_for_target(base, metadata, seeded)
    scratch = reinitialised(tuned)
    run_prefix = f"{rows} rows, seed {seed}, "
    with distributed.ray_cluster_session(params):
        epochs = len(tune(tuned, part, task, seeded, checkpoints, run_prefix))
        from_scratch(scratch, part, task, seeded, epochs, checkpoints[FROM_SCRATCH], run_prefix)
    networks = {"pretrained": tuned, FROM_SCRATCH: scratch}
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
