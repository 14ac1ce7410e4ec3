"""Every metric of a model with its interval, and what it loses against another model on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

import numpy as np

from tasks.contracts.judging import Evaluate
from tasks.data.records import Array
from tasks.metrics.bootstrap import mirrored_interval, percentile_interval, resampled


@dataclass(frozen=True)
class Scores:
    """Figures of a set of rows.

    Attributes:
        values: by metric.
        undefined: why one is None.
    """

    values: dict[str, float | None]
    undefined: dict[str, str] = field(default_factory=dict)


class Metrics(Protocol):
    """The metrics of one model on some rows.

    Attributes:
        rows: how many.
        lower_is_better: metrics of which less is better.
        fractions: metrics that lie in [0, 1].
        mirrored: metrics whose resamples all lie to one side, such as means of absolute values.
    """

    rows: int
    lower_is_better: frozenset[str]
    fractions: frozenset[str]
    mirrored: frozenset[str]

    def values(self) -> Mapping[str, float | None]:
        """Return each metric, None where it is undefined."""

    def of_resamples(self, counts: Array) -> Mapping[str, Array]:
        """Return each metric, (resamples,), for how often each row is drawn, (rows, resamples)."""


def compared(own: Metrics, reference: Metrics, params: Evaluate) -> dict[str, dict[str, Any]]:
    """Return for each metric `value`, `interval`, `drop` (positive where `own` is worse) and `drop_interval`.

    Both are resampled alike, so the interval of the drop is paired. All are None where the metric is undefined.
    """
    drawn, then_drawn = _replicates([own, reference], params)
    before, found = reference.values(), {}
    for name, value in own.values().items():
        sign = 1 if name in own.lower_is_better else -1
        then = before[name]
        drop = None if value is None or then is None else sign * (value - then) + 0.0  # no -0.0
        interval, drop_interval = None, None
        if name in drawn:
            lost = sign * (drawn[name] - then_drawn[name])
            interval = _interval(value, drawn[name], params.confidence, mirrored=name in own.mirrored)
            drop_interval = _interval(drop, lost, params.confidence, mirrored=name in own.mirrored)
        if interval and name in own.fractions:
            interval = [max(interval[0], 0.0), min(interval[1], 1.0)]
        found[name] = {"value": value, "interval": interval, "drop": drop, "drop_interval": drop_interval}
    return found


def _replicates(models: list[Metrics], params: Evaluate) -> list[dict[str, Array]]:
    """Return for each metric of each model (1 + resamples,), the rows themselves first."""
    rows = models[0].rows
    draws = chain([np.ones((rows, 1), np.float32)], resampled(rows, params.resamples, params.seed))
    chunks = [[model.of_resamples(counts) for model in models] for counts in draws]
    return [
        {name: np.concatenate([chunk[index][name] for chunk in chunks]) for name in chunks[0][index]}
        for index in range(len(models))
    ]


def _interval(value: float | None, drawn: Array, confidence: float, *, mirrored: bool) -> list[float] | None:
    """Return the interval around a value from its replicates, the first of which is that of the rows themselves."""
    if value is None:
        return None
    moved = drawn[1:] + (value - drawn[0])  # exact where replicates are computed on fewer levels than the value
    return mirrored_interval(value, moved, confidence) if mirrored else percentile_interval(moved, confidence)
