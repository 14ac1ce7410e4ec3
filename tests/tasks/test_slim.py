"""Slimming takes bytes and no output bit: on XNNPACK and on reference kernels, for every precision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tasks.core.errors import DataError, StageError
from tasks.tflite.file import File
from tasks.tflite.measure import operators
from tasks.tflite.runtime import ExportedFile
from tasks.tflite.slim import deflated_bytes, first_difference, require_equal_outputs, slim
from tests.tasks import line, tiny_files

NAMES = ["float32", "float16", "dynamic", "int8", "int16x8"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return tiny_files.all_precisions()


@pytest.mark.parametrize("name", NAMES)
def test_no_output_bit_changes_and_the_zip_shrinks(name: str, files: dict[str, bytes]) -> None:
    content = files[name]
    slimmed = slim(content)
    assert first_difference(content, slimmed, rows=1000, seed=0) is None
    assert deflated_bytes(slimmed) < 0.96 * deflated_bytes(content)
    assert len(slimmed) < len(content)


@pytest.mark.parametrize("name", NAMES)
def test_slimming_twice_is_slimming_once_to_the_byte(name: str, files: dict[str, bytes]) -> None:
    slimmed = slim(files[name])
    assert slim(files[name]) == slimmed == slim(slimmed)


@pytest.mark.parametrize("name", NAMES)
def test_the_delegate_takes_what_it_took_before(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "before.tflite").write_bytes(files[name])
    (tmp_path / "after.tflite").write_bytes(slim(files[name]))
    before, after = (
        operators(ExportedFile(tmp_path / f"{when}.tflite", 1).interpreter) for when in ("before", "after")
    )
    assert before == after and before["all"]


def test_a_slim_file_classifies_digits_as_its_source_does(files: dict[str, bytes], tmp_path: Path) -> None:
    images = line.pixels(line.digits(0, 50)).astype(np.uint8)
    got = []
    for content in (files["int8"], slim(files["int8"])):
        (tmp_path / "a.tflite").write_bytes(content)
        got.append(ExportedFile(tmp_path / "a.tflite", 1).probabilities(images))
    assert (got[0] == got[1]).all() and np.ptp(got[0]) > 0.5


def test_weights_scales_and_zero_points_are_those_of_the_source(files: dict[str, bytes]) -> None:
    for name in NAMES:
        before, after = File(files[name]), File(slim(files[name]))
        for one, other in zip(before.weighted(), after.weighted(), strict=True):
            for part in ("inputs", "kernel", "output"):
                first, second = getattr(one, part), getattr(other, part)
                assert _quantization(before.tensors[first]) == _quantization(after.tensors[second])
                if before.is_constant(first):
                    assert (before.values(first) == after.values(second)).all()


def test_data_of_buffers_stay_aligned_for_the_runtime(files: dict[str, bytes]) -> None:
    slimmed = slim(files["int8"])
    for buffer in File(slimmed).model.buffers:
        if buffer.data is not None:
            assert slimmed.index(buffer.data.tobytes()) % 16 == 0


def test_another_batch_can_still_be_asked_for(files: dict[str, bytes]) -> None:
    got = []
    for content in (files["int8"], slim(files["int8"])):
        interpreter = Interpreter(model_content=content)
        given = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(given["index"], [3, *given["shape"][1:]], strict=True)
        interpreter.allocate_tensors()
        values = np.random.default_rng(0).integers(-128, 128, [3, *given["shape"][1:]]).astype(np.int8)
        interpreter.set_tensor(given["index"], values)
        interpreter.invoke()
        got.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert got[0].shape[0] == 3 and (got[0] == got[1]).all()


def test_two_inputs_keep_the_names_that_tell_them_apart() -> None:
    content = tiny_files.two_inputs()
    slimmed = slim(content)
    assert Interpreter(model_content=slimmed).get_signature_list() == {
        "serving_default": {"inputs": ["left", "right"], "outputs": ["difference"]}
    }
    left, right = np.full((1, 4), 5, np.float32), np.full((1, 4), 2, np.float32)
    runner = Interpreter(model_content=slimmed).get_signature_runner()
    assert (runner(left=left, right=right)["difference"] == 3).all()
    assert first_difference(content, slimmed, rows=20, seed=0) is None
    assert len(slimmed) < len(content)


def test_several_graphs_give_the_same_outputs() -> None:
    content = tiny_files.with_a_loop()
    slimmed = slim(content)
    assert len(File(slimmed).model.subgraphs) == 3
    assert first_difference(content, slimmed, rows=20, seed=0) is None
    assert len(slimmed) < len(content) and slim(slimmed) == slimmed


def test_a_file_with_a_zip_of_labels_behind_it_stays_as_it_is(files: dict[str, bytes]) -> None:
    content = tiny_files.with_labels(files["int8"])
    assert slim(content) == content


@pytest.mark.parametrize("content", [b"", b"no flatbuffer", b"\0\0\0\0TFL3", b"\x1c\0\0\0TFL3" + b"\xff" * 500])
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="TFLite model"):
        slim(content)


def test_a_file_cut_off_anywhere_is_refused(files: dict[str, bytes]) -> None:
    content = files["int8"]
    for length in [*range(0, len(content), 499), len(content) - 64]:
        with pytest.raises(DataError, match="TFLite model"):
            slim(content[:length])


def test_one_changed_weight_is_a_difference(files: dict[str, bytes]) -> None:
    file = File(files["int8"])
    kernel = file.weighted()[-1].kernel
    values = file.values(kernel)
    values[0] = -values[0]
    file.set_values(kernel, values)
    difference = first_difference(files["int8"], file.content(), rows=100, seed=0)
    assert difference is not None and "XNNPACK" in difference
    with pytest.raises(StageError, match="the same outputs"):
        require_equal_outputs(files["int8"], file.content(), rows=100, seed=0)


def _quantization(tensor: Any) -> Any:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return None
    return quantization.scale.tolist(), quantization.zeroPoint.tolist(), quantization.quantizedDimension
