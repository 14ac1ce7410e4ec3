"""Few levels inside int8: fewer bits to send, the same int8 arithmetic on the device.

A uniform grid as wide as one to two times the weights' root mean square leaves a normal distribution 2.1 to 1.2 bits of
entropy per weight, at less error than as many bits of equally likely levels have (entropy-constrained quantization,
Gish and Pierce 1968). Training moves the weights to where the grid does not hurt.
"""

from dataclasses import dataclass

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

TOP = 127.0


@dataclass(frozen=True)
class Levels:
    """A grid of each output channel (the last axis), or of the whole kernel.

    Attributes:
        step: its width in root mean squares of the weights that are not zero, so that a pruned kernel keeps its range.
        per_channel: whether each channel has its own.
    """

    step: float
    per_channel: bool

    def __call__(self, kernel: tf.Tensor) -> tf.Tensor:
        """Round a kernel to the grid, 127 levels to either side at most; gradients pass straight through."""
        width = self.width(kernel)
        return _straight_through(kernel, width * tf.clip_by_value(tf.round(kernel / width), -TOP, TOP))

    def width(self, kernel: tf.Tensor) -> tf.Tensor:
        """Return what a level is worth, of a shape that `kernel` can be divided by."""
        axes = list(range(len(kernel.shape) - 1)) if self.per_channel else None
        count = tf.reduce_sum(tf.cast(kernel != 0, kernel.dtype), axes, keepdims=True)
        power = tf.reduce_sum(kernel**2, axes, keepdims=True) / tf.maximum(count, 1.0)
        return self.step * tf.sqrt(power) + 1e-12


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _straight_through(kernel: tf.Tensor, rounded: tf.Tensor) -> tuple[tf.Tensor, object]:
    # Not `kernel + stop_gradient(rounded - kernel)`: its last bits differ from the levels.
    return tf.identity(rounded), lambda upstream: (upstream, None)
