"""Adapts the base model to the target, and measures what that gains over training on the target alone."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import ParamsError
from tasks.core.files import replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.sections import Compute, FineTune
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import evaluation_of, model_of
from tasks.models.checkpoint import write_history

if TYPE_CHECKING:
    from tasks.models.learning_task import LearningTask


def fine_tune(
    params: FineTune | None,
    kind: str,
    compute: Compute,
    *,
    base: Path,
    data: Path,
    model: Path,
    history: Path,
    comparison: Path,
) -> None:
    """Train the head alone, then all layers at a low rate; then the same network from scratch for as many steps.

    The last is left out where `from_scratch_learning_rate` is None.
    Both keep the weights of their least validation loss; `comparison` holds their primary metric on the same test rows,
    that of the head alone, and the data-efficiency curve where the settings have one.
    Where `params` is None the base model is taken as it is, and `comparison` holds its metric alone.

    Raises:
        DataError: the base model is to be taken as it is, and the target has other classes.
        ParamsError: a model of this kind cannot be fine-tuned.
        StageError: the loss became NaN.
    """
    if params is None:
        take_as_it_is(kind, base, data, model, history, comparison)
        return
    _require_scored(kind)
    from tasks.models import distributed, fine_tuning, saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.learning_task import LearningTask

    target = columns.load(data)
    metadata = fine_tuning.target_metadata(base, target)
    task = LearningTask(model_of(kind), metadata)
    inputs = [data / columns.DATASET, base / saving.METADATA]
    checkpoints = {
        run: Checkpoint(f"fine_tune-{run}", params, inputs) for run in (*fine_tuning.RUNS, fine_tuning.FROM_SCRATCH)
    }

    tuned = fine_tuning.clone_for_target(base, metadata, params)
    compared_models = {"fine_tuned": tuned}
    if params.from_scratch_learning_rate is not None:
        compared_models[fine_tuning.FROM_SCRATCH] = fine_tuning.reinitialised(tuned)
    with distributed.ray_cluster_session(params):
        rows = fine_tuning.tune_head(tuned, target, task, params, checkpoints)
        head_only = measured(kind, tuned, target, task)
        rows += fine_tuning.tune_layers(tuned, target, task, params, checkpoints)
        if scratch := compared_models.get(fine_tuning.FROM_SCRATCH):
            rows += fine_tuning.from_scratch(
                scratch, target, task, params, len(rows), checkpoints[fine_tuning.FROM_SCRATCH]
            )
    curve_points = curve(kind, base, target, params, inputs)
    compared = compare(kind, compared_models, target, task)
    compared |= {"head_only": head_only, "data_efficiency": curve_points}
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        saving.save(tuned, metadata, folder)
        write_history(history_file, rows)
        write_json(comparison_file, compared)
    forget(checkpoints)
    primary = compared["primary"]
    summary = (f"{run} {written(value[primary])}" for run, value in compared.items() if isinstance(value, dict))
    say(f"fine_tune: {primary}, {', '.join(summary).replace('_', ' ')}")


def curve(
    kind: str, base: Path, target: columns.Dataset, params: FineTune, inputs: list[Path]
) -> list[dict[str, float]] | None:
    """Return the points of the data-efficiency curve; None where the settings have none."""
    from tasks.models import fine_tuning

    if params.data_efficiency is None:
        return None

    rules, evaluation = model_of(kind), evaluation_of(kind)
    return fine_tuning.measure(rules, evaluation, base, target, params, params.data_efficiency, inputs)


def forget(checkpoints: Mapping[str, Any]) -> None:
    """Remove where the runs stood: their result is written."""
    from tasks.models import fine_tuning

    for checkpoint in checkpoints.values():
        checkpoint.remove()
    fine_tuning.forget()


def take_as_it_is(kind: str, base: Path, data: Path, model: Path, history: Path, comparison: Path) -> None:
    """Put the base model in the place of a tuned one, with its own normalisation, and measure it on the test rows.

    A kind whose answers are searched for, token by token, is measured on its exported files alone.

    Raises:
        DataError: the target has other classes than the base model, or in another order.
    """
    from tasks.models.fine_tuning import use_pretrained_unchanged
    from tasks.models.learning_task import LearningTask

    target = columns.load(data)
    network, metadata = use_pretrained_unchanged(base, target)
    evaluation, task = evaluation_of(kind), LearningTask(model_of(kind), metadata)
    primary = evaluation.primary
    taken = {"rows": target.rows("test")} if evaluation.decodes else measured(kind, network, target, task)
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        shutil.copytree(base, folder)
        write_history(history_file, [])
        write_json(comparison_file, {"tuned": False, "primary": primary, "as_it_is": taken})
    summary = f"; {primary} {written(taken[primary])} as it is" if primary in taken else ""
    say(f"[100%] fine_tune: nothing is tuned{summary}")


def compare(kind: str, models: dict[str, Any], target: columns.Dataset, task: "LearningTask") -> dict[str, Any]:
    """Measure the fine-tuned model, and the one from scratch where there is one, on the test split of the target."""
    evaluation = evaluation_of(kind)
    compared = {run: measured(kind, network, target, task) for run, network in models.items()}
    document = {"primary": evaluation.primary, **compared}
    if "from_scratch" in compared:
        gain = compared["fine_tuned"][evaluation.primary] - compared["from_scratch"][evaluation.primary]
        document["gain_of_transfer"] = -gain if evaluation.lower_is_better else gain
    return document


def measured(kind: str, network: Any, target: columns.Dataset, task: "LearningTask") -> dict[str, Any]:
    """Measure a network on the test split of the target."""
    from tasks.models.fine_tuning import headline

    evaluation = evaluation_of(kind)
    return {evaluation.primary: headline(evaluation, network, target, task), "rows": target.rows("test")}


def _require_scored(kind: str) -> None:
    if evaluation_of(kind).decodes:
        raise ParamsError(
            got=f"fine_tune for {kind}, whose models cannot be fine-tuned here", expected="null",
            do="write `fine_tune: null`: the base model is then compressed",
        )  # fmt: skip
