"""Export of a trained model to the file that its recipe asks for: its precision, then its finish."""

from collections.abc import Callable
from typing import Any

from tasks.compression.finish.correct_bias import correct_bias
from tasks.compression.finish.round_weights import round_weights
from tasks.core.params.recipes import CorrectBias, Recipe, RoundWeights, Slim
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models import conversion
from tasks.models.saving import ModelMetadata
from tasks.tflite.slim import require_equal_outputs, slim

PROOF_ROWS = 100


def to_tflite(model: Any, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of the recipe's precision and apply its finish; the same input gives equal bytes."""
    rows = conversion.calibration(data, metadata, params)
    content = conversion.convert(model, metadata, recipe, rows)
    return apply_finish(content, recipe, rows, lambda: conversion.normalised_float32(model, metadata))


def apply_finish(content: bytes, recipe: Recipe, rows: Array, float32: Callable[[], bytes]) -> bytes:
    """Apply a recipe's finish to a file.

    Args:
        content: of the file.
        recipe: its `finish` counts.
        rows: calibration rows as floats, (rows, ...).
        float32: makes the float file of the same model that takes `rows` as they are.
    """
    for step in recipe.finish:
        match step:
            case CorrectBias():
                content = correct_bias(content, float32(), rows)
            case RoundWeights():
                content = round_weights(content, step, rows)
            case Slim():
                before, content = content, slim(content)
                require_equal_outputs(before, content, PROOF_ROWS, seed=0)
    return content
