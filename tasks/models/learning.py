"""The module of a kind that says what its models are fed and what they learn: `tasks/kinds/<kind>/learning.py`."""

from importlib import import_module
from typing import Any

from tasks.models.saving import Facts


def of(facts: Facts) -> Any:
    """Return the module for a model."""
    return import_module(f"tasks.kinds.{facts.kind}.learning")
