"""Adapts the base model to the target, and measures what that gains over training on the target alone."""

import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.contracts.errors import ParamsError
from tasks.contracts.files import replacing, write_json
from tasks.contracts.params import Compute, FineTune
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.reporting.history import write_history


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

    Both keep the weights of their least validation loss; `comparison` holds their primary metric on the same test rows,
    that of the head alone, and where it is asked for the data-efficiency curve.
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
    from tasks.models import gang, saving, tuning
    from tasks.models.checkpoint import Checkpoint

    target = columns.load(data)
    facts = tuning.adapted(base, target)
    inputs = [data / columns.DATASET, base / saving.FACTS]
    checkpoints = {run: Checkpoint(f"fine_tune-{run}", params, inputs) for run in (*tuning.RUNS, tuning.FROM_SCRATCH)}

    tuned = tuning.untuned(base, facts, params)
    scratch = tuning.reinitialised(tuned)
    with gang.kept(params):
        rows = tuning.tune_head(tuned, target, facts, params, checkpoints)
        head_only = measured(kind, tuned, target, facts)
        rows += tuning.tune_layers(tuned, target, facts, params, checkpoints)
        rows += tuning.from_scratch(scratch, target, facts, params, len(rows), checkpoints[tuning.FROM_SCRATCH])
    curve_points = curve(kind, base, target, params, inputs)
    compared = compare(kind, {"fine_tuned": tuned, tuning.FROM_SCRATCH: scratch}, target, facts)
    compared |= {"head_only": head_only, "data_efficiency": curve_points}
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        saving.save(tuned, facts, folder)
        write_history(history_file, rows)
        write_json(comparison_file, compared)
    forget(checkpoints)
    primary = compared["primary"]
    told = (f"{run} {value[primary]:.4f}" for run, value in compared.items() if isinstance(value, dict))
    say(f"fine_tune: {primary}, {', '.join(told).replace('_', ' ')}")


def curve(
    kind: str, base: Path, target: columns.Dataset, params: FineTune, inputs: list[Path]
) -> list[dict[str, float]] | None:
    """Return the points of the data-efficiency curve; None where none is asked for."""
    from tasks.models import data_efficiency

    if params.data_efficiency is None:
        return None

    return data_efficiency.measure(kind, base, target, params, params.data_efficiency, inputs)


def forget(checkpoints: Mapping[str, Any]) -> None:
    """Remove where the runs stood: their result is written."""
    from tasks.models import data_efficiency

    for checkpoint in checkpoints.values():
        checkpoint.remove()
    data_efficiency.forget()


def take_as_it_is(kind: str, base: Path, data: Path, model: Path, history: Path, comparison: Path) -> None:
    """Put the base model in the place of a tuned one, with its own normalisation, and measure it on the test rows.

    A kind whose answers are searched for, token by token, is measured on its exported files alone.

    Raises:
        DataError: the target has other classes than the base model, or in another order.
    """
    from tasks.models.tuning import as_it_is

    target = columns.load(data)
    network, facts = as_it_is(base, target)
    primary = scores_of(kind).PRIMARY
    taken = measured(kind, network, target, facts) if _is_scored(kind) else {"rows": target.rows("test")}
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        shutil.copytree(base, folder)
        write_history(history_file, [])
        write_json(comparison_file, {"tuned": False, "primary": primary, "as_it_is": taken})
    told = f"; {primary} {taken[primary]:.4f} as it is" if primary in taken else ""
    say(f"[100%] fine_tune: nothing is tuned{told}")


def compare(kind: str, models: dict[str, Any], target: columns.Dataset, facts: Any) -> dict[str, Any]:
    """Measure the fine-tuned model and the one from scratch on the test split of the target."""
    scores = scores_of(kind)
    compared = {run: measured(kind, network, target, facts) for run, network in models.items()}
    gain = compared["fine_tuned"][scores.PRIMARY] - compared["from_scratch"][scores.PRIMARY]
    return {"primary": scores.PRIMARY, **compared, "gain_of_transfer": -gain if scores.LOWER_IS_BETTER else gain}


def measured(kind: str, network: Any, target: columns.Dataset, facts: Any) -> dict[str, Any]:
    """Measure a network on the test split of the target."""
    from tasks.models.scoring import headline

    return {scores_of(kind).PRIMARY: headline(kind, network, target, facts), "rows": target.rows("test")}


def _is_scored(kind: str) -> bool:
    return hasattr(scores_of(kind), "headline")


def _require_scored(kind: str) -> None:
    if not _is_scored(kind):
        raise ParamsError(
            got=f"fine_tune for {kind}, whose answers have to be searched for", expected="null",
            do="write `fine_tune: null`: the base model is then compressed",
        )  # fmt: skip


def scores_of(kind: str) -> Any:
    """Return the module that measures a kind."""
    return import_module(f"tasks.kinds.{kind}.scores")
