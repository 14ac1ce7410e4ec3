"""Evaluation of tables with a number as target: metrics of one number per row, by scikit-learn, with their slices."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import write_csv
from tasks.core.params.gates import Baseline, Evaluate
from tasks.data.columns import Dataset, evenly
from tasks.data.records import Array
from tasks.data.tables import FEATURES
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions, Scored


class Regression:
    """A regressor's metrics; see `tasks.metrics.bootstrap.Metrics`. R2 of targets that are all equal is None."""

    lower_is_better = frozenset({"mse", "rmse", "mae"})
    fractions: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, targets: Array, predictions: Array) -> None:
        """Take targets and predictions in the target's unit, (rows,) each."""
        self.rows, self._targets, self._predictions = len(targets), targets, predictions
        middle = targets - targets.mean()  # keeps the sums of squares exact
        errors = targets - predictions
        # Not in float32: the squares of targets of 1e25, or of 1e-25, are none of its numbers.
        self._sums = np.stack([np.square(errors), np.abs(errors), middle, np.square(middle)]).astype(np.float64)

    def values(self) -> dict[str, float | None]:
        """Return scikit-learn's figures: mse, rmse, mae, r2."""
        from sklearn import metrics  # seconds, which a prediction does not need

        both = self._targets, self._predictions
        varied = len(np.unique(self._targets)) > 1
        return {
            "mse": float(metrics.mean_squared_error(*both)),
            "rmse": float(metrics.root_mean_squared_error(*both)),
            "mae": float(metrics.mean_absolute_error(*both)),
            "r2": float(metrics.r2_score(*both)) if varied else None,
        }

    def of_resamples(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples)."""
        squared, absolute, shift, spread = (self._sums @ counts) / counts.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(spread > shift**2, 1 - squared / (spread - shift**2), np.nan)
        return {"mse": squared, "rmse": np.sqrt(squared), "mae": absolute, "r2": r2}


QUARTERS = 4


def sliced(
    truth: Array, own: Array, reference: Array, parts: dict[str, Array], params: Evaluate
) -> list[dict[str, Any]]:
    """Measure the RMSE in each part; `drop` is by which fraction it is greater than the reference's.

    Args:
        truth: targets, (rows,).
        own: predictions of the model, (rows,).
        reference: predictions of float32, (rows,).
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    from tasks.metrics.slices import worst_first

    errors = np.stack([np.square(own - truth), np.square(reference - truth)]).astype(np.float64)
    found = [_measured(name, errors[:, part], params) for name, part in parts.items() if part.any()]
    return worst_first(found, "rmse", lower_is_better=True)


def quarters(truth: Array, name: str) -> dict[str, Array]:
    """Return which rows are in each quarter of the targets, (rows,) of bool, by its bounds; equal ones together."""
    bounds = np.unique(np.quantile(truth, np.arange(1, QUARTERS) / QUARTERS))
    index, texts = np.searchsorted(bounds, truth, side="right"), [f"{bound:,.6g}" for bound in bounds]
    names = [f"{name} < {texts[0]}", *(f"{name} {low} to {high}" for low, high in pairwise(texts))]
    return {one: index == number for number, one in enumerate([*names, f"{name} >= {texts[-1]}"])}


def _measured(name: str, errors: Array, params: Evaluate) -> dict[str, Any]:
    """Return what a part comes to, of its squared errors, (own and reference, rows)."""
    from tasks.metrics.bootstrap import percentile_interval, resampled
    from tasks.metrics.slices import slice_record

    own, before = np.sqrt(errors.mean(axis=1))
    rows = errors.shape[1]
    drawn = np.concatenate(
        [np.sqrt(errors @ counts / rows) for counts in resampled(rows, params.resamples, params.seed)], axis=1
    )
    score = {
        "value": float(own),
        "interval": percentile_interval(drawn[0], params.confidence),
        "drop": lost if math.isfinite(lost := float(_lost(own, before))) else None,
        "drop_interval": percentile_interval(_lost(drawn[0], drawn[1]), params.confidence),
    }
    return slice_record(name, rows, "rmse", score)


