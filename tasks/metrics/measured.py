"""Every metric of a model with its interval, and what it loses against float32 on the same rows."""

from typing import Any

from scipy.stats import binomtest

from tasks.contracts.params import Evaluate
from tasks.data.records import Array
from tasks.metrics.bootstrap import basic_interval, percentile_interval
from tasks.metrics.classification import LOWER_IS_BETTER, PRIMARY, Settings, predicted, scored
from tasks.metrics.paired import accuracy_drop
from tasks.metrics.resampling import replicates

# A sum of absolute values grows with every resample: its replicates lie above it, so its interval is mirrored.
MIRRORED = frozenset({"calibration_error"})
UNBOUNDED = frozenset({"log_loss"})


def measured(labels: Array, own: Array, reference: Array, classes: list[str], params: Evaluate) -> dict[str, Any]:
    """Measure a model and compare it with a reference on the same rows.

    Args:
        labels: true class indices, (rows,).
        own: probabilities of the model, (rows, classes).
        reference: probabilities of the float32 model, (rows, classes).
        classes: the class names.
        params: confidence, number and seed of the resamples, settings of the metrics.

    Returns:
        `scores`: for each metric `value`, `interval`, `drop` (positive where the model is worse) and `drop_interval`;
        `undefined`: why a figure is null or a class is left out of an average; `per_class`.
    """
    settings = Settings(params.top_k, params.calibration_bins)
    now, before = (scored(labels, probabilities, classes, settings) for probabilities in (own, reference))
    drawn = replicates(labels, [own, reference], settings, params.resamples, params.seed)
    found: dict[str, Any] = {}
    for name, value in now.values.items():
        then = before.values[name]
        sign = 1 if name in LOWER_IS_BETTER else -1
        difference = {key: sign * (drawn[0][key] - drawn[1][key]) for key in drawn[0] if key == name}
        found[name] = {
            "value": value,
            "interval": _interval(name, value, drawn[0].get(name), params.confidence),
            "drop": None if value is None or then is None else sign * (value - then) + 0.0,  # no -0.0
            "drop_interval": None,
        }
        lost = found[name]["drop"]
        found[name]["drop_interval"] = _interval(name, lost, difference.get(name), params.confidence, least=-1.0)
    right, expected = predicted(own) == labels, predicted(reference) == labels
    compared = accuracy_drop(expected, right, params.confidence)
    found[PRIMARY]["interval"] = wilson(int(right.sum()), len(right), params.confidence)
    found[PRIMARY]["drop_interval"] = compared["accuracy_drop_interval"]
    return {
        "scores": found,
        "undefined": now.undefined,
        "per_class": dict(zip(classes, now.per_class, strict=True)),
    }


def wilson(correct: int, rows: int, confidence: float) -> list[float]:
    """Return the Wilson score interval of a fraction, as [low, high] (Wilson 1927)."""
    bounds = binomtest(correct, rows).proportion_ci(confidence, method="wilson")
    return [float(bounds.low), float(bounds.high)]


def _interval(
    name: str, value: float | None, drawn: Array | None, confidence: float, least: float = 0.0
) -> list[float] | None:
    """Return the interval around a value from [the rows themselves, resamples...] of its replicates."""
    if value is None or drawn is None:
        return None
    moved = drawn[1:] + (value - drawn[0])  # what the levels of ranking metrics leave out
    taken = basic_interval(value, moved, confidence) if name in MIRRORED else percentile_interval(moved, confidence)
    if taken is None or name in UNBOUNDED:
        return taken
    return [max(taken[0], least), min(taken[1], 1.0)]
