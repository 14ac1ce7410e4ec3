"""Measures the fine-tuning on all rows of the target, a fold at a time: `dvc repro cross_validate`.

What the folds predict of rows that they did not see also says which labels are likely wrong.
"""

from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import replacing, write_json
from tasks.core.isolation import FreshProcesses
from tasks.core.numbers import written
from tasks.core.params.gates import Baseline, Evaluate
from tasks.core.params.sections import Compute, CrossValidate, FineTune
from tasks.core.params.training import Base, Trained
from tasks.core.progress import Progress, say
from tasks.data import columns
from tasks.data.columns import Parts
from tasks.kinds import evaluation_of, model_of
from tasks.metrics import label_errors
from tasks.metrics.kind_evaluation import KindEvaluation
from tasks.metrics.label_errors import Predicted
from tasks.models.cross_validation import (
    PRELOADED,
    FoldTask,
    Outcome,
    forget,
    measure,
    require_stopping,
    rows_in,
    split_into_folds,
    summarise,
    write_table,
)


def cross_validate(
    params: CrossValidate | None,
    train: Base,
    fine_tune: FineTune | None,
    evaluate: Evaluate,
    baseline: Baseline,
    compute: Compute,
    kind: str,
    *,
    base: Path,
    base_data: Path,
    data: Path,
    report: Path,
    folds: Path,
    predictions: Path,
    labels: Path,
) -> None:
    """Tune the base model once for each fold, on the rows outside it, and measure the float model on those inside.

    Where `fine_tune` is None and the base model is trained here, it is trained again for each fold; where it comes from
    a file, the folds only measure. `predictions` holds `row` (rows,), `fold` (rows,), the target by its name (rows,)
    and `outputs` (rows, n). Where `params` is None there are no folds. `labels` lists the labels that are likely wrong,
    by the folds, or where there are none by the best simple method on `baseline.label_folds` folds.

    Raises:
        ParamsError: more folds than rows of a class, or than groups; no such column; a batch larger than the rows.
        DataError: no rows to stop the training; or the model is taken as it is, and the target has other classes.
        StageError: the loss became NaN.
    """
    target, evaluation = columns.load(data), evaluation_of(kind)
    if params is None:
        write_none(report, folds, predictions)
        check_labels(labels, target, _simply_predicted(evaluation, target, baseline, compute))
        return
    retrained = train if fine_tune is None and isinstance(train, Trained) else None
    parts = split_into_folds(target, params.folds, params.seed, params.group)
    if fine_tune is not None or retrained is not None:
        require_stopping(target, parts)
    in_base = 0 if retrained is not None or not train.FINISHED else rows_in(target, columns.load(base_data))
    settings = params.model_dump(exclude={"workers"}) | {"train": retrained, "fine_tune": fine_tune, "compute": compute}
    tasks = [FoldTask(number=number, **settings) for number in range(params.folds)]
    outcomes = measured(tasks, parts, params.workers, base, data)
    truth = target.pooled(target.target).all()
    scored = [
        evaluation.score(truth[part["test"]], outcome.outputs, target.metadata, evaluate)
        for part, outcome in zip(parts, outcomes, strict=True)
    ]
    document = {
        **summarise(parts, [outcome.epochs for outcome in outcomes], scored),
        "rows": len(truth),
        "rows_in_base": in_base,
        "as_it_is": fine_tune is None and retrained is None,
        "anew": retrained is not None,
        "group": params.group,
    }
    with replacing(report) as file, replacing(folds) as table, replacing(predictions) as array_file:
        write_json(file, document)
        write_table(table, document["folds"])
        write_predictions(array_file, target, parts, outcomes)
    outputs = np.concatenate([outcome.outputs for outcome in outcomes])
    by_folds = Predicted(np.concatenate([part["test"] for part in parts]), outputs, NETWORK)
    check_labels(labels, target, by_folds if evaluation.has_classes else None)
    forget()
    say_what_came_out(document, evaluation.primary)


def measured(tasks: list[FoldTask], parts: list[Parts], workers: int, base: Path, data: Path) -> list[Outcome]:
    """Run the folds side by side and return their outcomes in the order of the tasks."""
    progress, outcomes = Progress(len(tasks)), dict[int, Outcome]()
    with FreshProcesses(workers, PRELOADED, "a fold") as processes:
        futures = {
            processes.submit(measure, task, part, base, data, model_of): task.number
            for task, part in zip(tasks, parts, strict=True)
        }
        for future in as_completed(futures):
            outcomes[futures[future]] = future.result()
            progress.advance(f"cross_validate: {len(outcomes)} of {len(tasks)} folds are measured")
    return [outcomes[task.number] for task in tasks]


def write_none(report: Path, folds: Path, predictions: Path) -> None:
    """Write the same files, empty, where cross-validation is off."""
    with replacing(report) as file, replacing(folds) as table, replacing(predictions) as array_file:
        write_json(file, {"folds": [], "mean": {}, "std": {}, "undefined": {}, "rows": 0, "rows_in_base": 0})
        table.write_text("fold\n", encoding="utf-8")
        with array_file.open("wb") as opened:  # a path would be given the suffix .npz
            np.savez(opened)
    say("[100%] cross_validate: null, the network is not measured by folds")


NETWORK = "network"


def _simply_predicted(
    evaluation: KindEvaluation, target: columns.Dataset, params: Baseline, compute: Compute
) -> Predicted | None:
    """Return what the best simple method says of rows that it was not fitted on; None where that is not wanted."""
    if params.label_folds is None or not evaluation.has_classes:
        return None
    import sklearn.ensemble  # noqa: F401  # before the limit, which otherwise would not hold for it
    from threadpoolctl import threadpool_limits

    with threadpool_limits(compute.threads):
        return label_errors.by_simple_method(evaluation, target, params)


def check_labels(path: Path, target: columns.Dataset, predicted: Predicted | None) -> None:
    """Write which labels are likely wrong, and say how many."""
    with replacing(path) as file:
        likely = label_errors.write(file, target, predicted)
    if predicted:
        say(f"cross_validate: {likely} of {len(predicted.rows)} labels are likely wrong, see {path}")


def write_predictions(path: Path, target: columns.Dataset, parts: list[Parts], outcomes: list[Outcome]) -> None:
    """Write what each row was taken for by the model that was not tuned on it, fold by fold."""
    chosen = np.concatenate([part["test"] for part in parts])
    with path.open("wb") as file:  # a path would be given the suffix .npz
        arrays = {
            "row": target.pooled("row").take(chosen),
            "fold": np.repeat(np.arange(len(parts), dtype=np.int32), [len(part["test"]) for part in parts]),
            target.target: target.pooled(target.target).take(chosen),
            "outputs": np.concatenate([outcome.outputs for outcome in outcomes]),
        }
        np.savez(file, **arrays)  # type: ignore[arg-type]


def say_what_came_out(document: dict[str, Any], primary: str) -> None:
    """Say mean and deviation of the first metric, and what a reader has to know of them."""
    mean, std, folds = document["mean"][primary], document["std"][primary], document["folds"]
    said = (
        f"[100%] cross_validate: {primary} {written(mean)}, standard deviation {written(std)} over {len(folds)} folds"
    )
    if known := document["rows_in_base"]:
        said += f"; too good for a base model that was trained here: {known} of {document['rows']} rows train it too"
    if undefined := sorted({name for fold in folds for name, value in fold.items() if value is None}):
        said += f"; undefined in a fold and left out of the mean: {', '.join(undefined)}"
    say(said)
