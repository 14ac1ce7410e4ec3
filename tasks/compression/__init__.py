"""Techniques of compression; `from tasks.compression import compress` applies them to a model in memory."""

import os
from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Import modules that need TensorFlow on first use: this package stays cheap to import."""
    if name == "compress":
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
        import_module("tasks.models.quiet_tensorflow")  # starts TensorFlow quietly, before others import it
        return import_module("tasks.compression.api").compress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
