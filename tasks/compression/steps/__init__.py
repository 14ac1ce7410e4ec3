"""Training steps, by TFMOT. TensorFlow is started by `tasks.models`, quietly, before TFMOT imports it."""

import tasks.models  # noqa: F401
