"""What a model of images learns; see `tasks.models.images`."""

from tasks.models.images import IMAGES as MODEL

__all__ = ["MODEL"]
