"""BLEU, chrF of translations, by sacrebleu (Post 2018), with their slices."""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.gates import Evaluate
from tasks.data.records import Array

SHOWN = 5


class Translation:
    """A translator's metrics, 0 to 100; see `tasks.metrics.bootstrap.Metrics`.

    Raises:
        DataError: a reference is empty: nothing could be right, and a score would blame the model for it.
    """

    lower_is_better: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, references: list[str], hypotheses: list[str]) -> None:
        """Take a reference and a hypothesis per row; a hypothesis may be empty, and counts as one."""
        from sacrebleu.metrics.bleu import BLEU  # these are loaded where a file is measured, not where it answers
        from sacrebleu.metrics.chrf import CHRF

        if empty := [row for row, reference in enumerate(references) if not reference.strip()]:
            raise DataError(
                got=f"empty references in rows {', '.join(map(str, empty[:SHOWN]))} ({len(empty)} in all)",
                expected="a translation for each row", do="leave these rows out of the data",
            )  # fmt: skip
        self.rows, self._references, self._hypotheses = len(references), references, hypotheses
        self._metrics = {"bleu": BLEU(), "chrf": CHRF()}

    def values(self) -> dict[str, float | None]:
        """Return sacrebleu's corpus scores."""
        return {
            name: float(metric.corpus_score(self._hypotheses, [self._references]).score)
            for name, metric in self._metrics.items()
        }

    def signatures(self) -> dict[str, str]:
        """Return what makes the scores comparable: tokenizer, smoothing, version."""
        self.values()  # sacrebleu knows the number of references only then
        return {name: str(metric.get_signature()) for name, metric in self._metrics.items()}

    def of_resamples(self, counts: Array, names: Iterable[str] = ("bleu", "chrf")) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples).

        Both follow from sums over sentences of matching, given and expected n-grams, which is how sacrebleu's own
        bootstrap has them.
        """
        return {
            name: np.array([
                self._metrics[name]._compute_score_from_stats(sums.tolist()).score
                for sums in np.rint(counts.T.astype(np.float64) @ statistics).astype(np.int64)
            ])
            for name, statistics in self._statistics.items()
            if name in names
        }  # fmt: skip

    @cached_property
    def _statistics(self) -> dict[str, Array]:
        return {
            name: np.array(metric._extract_corpus_statistics(self._hypotheses, [self._references]), np.float64)
            for name, metric in self._metrics.items()
        }


QUARTERS = 4


def lengths(references: list[str]) -> dict[str, Array]:
    """Return which rows are in each quarter of the references' lengths, (rows,) of bool, by its bounds in words."""
    words = np.array([len(text.split()) for text in references])
    bounds = np.unique(np.quantile(words, np.arange(1, QUARTERS) / QUARTERS).astype(int))
    index = np.searchsorted(bounds, words, side="right")
    between = (f"words {low}" if high - low == 1 else f"words {low} to {high - 1}" for low, high in pairwise(bounds))
    names = [f"words < {bounds[0]}", *between]
    return {name: index == number for number, name in enumerate([*names, f"words >= {bounds[-1]}"])}


def sliced(own: Translation, reference: Translation, parts: dict[str, Array], params: Evaluate) -> list[dict[str, Any]]:
    """Measure BLEU in each part; `drop` is which fraction of the reference's is lost.

    Args:
        own: translations of the model.
        reference: translations of float32.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    found = [_measured(name, own, reference, part, params) for name, part in parts.items() if part.any()]
    return sorted(found, key=lambda one: (one["bleu"], one["slice"]))


def _measured(name: str, own: Translation, reference: Translation, part: Array, params: Evaluate) -> dict[str, Any]:
    from tasks.metrics.bootstrap import percentile_interval, resampled

    rows = np.flatnonzero(part)
    draws = [np.ones((len(rows), 1), np.float32), *resampled(len(rows), params.resamples, params.seed)]
    values, before = (
        np.concatenate([model.of_resamples(_placed(counts, rows, len(part)), ("bleu",))["bleu"] for counts in draws])
        for model in (own, reference)
    )
    lost = np.where(values == before, 0.0, 1 - values / np.maximum(before, 1e-9))
    return {
        "slice": name,
        "rows": len(rows),
        "bleu": float(values[0]),
        "interval": percentile_interval(values[1:], params.confidence),
        "drop": float(lost[0]),
        "drop_interval": percentile_interval(lost[1:], params.confidence),
    }


def _placed(counts: Array, rows: Array, total: int) -> Array:
    """Return counts of all rows, of which only some are drawn."""
    placed = np.zeros((total, counts.shape[1]), np.float32)
    placed[rows] = counts
    return placed
