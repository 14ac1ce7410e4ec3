"""Models of tables into TFLite files."""

from tasks.contracts.errors import DataError, ParamsError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.data.table_features import FEATURES
from tasks.models import plain_conversion
from tasks.models.learning_task import Model
from tasks.models.saving import Facts

PRECISIONS = ("float32", "dynamic")


def exported(model: Model, outputs: Model, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
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
    return plain_conversion.exported(model, outputs, recipe, data, (FEATURES,), params)
