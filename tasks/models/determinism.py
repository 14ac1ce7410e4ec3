"""Determinism of TensorFlow: seeds, dropout that a resumed run repeats."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import hashlib
from typing import Any

import tensorflow as tf
import tf_keras


def seed(value: int) -> None:
    """Make the initial weights that follow, and every operation, repeatable. To be called before a model is built."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.backend.experimental.enable_tf_random_generator()  # so that dropout has a state that can be set
    tf_keras.utils.set_random_seed(value)


class Reseeded(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Before each epoch, gives every layer that draws numbers a seed of that epoch.

    The layers must have been built after `seeding.seed`, which gives each a generator of its own.
    """

    def __init__(self, *origin: int) -> None:
        super().__init__()
        self._origin = origin

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        for index, generator in enumerate(generators(self.model)):
            seed_text = repr([*self._origin, epoch, index]).encode()
            generator.reset_from_seed(int.from_bytes(hashlib.blake2b(seed_text, digest_size=7).digest(), "little"))


def generators(model: Any) -> list[Any]:
    """Return the generators of a model's layers, in their order, those of models within it too."""
    drawing = [layer for layer in model.submodules if hasattr(layer, "_random_generator")]
    return [found for layer in drawing if (found := getattr(layer._random_generator, "_generator", None)) is not None]
