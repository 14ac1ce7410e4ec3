"""What compression does to a model, measured on the saved model and on the exported file."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import columns
from tests.tasks import line


@pytest.fixture(scope="module")
def tuned(tiny_line: Path) -> Iterator[tuple[Path, Any, Any, columns.Dataset]]:
    """In this process: the line's folder, which is also the working folder, its tuned model, metadata and target."""
    from tasks.models import saving, training_loop

    before = Path.cwd()
    os.chdir(tiny_line)
    training_loop.seed(0)
    yield (tiny_line, *saving.load(tiny_line / "models/tuned"), columns.load(tiny_line / "data/ready/target"))
    os.chdir(before)


def weights_of(path: Path) -> list[Any]:
    """The constant kernels of an exported file, as the operators of the file read them, with their zero points."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    named = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    kernels = [
        int(operator["inputs"][1])
        for operator in interpreter._get_ops_details()
        if operator["op_name"] in {"CONV_2D", "FULLY_CONNECTED"}
    ]
    assert len(kernels) == 3  # two convolutions and the head
    return [
        (interpreter.get_tensor(index), named[index]["quantization_parameters"]["zero_points"]) for index in kernels
    ]


def zero_fraction(path: Path) -> float:
    kernels = [kernel for kernel, _ in weights_of(path)]
    return float(sum((kernel == 0).sum() for kernel in kernels) / sum(kernel.size for kernel in kernels))


def test_the_zeros_of_pruning_are_in_the_int8_file(tiny_line: Path) -> None:
    files = tiny_line / "models/tflite"
    assert all((zero_points == 0).all() for _, zero_points in weights_of(files / "pruned_qat_int8.tflite"))
    assert line.SPARSITY - 0.01 <= zero_fraction(files / "pruned_qat_int8.tflite") <= line.SPARSITY + 0.1
    assert zero_fraction(files / "int8.tflite") < 0.1  # zero by chance


def test_the_sparsity_that_was_reached_travels_with_the_model(tiny_line: Path) -> None:
    metadata = read_json(tiny_line / "models/compressed/pruned_qat_int8/model.json")
    assert metadata["steps"] == ["prune", "quantize_aware"]
    assert metadata["sparsity"] == pytest.approx(
        zero_fraction(tiny_line / "models/tflite/pruned_qat_int8.tflite"), abs=0.1
    )
    assert line.SPARSITY - 0.01 <= metadata["sparsity"] <= line.SPARSITY + 0.05


def test_a_recipe_without_steps_is_the_tuned_model(tiny_line: Path) -> None:
    compressed = line.tree(tiny_line / "models/compressed/int8")
    assert compressed.pop("history.csv").count(b"\n") == 1
    assert compressed == line.tree(tiny_line / "models/tuned")


def test_the_float_file_computes_what_keras_computes_with_normalisation_and_softmax(
    tuned: tuple[Path, Any, Any, columns.Dataset],
) -> None:
    import tensorflow as tf

    folder, network, metadata, data = tuned
    images = data.column("test", "image").all()
    logits = network((images.astype(np.float32) - metadata.mean) / metadata.std, training=False)
    got = np.load(folder / "reports/evaluate/float32/predictions.npz")["outputs"]
    assert np.abs(got - tf.nn.softmax(logits).numpy()).max() < 1e-5


def test_exporting_again_gives_equal_bytes(tiny_line: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_line, tmp_path / "another place"))
    shutil.rmtree(folder / "models/tflite")
    line.run_all(folder, ["export@pruned_qat_int8"])
    (name,) = line.tree(folder / "models/tflite")
    assert (folder / "models/tflite" / name).read_bytes() == (tiny_line / "models/tflite" / name).read_bytes()


def test_a_damaged_model_is_refused(tuned: tuple[Path, Any, Any, columns.Dataset], tmp_path: Path) -> None:
    from tasks.models import saving

    shutil.copytree(tuned[0] / "models/tuned", tmp_path / "model")
    content = bytearray((tmp_path / "model/model.h5").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model/model.h5").write_bytes(content)
    with pytest.raises(DataError, match="the file was damaged after it was written"):
        saving.load(tmp_path / "model")