def _lost(own: Any, before: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(own == before, 0.0, own / before - 1)


MAX_POINTS, BINS = 1000, 40
DIGITS = 4  # of a prediction, for people
LONGEST = 10  # places before or after the point; beyond it a power of ten is shorter


def _agreement(own: Array, reference: Array, params: Evaluate) -> dict[str, Any]:
    """Return how far two models agree, with its interval: the RMSE between them, in standard deviations of one."""
    from tasks.metrics.bootstrap import mean_interval

    spread, squares = float(reference.std()), np.square(own - reference)
    if not spread:
        return {"agreement_with_float32": float(not squares.any()), "agreement_interval": None}
    ends = mean_interval(squares, params)
    return {
        "agreement_with_float32": 1 - float(np.sqrt(squares.mean())) / spread,
        "agreement_interval": [1 - float(np.sqrt(end)) / spread for end in reversed(ends)] if ends else None,
    }


class RegressionEvaluation(KindEvaluation):
    """Predictions in the target's unit, (rows, 1), against the mean and gradient boosting."""

    primary = "rmse"
    lower_is_better = True

    def describe(self, output: Array, assets: Path) -> str:
        """Write a prediction with as many digits as it is good for."""
        value = float(output[0])
        after_point = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
        if not -LONGEST < after_point < LONGEST:
            return f"{value:.{DIGITS - 1}e}"
        return f"{round(value, after_point):,.{max(after_point, 0)}f}"

    def headline(self, truth: Array, outputs: Array) -> float:
        """Return the RMSE alone, in the target's unit."""
        return float(np.sqrt(np.square(truth - outputs[:, 0], dtype=np.float64).mean()))

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Args:
            predictions: `truth` are targets, (rows,); `own` and `reference` are in the target's unit, (rows, 1);
                `table` of `metadata` has the target's name.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: why a figure is null;
            `agreement_with_float32`: 1 less the RMSE between the two models in standard deviations of float32's
            predictions; `slices`: quarters of the target and the requested slices, the worst first.
        """
        from tasks.metrics.bootstrap import compared
        from tasks.metrics.slices import slice_columns

        truth, own, params = predictions.truth, predictions.own, predictions.params
        outputs = (truth, own[:, 0], predictions.reference[:, 0])
        targets, guesses, expected = (values.astype(np.float64) for values in outputs)
        measured = Regression(targets, guesses)
        name = predictions.metadata["table"]["target"]
        parts = quarters(targets, name) | slice_columns(predictions.columns, params.slices)
        return {
            "scores": compared(measured, Regression(targets, expected), params),
            "undefined": self.score(truth, own, predictions.metadata, params).undefined,
            **_agreement(guesses, expected, params),
            "slices": sliced(targets, guesses, expected, parts, params),
        }

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write what plots are made of: predictions beside targets, thinned, and how many rows are how far off."""
        chosen = evenly(len(truth), MAX_POINTS)
        write_csv(folder / "predicted.csv", ("actual", "predicted"), zip(truth[chosen], own[chosen, 0], strict=True))
        counts, edges = np.histogram(own[:, 0].astype(np.float64) - truth, bins=BINS)
        write_csv(folder / "errors.csv", ("error_from", "rows"), zip(edges[:-1], counts, strict=True))

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""
        from tasks.metrics.bootstrap import Scores

        values = Regression(truth.astype(np.float64), outputs[:, 0].astype(np.float64)).values()
        undefined = "all targets of these rows are equal"
        return Scores(values, {name: undefined for name, value in values.items() if value is None})

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return predictions of the test rows, (rows, 1) in the target's unit, by method."""
        from tasks.metrics.baselines import boosted

        test = target.column("test", FEATURES).all()
        mean = target.column("train", "value").all().mean(dtype=np.float64)
        return {
            "mean": np.full((len(test), 1), mean),
            "gradient_boosting": boosted(target, params).predict(test)[:, np.newaxis],
        }


EVALUATION = RegressionEvaluation()
