"""The contract for measuring a kind of work: `tasks/kinds/<kind>/evaluation.py` implements it.

What scikit-learn and SciPy are needed for is imported inside the methods: they take seconds, and whoever asks a bundle
for one answer, or times it, measures nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tasks.core.params.gates import Baseline, Evaluate
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.tflite import runtime


class Scored(Protocol):
    """The figures of a set of rows: values by metric, and by metric why one is None."""

    @property
    def values(self) -> Mapping[str, float | None]: ...  # noqa: D102

    @property
    def undefined(self) -> Mapping[str, str]: ...  # noqa: D102


@dataclass(frozen=True)
class Predictions:
    """The outputs of a model on the test rows, beside those of a reference on the same rows.

    Attributes:
        truth: targets, (rows, ...).
        own: outputs of the model, (rows, n).
        reference: outputs of the float32 model, or of the current release, (rows, n).
        metadata: of the data set.
        columns: what the slices ask for, (rows,) each, by name.
        params: of the stage `evaluate`.
    """

    truth: Array
    own: Array
    reference: Array
    metadata: dict[str, Any]
    columns: dict[str, Array]
    params: Evaluate


class KindEvaluation(Protocol):
    """How an exported file of a kind is run, how its outputs are measured, and which baselines it is compared with.

    Attributes:
        primary: the first metric.
        lower_is_better: of that metric.
        has_classes: whether the target is a class and the outputs are the probability of each, (rows, classes).
        decodes: whether a file's outputs are decoded step by step: then a model in memory, which gives each step its
            true predecessor, has no score, and cannot be fine-tuned or cross-validated.
    """

    primary: ClassVar[str]
    lower_is_better: ClassVar[bool]
    has_classes: ClassVar[bool] = False
    decodes: ClassVar[bool] = False

    def infer(self, source: Path | bytes, inputs: Columns, threads: int) -> Array:
        """Return what an exported file gives for rows of inputs by name, (rows, n)."""
        return runtime.infer(source, inputs, threads)

    def timed_call(self, source: Path, inputs: Columns) -> Callable[[], None]:
        """Return a function that answers the first row, ready to be timed."""
        return runtime.once(source, inputs)

    def describe(self, output: Array, assets: Path) -> str:
        """Write the output of one row, (n,), for people."""

    def headline(self, truth: Array, outputs: Array) -> float:
        """Return the primary metric alone.

        Raises:
            TypeError: the kind decodes its outputs.
        """
        raise TypeError(f"{type(self).__name__} measures exported files only, and all metrics together")

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: why a figure is null;
            `agreement_with_float32`; `slices`, the worst first; and what else the kind measures.
        """

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write what plots are made of."""

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return outputs of the test rows, in the file's form, by simple method.

        Raises:
            ParamsError: the chosen training rows have one class only.
        """
