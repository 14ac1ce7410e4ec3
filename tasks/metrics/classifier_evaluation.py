"""What the evaluations of all classifiers share.

It lies apart from the contract, so that a change of a classifier's metrics leaves the other kinds up to date. As
there, what takes seconds to import is imported inside the methods.
"""

from pathlib import Path
from typing import Any, ClassVar

from tasks.core.params.gates import Evaluate
from tasks.data import classes
from tasks.data.records import Array
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions, Scored

LIKELIEST = 3  # classes that a description of an output names


class ClassifierEvaluation(KindEvaluation):
    """What classifiers share, whatever they are fed; their outputs are probabilities, (rows, classes)."""

    primary: ClassVar[str] = "accuracy"
    lower_is_better: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True

    def describe(self, output: Array, assets: Path) -> str:
        """Write the likeliest classes of a row with their probabilities, the likeliest first."""
        pairs = sorted(zip(classes.read(assets), map(float, output), strict=True), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {probability:.1%}" for name, probability in pairs[:LIKELIEST])

    def headline(self, truth: Array, outputs: Array) -> float:
        """Return the accuracy alone."""
        from tasks.metrics.classifier import headline

        return headline(truth, outputs)

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """Measure a model against a reference; see `tasks.metrics.classifier.measure`."""
        from tasks.metrics.classifier import measure

        return measure(predictions)

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write what plots are made of; of `confusion` a line per row."""
        from tasks.metrics.classifier import write_tables

        write_tables(truth, own, metadata, params, folder)

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals; see `tasks.metrics.classification.scored`."""
        from tasks.metrics.classifier import scored

        return scored(truth, outputs, metadata, params)
