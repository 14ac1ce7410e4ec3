"""What a model of images learns; see `tasks.models.learning_task`."""

from tasks.models.learning_task import IMAGES as MODEL

__all__ = ["MODEL"]
