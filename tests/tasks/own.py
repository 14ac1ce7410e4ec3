"""Small models of a user's own, on scikit-learn's digits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.core.errors import DataError
from tasks.data.records import Array

TRAINED_ROWS = 1000
RAN = "this code has run"
TRAINED: dict[tuple[bool, tuple[int, ...]], Any] = {}  # the weights of such a classifier, once one was trained


def digits() -> tuple[Array, Array]:
    """All 1,797 images, (rows, 8, 8, 1) of float32 in [0, 1], and their digits."""
    data = load_digits()
    return (data.images / 16).astype(np.float32)[..., np.newaxis], data.target


def classifier(*, softmax: bool = True, shape: tuple[int, ...] = (8, 8, 1)) -> Any:
    """A network trained on the first 1,000 digits, to about 92 %."""
    from tf_keras import Input, Sequential, layers, losses, utils

    import tasks.models.quiet_tensorflow  # noqa: F401

    utils.set_random_seed(0)
    first = [layers.Conv2D(8, 3, activation="relu"), layers.Flatten()] if len(shape) == 3 else []
    model = Sequential([
        Input(shape), *first, layers.Dense(24, activation="relu"),
        layers.Dense(10, activation="softmax" if softmax else None, name="answer"),
    ])  # fmt: skip
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=not softmax))
    if (known := TRAINED.get((softmax, shape))) is not None:
        model.set_weights(known)
        return model
    x, y = digits()
    model.fit(x[:TRAINED_ROWS].reshape(-1, *shape), y[:TRAINED_ROWS], epochs=8, batch_size=32, verbose=0)
    TRAINED[softmax, shape] = model.get_weights()
    return model


def samples(path: Path, **arrays: Any) -> Path:
    """Write a file of samples; the digits that `classifier` has not seen, where nothing else is given."""
    x, y = digits()
    np.savez(path, **(arrays or {"x": x[TRAINED_ROWS:], "y": y[TRAINED_ROWS:]}))
    return path


def load(path: Path) -> Any:
    """Load a model of the user's own, as the command does."""
    from tasks.models.user_model import load_user_model

    return load_user_model(path)


def outputs(content: bytes, rows: Any, folder: Path) -> Any:
    """Return what a file gives for rows."""
    from tasks.tflite.runtime import UserFile

    (folder / "converted.tflite").write_bytes(content)
    return UserFile(folder / "converted.tflite").answers(rows)


def refused(path: Path, told: str) -> None:
    """Assert that a model is refused, naming its path and the reason."""
    with pytest.raises(DataError, match=told) as error:
        load(path)
    assert str(path) in error.value.got and error.value.expected and error.value.do
