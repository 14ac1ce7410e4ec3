"""A trained network from a file of the user's own: nothing is built, nothing of the file runs but its layers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.params import Rate, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Taken
from tasks.core.progress import say
from tasks.data.columns import Dataset
from tasks.models.saving import ModelMetadata

if TYPE_CHECKING:  # starts TensorFlow
    from tasks.models.user_model import UserModel

MEASURED_ROWS = 1000


DEFAULTS: Settings = {
    "train": {"mean": 0, "std": 255.0},
    "fine_tune": None,
}


class Train(Taken):
    """The base model from a file of the user's own."""

    tracked: Annotated[str, Field(pattern=r"\.(h5|hdf5|keras)$")] = Field(
        description="path of the model's file, of tf_keras (Keras 2), which DVC watches; a last softmax is taken off"
    )
    mean: Annotated[int, Field(ge=0, le=255)] = Field(
        description="raw pixel value that the model sees as 0: 0 where it was trained on raw / 255, 128 for "
        "raw / 127.5 - 1, 0 where it takes raw pixels"
    )
    std: Rate = Field(
        description="raw pixel values to a unit of the model's input: 255.0 where it was trained on raw / 255, 127.5 "
        "for raw / 127.5 - 1, 1.0 where it takes raw pixels"
    )


def take(params: Train, base: Dataset, metadata: ModelMetadata) -> tuple[Any, ModelMetadata]:
    """Return the network of a file, and say how good it is: a wrong mean, std or order of classes shows there.

    Raises:
        DataError: the file is refused, or is for other images or classes.
    """
    from tasks.models.user_model import load_user_model

    own = load_user_model(Path(params.tracked), metadata.image_shape)
    metadata = metadata.normalised_by(params.mean, params.std)
    for note in own.notes:
        say(f"train: {own.path}: {note}")
    network = fitting(own, metadata)
    right = accuracy(network, base, metadata)
    say(f"[100%] train: nothing is trained; {own.path} has {right:.4f} of the training rows right")
    return network, metadata


def layer_types(params: Train, preprocess: Preprocess) -> None:
    """Return None: only the file knows its layers; `train` compares them with the recipes."""


def fitting(own: "UserModel", metadata: ModelMetadata) -> Any:
    """Check that a loaded model fits the images and classes of the line, and take off the softmax that it ends in.

    Args:
        own: as `load_own` loads it from an `.h5` or `.keras` file.
        metadata: of the line: the images' shape and the classes.

    Returns:
        A network that gives logits (batch, classes) for images (batch, *image_shape) of float32.

    Raises:
        DataError: it does not fit, or it is a SavedModel, which has no layers.
    """
    from tasks.models.user_model import logits_of

    path, model = own.path, own.model
    if model is None:
        raise DataError(
            got=f"{path}: a SavedModel", expected="an .h5 or .keras file of tf_keras, whose layers can be compressed",
            do="save it with `model.save('model.h5')`; `trimline squeeze` takes SavedModels",
        )  # fmt: skip
    (given,), (answer,) = model.inputs, model.outputs
    if tuple(given.shape[1:]) != tuple(metadata.image_shape) or given.dtype != "float32":
        raise DataError(
            got=f"{path}: an input of {_shown(given.shape)}, {given.dtype.name}",
            expected=f"{_shown([None, *metadata.image_shape])}, float32: (batch, height, width, channels)",
            do="set preprocess.<role>.image_shape to the model's, or choose a model for such images",
        )
    if tuple(answer.shape[1:]) != (len(metadata.classes),):
        raise DataError(
            got=f"{path}: an output of {_shown(answer.shape)}",
            expected=f"{_shown([None, len(metadata.classes)])}: a number for each class, {', '.join(metadata.classes)}",
            do="use data of the classes that the model was trained on, in its order: their names are sorted",
        )
    return logits_of(model)


def accuracy(network: Any, data: Dataset, metadata: ModelMetadata) -> float:
    """Measure a network on up to 1,000 training rows, evenly spread: 0 to 1.

    Raises:
        DataError: what it gives are no logits: a softmax or a sigmoid is in it that is not its last layer's.
    """
    from tasks.models.batches import rows_of
    from tasks.models.learning_task import IMAGES, LearningTask

    images = data.column("train", "image")
    rows = np.unique(np.linspace(0, len(images) - 1, MEASURED_ROWS).astype(int))
    logits = network.predict(rows_of(data, "train", LearningTask(IMAGES, metadata), rows), verbose=0)
    if logits.min() >= 0 and logits.max() <= 1:
        raise DataError(
            got=f"outputs of {logits.min():.3g} to {logits.max():.3g}, as probabilities have",
            expected="logits, or a softmax as the last layer, which is removed",
            do="end the model in Dense(classes), or in a softmax after it",
        )
    return float((logits.argmax(axis=1) == data.column("train", "label").take(rows)).mean())


def _shown(shape: Any) -> str:
    return f"({', '.join('batch' if size is None else str(size) for size in shape)})"
