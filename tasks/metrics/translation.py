"""BLEU and chrF of translations, by sacrebleu (Post 2018), with its signatures."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from tasks.contracts.errors import DataError
from tasks.data.records import Array

SHOWN = 5


class Translation:
    """A translator's metrics, 0 to 100; see `tasks.metrics.compared.Metrics`.

    Raises:
        DataError: a reference is empty: nothing could be right, and a score would blame the model for it.
    """

    lower_is_better: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, references: list[str], hypotheses: list[str]) -> None:
        """Take a reference and a hypothesis per row; a hypothesis may be empty, and counts as one."""
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
