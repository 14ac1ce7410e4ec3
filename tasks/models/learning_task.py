"""The contract for what a model of a kind learns: `tasks/kinds/<kind>/model.py` implements it.

Batches, the training loop and distributed training are handed a `LearningTask`; nothing here knows which kinds there
are. It travels to other processes by pickle, a kind by the name of its class.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from tasks.contracts.errors import ParamsError
from tasks.contracts.training import Augment
from tasks.data.records import Array, Columns
from tasks.models.saving import Facts

# TensorFlow and Keras have no types.
Tensor: TypeAlias = Any
Model: TypeAlias = Any
Metric: TypeAlias = Any
Inputs: TypeAlias = Tensor | tuple[Tensor, ...]  # of a model with one input, or with several
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # of targets and outputs


class KindModel(Protocol):
    """What a model of a kind is fed, its loss, its metrics, and what its outputs mean.

    Attributes:
        inputs: the columns that the model is fed, in its order.
        target: the column that it learns.
        watched: the metric that is told of an epoch; `loss` for the loss alone.
    """

    inputs: ClassVar[tuple[str, ...]]
    target: ClassVar[str]
    watched: ClassVar[str]

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return the inputs of a batch, changed at random as `augment` asks.

        Raises:
            ParamsError: rows of this kind cannot be changed so.
        """

    def lengths(self, targets: Array) -> Array | None:
        """Return how long each row is, (rows,) of int: a batch has rows of like length, so that little is padding.

        None: all rows are as long.
        """
        return None

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], facts: Facts) -> Inputs:
        """Return raw inputs, in the order of `inputs`, as the model takes them."""

    def preprocess_targets(self, targets: Tensor, facts: Facts) -> Tensor:
        """Return raw targets as the loss takes them."""

    def loss(self) -> Loss:
        """Return the loss."""

    def metrics(self) -> list[Metric]:
        """Return new metrics, the watched one first; none where the loss is watched."""

    def outputs(self, answers: Tensor, facts: Facts) -> Tensor:
        """Return the model's outputs as the exported file gives them.

        Raises:
            ParamsError: the exported file decodes its outputs step by step.
        """


@dataclass(frozen=True)
class LearningTask:
    """A kind together with what is known of the data set that its model is trained on.

    Attributes:
        kind: what is fed and learnt.
        facts: of the model.
    """

    kind: KindModel
    facts: Facts

    def preprocess(self, inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[Inputs, Tensor]:
        """Return raw rows as the model and its loss take them; nothing is imported here, where TensorFlow traces."""
        return self.kind.preprocess_inputs(inputs, self.facts), self.kind.preprocess_targets(targets, self.facts)

    def outputs(self, answers: Tensor) -> Tensor:
        """Return a model's outputs as the exported file gives them."""
        return self.kind.outputs(answers, self.facts)

    def of(self, facts: Facts) -> "LearningTask":
        """Return the same task for a model of other facts."""
        return replace(self, facts=facts)


def refuse_augmentation(augment: Augment | None, rows: str, instead: str = "") -> None:
    """Refuse to move rows or to turn them round, as images are.

    Raises:
        ParamsError: that is asked for.
    """
    if augment is not None:
        raise ParamsError(
            got=f"augment: {augment.model_dump()} for {rows}", expected="null",
            do=f"write `augment: null` in every fit{instead}",
        )  # fmt: skip
