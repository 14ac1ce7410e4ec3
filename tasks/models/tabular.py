"""What a model of tables is fed, whatever it learns."""

from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.contracts.errors import DataError, ParamsError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Augment
from tasks.data.columns import Dataset
from tasks.data.records import Columns
from tasks.data.table_features import FEATURES
from tasks.models import plain_conversion
from tasks.models.saving import Facts

INPUTS = (FEATURES,)
PRECISIONS = ("float32", "dynamic")


def augmented(columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
    """Return a batch as it is: no change of a number is known that leaves its meaning."""
    return columns


def fed(inputs: tuple[tf.Tensor, ...], facts: Facts) -> tf.Tensor:
    """Return the features as they are: the model normalises them itself."""
    return inputs[0]


def exported(model: Any, outputs: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe; see `plain_conversion.exported`.

    Raises:
        ParamsError: the recipe asks for inputs of less than 32 bits.
        DataError: the model was made for another table than `data`.
    """
    if recipe.precision not in PRECISIONS:
        raise ParamsError(
            got=f"precision: {recipe.precision}", expected=" or ".join(PRECISIONS),
            do="take dynamic (int8 weights): raw numbers and the bounds of their bins lose too much in fewer bits",
        )  # fmt: skip
    if facts.data["table"] != data.facts["table"]:
        raise DataError(
            got="a model of other columns, categories or ranges than the target's", expected="those it was trained on",
            do="give base and target the same data, with fine_tune: null",
        )  # fmt: skip
    return plain_conversion.exported(model, outputs, recipe, data, INPUTS, params)
