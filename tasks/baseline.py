"""Measures simple methods on the test split: is the network worth it? `dvc repro baseline`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sklearn.ensemble  # noqa: F401  # a kind imports it later, when its thread pools would not be limited any more
from threadpoolctl import threadpool_limits

from tasks.core.files import replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Baseline, Evaluate
from tasks.core.params.sections import Compute
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.records import Array
from tasks.kinds import evaluation_of
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions


def baseline(params: Baseline, evaluate: Evaluate, kind: str, compute: Compute, *, data: Path, report: Path) -> None:
    """Fit the kind's simple methods on training rows of the target and measure them as the network is measured.

    The report names each with its metrics and their intervals, and which is the strongest by the primary metric.

    Raises:
        DataError: the test split is empty.
        ParamsError: the chosen training rows have one class only.
    """
    evaluation = evaluation_of(kind)
    target = columns.load(data)
    truth = target.column("test", target.target).all()
    with threadpool_limits(compute.threads):  # numpy is loaded, so that its variables would come too late
        outputs = evaluation.baselines(target, params)
    found = {name: evaluation.score(truth, given, target.metadata, evaluate) for name, given in outputs.items()}
    intervals = {name: _intervals(evaluation, truth, given, target, evaluate) for name, given in outputs.items()}
    reached = {name: one.values[evaluation.primary] for name, one in found.items()}
    best = strongest(reached, lower_is_better=evaluation.lower_is_better)
    with replacing(report) as file:
        write_json(
            file,
            {
                "primary": evaluation.primary,
                "lower_is_better": evaluation.lower_is_better,
                "rows": len(truth),
                "training_rows": min(params.max_rows, target.rows("train")),
                "strongest": best,
                "baselines": {name: dict(one.values) for name, one in found.items()},
                "intervals": intervals,
                "undefined": {name: dict(one.undefined) for name, one in found.items() if one.undefined},
            },
        )
    scores = ", ".join(f"{name} {written(value)}" for name, value in reached.items())
    say(f"[100%] baseline: {evaluation.primary} {scores} on {len(truth)} rows; strongest: {best}")


def strongest(reached: Mapping[str, float | None], *, lower_is_better: bool) -> str | None:
    """Return the method with the best primary metric, the first of equal ones; None where it is undefined for all."""
    defined = {name: value for name, value in reached.items() if value is not None}
    return (min if lower_is_better else max)(defined, key=lambda name: defined[name]) if defined else None


def _intervals(
    evaluation: KindEvaluation, truth: Array, outputs: Array, target: columns.Dataset, params: Evaluate
) -> dict[str, Any]:
    """Return the confidence interval of each metric, as the network's are: the same rows are drawn again."""
    plain = params.model_copy(update={"slices": []})
    scores = evaluation.measure(Predictions(truth, outputs, outputs, target.metadata, {}, plain))["scores"]
    return {name: score["interval"] for name, score in scores.items()}
