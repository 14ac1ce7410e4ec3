"""What makes TensorFlow repeat itself."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras


def seed(value: int) -> None:
    """Make the initial weights that follow, and every operation, repeatable. To be called before a model is built."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.backend.experimental.enable_tf_random_generator()  # so that dropout has a state that can be set
    tf_keras.utils.set_random_seed(value)
