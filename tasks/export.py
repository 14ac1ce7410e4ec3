"""Converts one recipe's model into a TFLite file that takes raw rows: `dvc repro export@int8`."""

from pathlib import Path

from tasks.core.files import replacing
from tasks.core.isolation import isolated
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Compute, Export
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import export_of

CRASH_REMEDY = (
    "give the recipe another precision in params.yaml: `dynamic` (int8 weights) needs no calibration, which is what "
    "crashes most; or leave the recipe out"
)


def export(params: Export, compress: Recipe, compute: Compute, *, model: Path, data: Path, tflite: Path) -> None:
    """Write the file; it takes rows as they are stored and gives probabilities, or numbers in the target's unit.

    An int8 file of images takes raw - 128 as int8: the normalisation is in the scale and zero point of its input, and
    no operator is added for it. Files of other precisions take raw pixel values as float32.

    Raises:
        ParamsError: the recipe's `float_layers` names what the model does not have.
        StageError: the int8 file's input is not `raw - 128`, a step of the finish did not do its work, or TensorFlow's
            converter crashed.
    """
    content = isolated(f"conversion to {compress.precision}", CRASH_REMEDY, exported, params, compress, model, data)
    with replacing(tflite) as file:
        file.write_bytes(content)
    say(f"[100%] export: {tflite} has {len(content):,} bytes")


def exported(params: Export, recipe: Recipe, model: Path, data: Path) -> bytes:
    """Return the file of a recipe; TensorFlow is started here, and what its converter crashes on ends this alone."""
    from tasks.models import saving
    from tasks.models.training_loop import seed

    seed(params.seed)
    network, metadata = saving.load(model)
    return export_of(metadata.kind).to_tflite(network, metadata, recipe, columns.load(data), params)
