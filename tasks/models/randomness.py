"""Dropout that a killed run goes on with as if nothing had been: an epoch's masks follow from its number alone."""

import hashlib
from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras


class Reseeded(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Before each epoch, gives every layer that draws numbers a seed of that epoch.

    The layers must have been built after `seeding.seed`, which gives each a generator of its own.
    """

    def __init__(self, *origin: int) -> None:
        super().__init__()
        self._origin = origin

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        for place, generator in enumerate(generators(self.model)):
            told = repr([*self._origin, epoch, place]).encode()
            generator.reset_from_seed(int.from_bytes(hashlib.blake2b(told, digest_size=7).digest(), "little"))


def generators(model: Any) -> list[Any]:
    """Return the generators of a model's layers, in their order, those of models within it too."""
    drawing = [layer for layer in model.submodules if hasattr(layer, "_random_generator")]
    return [found for layer in drawing if (found := getattr(layer._random_generator, "_generator", None)) is not None]
