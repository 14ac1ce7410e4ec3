"""Evaluation of recommendations: whether the next item is among the ten, how high, how far off its rating is."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.params.gates import Baseline, Evaluate
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.kinds.recommendation.data import ItemVocabulary
from tasks.metrics.kind_evaluation import KindEvaluation, Scored
from tasks.metrics.ranking import NONE, gains, listed
from tasks.tflite.runtime import ExportedFile

PRIMARY, TEN = "ndcg_at_10", 10
BLOCK = 1000  # rows whose scores are held at once
HIDDEN = -1e8  # scores below are of items that the file hides
MAX_POINTS, BINS = 1000, 40
FEW, MANY = 20, 50  # known items of a history


def _by_history(known: Array) -> dict[str, Array]:
    return {
        f"known items in the history < {FEW}": known < FEW,
        f"known items in the history {FEW} to {MANY}": (known >= FEW) & (known < MANY),
        f"known items in the history >= {MANY}": known >= MANY,
    }


def _sliced(name: str, truth: Array, own: Array, reference: Array, params: Evaluate) -> dict[str, Any]:
    from tasks.metrics.bootstrap import compared
    from tasks.metrics.ranking import Recommended

    score = compared(Recommended(truth, own), Recommended(truth, reference), params)[PRIMARY]
    return {
        "slice": name,
        "rows": len(truth),
        PRIMARY: score["value"],
        **{key: score[key] for key in ("interval", "drop", "drop_interval")},
    }


class RecommendationEvaluation(KindEvaluation):
    """The numbers of the ten best items, then the rating of one, (rows, 11), against known recommenders."""

    primary = PRIMARY
    lower_is_better = False

    def infer(self, source: Path | bytes, inputs: Columns, threads: int) -> Array:
        """Return the numbers of the ten best items, 0 where there are no more, then the rating: (rows, 11) of float32.

        `timed_call` leaves the ten best still to be picked from the scores.
        """
        file, found = ExportedFile(source, threads), [np.empty((0, TEN + 1), np.float32)]
        for start in range(0, len(inputs["item"]), BLOCK):
            outputs = file.outputs({name: values[start : start + BLOCK] for name, values in inputs.items()})
            scores = np.where(outputs[:, :-1] < HIDDEN, -np.inf, outputs[:, :-1])
            found.append(np.concatenate([listed(scores, TEN), outputs[:, -1:]], axis=1).astype(np.float32))
        return np.concatenate(found)

    def describe(self, output: Array, assets: Path) -> str:
        """Write the items, the best first, and the rating, which is that of an unknown item where none was named."""
        index = ItemVocabulary(assets)
        titles = "; ".join(index.title(int(number)) for number in output[:-1] if number != NONE)
        rating = output[-1] - index.rating.get("offset", 0.0)
        return f"{titles or 'nothing that is not in the history'}; rating {rating:.1f}"

    def headline(self, truth: Array, outputs: Array) -> float:
        """Return the NDCG alone."""
        return float(gains(truth[:, 0], outputs[:, :-1]).mean())

    def measure(
        self,
        truth: Array,
        own: Array,
        reference: Array,
        metadata: dict[str, Any],
        columns: dict[str, Array],
        params: Evaluate,
    ) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Args:
            truth: index of the item (0: unknown, which counts as missed), rating, user, known items in the history;
                (rows, 4).
            own: ten items of the model and a rating, (rows, 11).
            reference: those of the float32 model, (rows, 11).
            metadata: of the data set; `classes` are the items.
            columns: what the slices ask for, (rows,) each, by name.
            params: of the stage.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`, users drawn again; `undefined`: nothing;
            `agreement_with_float32`: the mean share of the ten items that both models name; `slices`: short and long
            histories and the requested slices, the worst first; `unknown_items`: rows whose item is unknown; `users`;
            `coverage`: the share of all items that are recommended to anybody.
        """
        from tasks.metrics.bootstrap import compared
        from tasks.metrics.classifier import slice_columns
        from tasks.metrics.ranking import Recommended, overlap

        parts = _by_history(truth[:, 3]) | slice_columns(columns, params.slices)
        found = [
            _sliced(name, truth[part], own[part], reference[part], params) for name, part in parts.items() if part.any()
        ]
        named = np.unique(own[:, :-1])
        return {
            "scores": compared(Recommended(truth, own), Recommended(truth, reference), params),
            "undefined": {},
            "agreement_with_float32": overlap(own[:, :-1], reference[:, :-1]),
            "slices": sorted(found, key=lambda one: (one[PRIMARY], one["slice"])),
            "unknown_items": int((truth[:, 0] == NONE).sum()),
            "users": len(np.unique(truth[:, 2])),
            "coverage": float((named != NONE).sum() / len(metadata["classes"])),
        }

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write what plots are made of: predicted beside actual ratings, errors, and the places of the items."""
        from tasks.metrics.classifier import write_rows

        chosen = np.unique(np.linspace(0, len(truth) - 1, MAX_POINTS).round().astype(int))
        write_rows(
            folder / "predicted.csv", ("actual", "predicted"), zip(truth[chosen, 1], own[chosen, -1], strict=True)
        )
        counts, edges = np.histogram(own[:, -1].astype(np.float64) - truth[:, 1], bins=BINS)
        write_rows(folder / "errors.csv", ("error_from", "rows"), zip(edges[:-1], counts, strict=True))
        right = (own[:, :-1] == truth[:, :1]) & (truth[:, :1] != NONE)
        write_rows(folder / "places.csv", ("place", "rows"), enumerate(right.sum(axis=0), start=1))

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""
        from tasks.metrics.bootstrap import Scores
        from tasks.metrics.ranking import Recommended

        return Scores(Recommended(truth, outputs).values())

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return ten items and a rating of the test rows; see `tasks.metrics.baselines.baselines`."""
        from tasks.metrics.baselines import baselines

        return baselines(target, params)


EVALUATION = RecommendationEvaluation()
