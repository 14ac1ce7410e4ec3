"""The module of a kind that says what its models are fed and what they learn: `tasks/kinds/<kind>/learning.py`."""

from importlib import import_module
from typing import Any

from tasks.contracts.errors import ParamsError
from tasks.contracts.training import Augment
from tasks.models.saving import Facts


def of(facts: Facts) -> Any:
    """Return the module for a model."""
    return import_module(f"tasks.kinds.{facts.kind}.learning")


def refuse_augmentation(augment: Augment | None, rows: str, instead: str = "") -> None:
    """Refuse to move rows or to turn them round, as images are.

    Raises:
        ParamsError: that is asked for.
    """
    if augment is not None:
        raise ParamsError(
            got=f"augment: {augment.model_dump()} for {rows}", expected="null",
            do=f"write `augment: null` in every fit{instead}",
        )  # fmt: skip
