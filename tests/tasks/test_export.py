"""The exported files take raw bytes: the normalisation is inside."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import columns
from tasks.data.records import Array
from tasks.tflite.runtime import ExportedFile
from tests.tasks import line


def outputs(path: Path, images: Array) -> Array:
    """What LiteRT alone makes of raw uint8 images, fed as the file's dtype asks for."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in images:
        fed = image.astype(np.float32) if given["dtype"] == np.float32 else (image ^ 0x80).view(np.int8)  # raw - 128
        interpreter.set_tensor(given["index"], fed[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(got["index"])[0])
    scale, zero_point = got["quantization"]
    return (np.array(rows, np.float32) - zero_point) * scale if scale else np.array(rows)


@pytest.mark.parametrize("recipe", line.RECIPES)
def test_raw_bytes_are_classified_well(recipe: str, tiny_line: Path) -> None:
    data = columns.load(tiny_line / "data/ready/target")
    images, labels = data.column("test", "image").all(), data.column("test", "label").all()
    probabilities = outputs(tiny_line / f"models/tflite/{recipe}.tflite", images)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.75
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 0.02
    assert (ExportedFile(tiny_line / f"models/tflite/{recipe}.tflite", 1).probabilities(images) == probabilities).all()


@pytest.mark.parametrize("recipe", [recipe for recipe in line.RECIPES if "int8" in recipe])
def test_an_int8_file_is_int8_throughout_and_its_input_is_raw_less_128(recipe: str, tiny_line: Path) -> None:
    interpreter = Interpreter(model_path=str(tiny_line / f"models/tflite/{recipe}.tflite"))
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    metadata = read_json(tiny_line / "models/tuned/model.json")["data"]["normalisation"]
    scale, zero_point = given["quantization"]
    assert given["dtype"] == got["dtype"] == np.int8
    assert scale == pytest.approx(1 / metadata["std"], rel=1e-5) and zero_point == metadata["mean"] - 128
    assert {tensor["dtype"] for tensor in interpreter.get_tensor_details()} <= {np.int8, np.int32}
    assert "QUANTIZE" not in {operator["op_name"] for operator in interpreter._get_ops_details()}


@pytest.mark.parametrize("recipe", [recipe for recipe in line.RECIPES if "int8" in recipe])
def test_an_int8_file_mostly_agrees_with_the_float_file(recipe: str, tiny_line: Path) -> None:
    guesses = [
        np.load(tiny_line / f"reports/evaluate/{name}/predictions.npz")["outputs"].argmax(axis=1)
        for name in ("float32", recipe)
    ]
    assert (guesses[0] == guesses[1]).mean() > 0.85


def test_an_int8_file_is_much_smaller_than_the_float_file(tiny_line: Path) -> None:
    size = {recipe: (tiny_line / f"models/tflite/{recipe}.tflite").stat().st_size for recipe in line.RECIPES}
    assert size["int8"] < 0.5 * size["float32"]


def test_what_is_no_tflite_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"not a flatbuffer at all" * 10)
    with pytest.raises(DataError, match="a valid TFLite model"):
        ExportedFile(tmp_path / "a.tflite", threads=1)


def test_images_of_another_shape_are_refused(tiny_line: Path) -> None:
    file = ExportedFile(tiny_line / "models/tflite/int8.tflite", threads=1)
    with pytest.raises(DataError, match=r"image of \(8, 8, 1\)"):
        file.probabilities(np.zeros((2, 8, 8, 1), np.uint8))
