"""A file of each precision takes raw pixels and classifies digits as the float file does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ParamsError, StageError
from tasks.core.params.sections import Export
from tasks.data import columns
from tasks.tflite.file import File
from tasks.tflite.runtime import ExportedFile
from tests.tasks import line, tiny_files

NAMES = ["float16", "dynamic", "int8", "int16x8"]


def probabilities(content: bytes, folder: Path) -> Any:
    (folder / "a.tflite").write_bytes(content)
    images = line.pixels(line.digits(600, 900)).astype(np.uint8)
    return ExportedFile(folder / "a.tflite", 1).probabilities(images)


@pytest.mark.parametrize("name", NAMES)
def test_every_precision_agrees_with_float32(name: str, tmp_path: Path) -> None:
    files = tiny_files.all_precisions()
    got, expected = probabilities(files[name], tmp_path), probabilities(files["float32"], tmp_path)
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95
    assert np.abs(got.sum(axis=1) - 1).max() < 0.02


@pytest.mark.parametrize(
    ("name", "inputs", "kernel"),
    [
        ("float32", np.float32, np.float32),
        ("float16", np.float32, np.float16),
        ("dynamic", np.float32, np.int8),
        ("int8", np.int8, np.int8),
        ("int16x8", np.float32, np.int8),
    ],
)
def test_inputs_and_kernels_have_the_types_of_the_precision(name: str, inputs: Any, kernel: Any) -> None:
    file = File(tiny_files.all_precisions()[name])
    graph = file.model.subgraphs[0]
    assert {file.dtype(index) for index in [*graph.inputs, *graph.outputs]} == {np.dtype(inputs)}
    largest = max((i for i in range(len(file.tensors)) if file.is_constant(i)), key=lambda i: file.values(i).size)
    assert file.dtype(largest) == kernel
    assert any(file.dtype(index) == np.int16 for index in range(len(file.tensors))) == (name == "int16x8")


@pytest.mark.parametrize("name", ["conv", "depthwise", "logits"])
def test_a_float_layer_keeps_a_float_kernel_between_int8_ends(name: str, tmp_path: Path) -> None:
    content = tiny_files.convert("int8", [name])
    file = File(content)
    graph = file.model.subgraphs[0]
    kernels = dict(zip(["conv", "depthwise", "logits"], (each.kernel for each in file.weighted()), strict=True))
    assert {each: file.dtype(kernel) == np.float32 for each, kernel in kernels.items()} == {
        each: each == name for each in kernels
    }
    assert {file.dtype(index) for index in [*graph.inputs, *graph.outputs]} == {np.dtype(np.int8)}
    expected = probabilities(tiny_files.all_precisions()["float32"], tmp_path).argmax(axis=1)
    assert (probabilities(content, tmp_path).argmax(axis=1) == expected).mean() > 0.95


def test_an_unknown_float_layer_is_refused_with_those_there_are() -> None:
    with pytest.raises(ParamsError, match=r"float_layers: dense_7(.|\n)*conv, .*depthwise, .*logits"):
        tiny_files.convert("int8", ["logits", "dense_7"])


def test_a_mean_between_two_raw_values_gets_the_nearest_zero_point() -> None:
    from tasks.models import conversion

    metadata = tiny_files.metadata().normalised_by(127.5, 127.5)
    rows = tiny_files.calibration()
    rows[0, 0, 0], rows[0, -1, -1] = -1, 1
    file = File(conversion.int8(tiny_files.network(), metadata, np.clip(rows, -1, 1), []))
    scale, zero_point = file.scales(file.model.subgraphs[0].inputs[0])
    assert scale[0] == pytest.approx(1 / 127.5, rel=1e-5) and zero_point[0] in {-1, 0}


def test_rows_of_another_range_are_refused() -> None:
    from tasks.models import conversion

    with pytest.raises(StageError, match="raw - 128"):
        conversion.int8(tiny_files.network(), tiny_files.metadata(), tiny_files.calibration() / 2, [])


def test_calibration_rows_are_normalised_training_rows_with_the_whole_range(tmp_path: Path) -> None:
    from tasks.models import conversion
    from tasks.models.saving import metadata_of

    data = columns.load(line.prepared(tmp_path, line.csv_of(tmp_path / "csv", line.digits(0, 100)), line.section()))
    metadata = metadata_of(data)
    rows = conversion.calibration(data, metadata, Export(calibration_rows=20, seed=0))
    assert rows.shape == (20, 16, 16, 1) and rows.dtype == np.float32
    assert rows.min() == np.float32(-metadata.mean) / np.float32(metadata.std)
    assert rows.max() == np.float32(255 - metadata.mean) / np.float32(metadata.std)
    training = (data.column("train", "image").all().astype(np.float32) - metadata.mean) / np.float32(metadata.std)
    assert all((row == training).all(axis=(1, 2, 3)).any() for row in rows[1:])
    assert (conversion.calibration(data, metadata, Export(calibration_rows=20, seed=0)) == rows).all()


def test_the_same_model_gives_the_same_bytes_however_many_were_converted_before() -> None:
    assert tiny_files.convert("int8") == tiny_files.convert("int8") == tiny_files.all_precisions()["int8"]
