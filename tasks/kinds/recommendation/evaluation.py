"""Evaluation of recommendations: whether the next item is among the ten, how high, how far off its rating is."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import write_csv
from tasks.core.params.gates import Baseline, Evaluate
from tasks.data.columns import Dataset, evenly
from tasks.data.records import Array, Columns
from tasks.kinds.recommendation.data import ItemVocabulary
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions, Scored
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
    from tasks.metrics.slices import slice_record

    score = compared(Recommended(truth, own), Recommended(truth, reference), params)[PRIMARY]
    before = score["value"] + score["drop"]  # of 0 nothing can be lost
    lost = [change / before if before else 0.0 for change in (score["drop"], *score["drop_interval"])]
    return slice_record(name, len(truth), PRIMARY, score | {"drop": lost[0], "drop_interval": lost[1:]})


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

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Args:
            predictions: `truth` are index of the item (0: unknown, which counts as missed), rating, user, known items
                in the history, (rows, 4); `own` and `reference` are ten items and a rating, (rows, 11); `classes` of
                `metadata` are the items.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`, users drawn again; `undefined`: nothing;
            `agreement_with_float32`: the mean share of the ten items that both models name; `slices`: short and long
            histories and the requested slices, the worst first, each drop a fraction of what float32 has;
            `unknown_items`: rows whose item is unknown; `users`; `coverage`: the share of all items that are
            recommended to anybody.
        """
        from tasks.metrics.bootstrap import compared, mean_interval
        from tasks.metrics.ranking import Recommended, overlap
        from tasks.metrics.slices import slice_columns, worst_first

        truth, own, reference = predictions.truth, predictions.own, predictions.reference
        params = predictions.params
        parts = _by_history(truth[:, 3]) | slice_columns(predictions.columns, params.slices)
        found = [
            _sliced(name, truth[part], own[part], reference[part], params) for name, part in parts.items() if part.any()
        ]
        named, shared = np.unique(own[:, :-1]), overlap(own[:, :-1], reference[:, :-1])
        return {
            "scores": compared(Recommended(truth, own), Recommended(truth, reference), params),
            "undefined": {},
            "agreement_with_float32": float(shared.mean()),
            "agreement_interval": mean_interval(shared, params),
            "slices": worst_first(found, PRIMARY),
            "unknown_items": int((truth[:, 0] == NONE).sum()),
            "users": len(np.unique(truth[:, 2])),
            "coverage": float((named != NONE).sum() / len(predictions.metadata["classes"])),
        }

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write what plots are made of: predicted beside actual ratings, errors, and the places of the items."""
        chosen = evenly(len(truth), MAX_POINTS)
        write_csv(
            folder / "predicted.csv", ("actual", "predicted"), zip(truth[chosen, 1], own[chosen, -1], strict=True)
        )
        counts, edges = np.histogram(own[:, -1].astype(np.float64) - truth[:, 1], bins=BINS)
        write_csv(folder / "errors.csv", ("error_from", "rows"), zip(edges[:-1], counts, strict=True))
        right = (own[:, :-1] == truth[:, :1]) & (truth[:, :1] != NONE)
        write_csv(folder / "places.csv", ("place", "rows"), enumerate(right.sum(axis=0), start=1))

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""
        from tasks.metrics.bootstrap import Scores
        from tasks.metrics.ranking import Recommended

        return Scores(Recommended(truth, outputs).values())

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return ten items and a rating of the test rows; see `tasks.metrics.recommenders.baselines`."""
        from tasks.metrics.recommenders import baselines

        return baselines(target, params)


EVALUATION = RecommendationEvaluation()
