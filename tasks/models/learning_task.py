"""The learning task of a model: what it is fed, its loss, its outputs. `tasks/kinds/<kind>/model.py` implements it.

Batches, the training loop, distributed training are handed a learning task; nothing here knows which kinds there are.
It travels to other processes by pickle, a kind by the name of its class.
"""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras

from tasks.core.errors import ParamsError
from tasks.core.params.training import Augment
from tasks.data.records import Array, Columns
from tasks.data.tables import FEATURES
from tasks.models.saving import ModelMetadata

# TensorFlow and Keras have no types.
Tensor: TypeAlias = Any
KerasModel: TypeAlias = Any
Metric: TypeAlias = Any
Inputs: TypeAlias = Tensor | tuple[Tensor, ...]  # of a model with one input, or with several
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # of targets and outputs


class KindModel(Protocol):
    """What a model of a kind is fed, its loss, its metrics, and what its outputs mean.

    Attributes:
        inputs: the columns that the model is fed, in its order.
        target: the column that it learns.
        has_classes: whether a target is a class, so that classes may weigh differently.
        watched: the metric that is reported after each epoch; `loss` for the loss alone.
    """

    inputs: ClassVar[tuple[str, ...]]
    target: ClassVar[str]
    watched: ClassVar[str]
    has_classes: ClassVar[bool] = False

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

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return raw inputs, in the order of `inputs`, as the model takes them."""

    def preprocess_targets(self, targets: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return raw targets as the loss takes them."""

    def loss(self) -> Loss:
        """Return the loss."""

    def weighted_loss(self, class_weights: tuple[float, ...]) -> Loss:
        """Return the loss in which a row counts as its class weighs.

        Raises:
            TypeError: the targets are no classes.
        """
        raise TypeError(f"{type(self).__name__} has no classes")

    def metrics(self) -> list[Metric]:
        """Return new metrics, the watched one first; none where the loss is watched."""

    def outputs(self, answers: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return the model's outputs as the exported file gives them.

        Raises:
            ParamsError: the exported file decodes its outputs step by step.
        """


@dataclass(frozen=True)
class LearningTask:
    """A kind together with what is known of the data set that its model is trained on.

    Attributes:
        kind: what is fed and learnt.
        metadata: of the model.
        class_weights: how much a row of each class counts in the loss, (classes,); None where all count alike.
    """

    kind: KindModel
    metadata: ModelMetadata
    class_weights: tuple[float, ...] | None = None

    def loss(self) -> Loss:
        """Return the loss of the kind, weighted where there are weights."""
        return self.kind.loss() if self.class_weights is None else self.kind.weighted_loss(self.class_weights)

    def preprocess(self, inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[Inputs, Tensor]:
        """Return raw rows as the model and its loss take them; nothing is imported here, where TensorFlow traces."""
        return self.kind.preprocess_inputs(inputs, self.metadata), self.kind.preprocess_targets(targets, self.metadata)

    def outputs(self, answers: Tensor) -> Tensor:
        """Return a model's outputs as the exported file gives them."""
        return self.kind.outputs(answers, self.metadata)

    def of(self, metadata: ModelMetadata) -> "LearningTask":
        """Return the same task for a model of other metadata."""
        return replace(self, metadata=metadata)


def refuse_augmentation(augment: Augment | None, rows: str, instead: str = "") -> None:
    """Refuse to move rows or to turn them round, as images are.

    Raises:
        ParamsError: the section asks for augmentation.
    """
    if augment is not None:
        raise ParamsError(
            got=f"augment: {augment.model_dump()} for {rows}", expected="null",
            do=f"write `augment: null` in every fit{instead}",
        )  # fmt: skip


class Classifier(KindModel, Protocol):
    """What classifiers share; see `KindModel`."""

    target: ClassVar[str] = "label"
    watched: ClassVar[str] = "accuracy"
    has_classes: ClassVar[bool] = True

    def preprocess_targets(self, targets: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return class indices (batch,) as the loss takes them."""
        return tf.cast(targets, tf.int32)

    def loss(self) -> Loss:
        """Return the cross-entropy of logits (batch, classes)."""
        loss: Loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return loss

    def weighted_loss(self, class_weights: tuple[float, ...]) -> Loss:
        """Return the cross-entropy of logits (batch, classes), of each row, (batch,)."""

        def loss(targets: Tensor, answers: Tensor) -> Tensor:
            labels = tf.reshape(tf.cast(targets, tf.int32), (-1,))
            entropy = tf_keras.losses.sparse_categorical_crossentropy(labels, answers, from_logits=True)
            return tf.gather(tf.constant(class_weights, tf.float32), labels) * entropy

        return loss

    def metrics(self) -> list[Metric]:
        """Return the accuracy."""
        return [tf_keras.metrics.SparseCategoricalAccuracy(name=self.watched)]

    def outputs(self, answers: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return probabilities (batch, classes), as the exported file gives them."""
        return tf.nn.softmax(answers)


HALF = 0.5


class ImageModel(Classifier):
    """Images with one class each."""

    inputs = ("image",)

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Move each image of a batch, whose edge fills the gap, and mirror every second one or so."""
        images = columns["image"]
        if augment is not None and augment.max_shift:
            images = shifted(images, augment.max_shift, random)
        if augment is not None and augment.flip:
            images = np.where(random.random((len(images), 1, 1, 1)) < HALF, images[:, :, ::-1], images)
        return {"image": images}

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return raw images as the normalised float32 that the model is trained on."""
        return (tf.cast(inputs[0], tf.float32) - metadata.mean) / metadata.std


def shifted(images: Array, max_shift: int, random: np.random.Generator) -> Array:
    """Move each image by up to `max_shift` pixels in both directions; its edge fills the gap."""
    height, width = images.shape[1:3]
    margin = (max_shift, max_shift)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = random.integers(0, 2 * max_shift + 1, (2, len(images)))
    return np.ascontiguousarray(np.moveaxis(windows[np.arange(len(images)), down, right], 1, -1))


IMAGES = ImageModel()


class TableModel(KindModel, Protocol):
    """What models of tables share; see `KindModel`."""

    inputs: ClassVar[tuple[str, ...]] = (FEATURES,)

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return a batch as it is: no change of a number is known that leaves its meaning."""
        return columns

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return the features as they are: the model normalises them itself."""
        return inputs[0]
