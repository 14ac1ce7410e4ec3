"""How much each layer can lose: bytes that its rounding saves against the answers that change by it."""

from dataclasses import dataclass

import numpy as np

from tasks.compression.file import File, feed, outputs
from tasks.compression.finish.round_weights import layers_of, output_gains, replace_kernel
from tasks.data.records import Array
from tasks.metrics.sizes import zip_bytes

# Noise that is accepted per bit, from hardly any to too much.
LADDER = (1e-8, 1e-7, 1e-6, 1e-5)


@dataclass(frozen=True)
class Sensitivity:
    """Of one layer.

    Attributes:
        name: of the Keras layer.
        weights: number of its weights.
        gain: how much of its own relative noise arrives at the logits, relative to their power.
        saved_bytes: zip bytes saved when it alone is rounded, for each of `LADDER`.
        changed: fraction of the rows whose answer changes then.
    """

    name: str
    weights: int
    gain: float
    saved_bytes: list[int]
    changed: list[float]

    def bytes_per_point(self) -> float:
        """Return zip bytes saved per percentage point of changed answers; more is a better place to save."""
        points = 100 * np.maximum(self.changed, 1e-4)  # one row in ten thousand: no change seen is not no change
        return float(np.max(np.asarray(self.saved_bytes) / points))


def sensitivities(content: bytes, names: list[str], calibration: Array, rows: Array) -> list[Sensitivity]:
    """Round each layer alone and see what it saves and what it costs.

    Args:
        content: of an int8 file.
        names: of the layers whose kernels the file has, in its order.
        calibration: rows as floats that statistics are taken from, (rows, ...).
        rows: rows as floats whose answers are compared, (rows, ...).
    """
    fed = feed(content, calibration)
    layers = layers_of(content, fed)
    shown = feed(content, rows)
    answers, size = outputs(content, shown).argmax(axis=-1), zip_bytes(content)
    found = []
    for layer, gain, name in zip(layers, output_gains(content, layers, fed), names, strict=True):
        saved, changed = [], []
        for noise_per_bit in LADDER:
            file = File(content)
            replace_kernel(file, layer, layer.kernel.rounded(noise_per_bit))
            rounded = file.content()
            saved.append(size - zip_bytes(rounded))
            changed.append(float((outputs(rounded, shown).argmax(axis=-1) != answers).mean()))
        found.append(Sensitivity(name, layer.kernel.weights.size, gain, saved, changed))
    return found
