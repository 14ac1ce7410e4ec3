"""Latency, memory and operators of an exported file."""

import math
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tasks.core.files import read_json
from tasks.tflite.measure import in_turn, latency_summary, operators
from tasks.tflite.runtime import ExportedFile
from tests.tasks import line

CONVOLUTIONS, HEAD = {"CONV_2D": 2}, {"FULLY_CONNECTED": 1, "SOFTMAX": 1}


@pytest.mark.parametrize("recipe", line.RECIPES)
def test_every_field_is_measured(recipe: str, tiny_line: Path) -> None:
    report = read_json(tiny_line / f"reports/profile/{recipe}.json")
    for key in ("latency_us", "float32_latency_us"):
        assert 0 < report[key]["median"] <= report[key]["p95"] and report[key]["mad"] >= 0
    assert report["times_float32"] == pytest.approx(
        report["latency_us"]["median"] / report["float32_latency_us"]["median"]
    )
    assert report["runs"] == 50
    assert report["memory"]["tensor_bytes"] > 0 and report["memory"]["resident_bytes"] >= 0


def test_the_tensors_of_the_int8_file_take_less_memory(tiny_line: Path) -> None:
    taken = {name: read_json(tiny_line / f"reports/profile/{name}.json")["memory"]["tensor_bytes"]
             for name in ("float32", "int8")}  # fmt: skip
    assert taken["int8"] < 0.5 * taken["float32"]


@pytest.mark.parametrize("recipe", line.RECIPES)
def test_the_operators_are_those_of_the_network_and_the_delegate_takes_what_it_can(
    recipe: str, tiny_line: Path
) -> None:
    found = read_json(tiny_line / f"reports/profile/{recipe}.json")["operators"]
    assert found["not_delegated"] == ({} if recipe == "float32" else {"SOFTMAX": 1})  # XNNPACK has none for int8
    assert found["all"].items() >= (CONVOLUTIONS | HEAD).items()
    assert set(found["all"]) - set(CONVOLUTIONS | HEAD) <= {"MUL", "ADD", "SUB", "RESHAPE"}
    assert ("MUL" in found["all"]) == (recipe == "float32")  # the normalisation costs an int8 file no operator


def test_without_a_delegate_every_operator_is_named_as_not_delegated(tiny_line: Path) -> None:
    interpreter = Interpreter(
        model_path=str(tiny_line / "models/tflite/int8.tflite"),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    found = operators(interpreter)
    assert found["not_delegated"] == found["all"] and found["all"].items() >= (CONVOLUTIONS | HEAD).items()


def test_the_summary_is_median_p95_and_mad_in_microseconds() -> None:
    nanoseconds = np.array([1000] * 90 + [3000] * 9 + [1_000_000])
    assert latency_summary(nanoseconds) == {"median": 1.0, "p95": 3.0, "mad": 0.0}
    assert latency_summary(np.array([1000, 2000, 4000]))["mad"] == 1.0


def test_files_are_timed_in_turn_as_often_as_asked_for(tiny_line: Path) -> None:
    files = [ExportedFile(tiny_line / f"models/tflite/{name}.tflite", 1) for name in ("int8", "float32")]
    image = {"image": np.zeros((1, 16, 16, 1), np.uint8)}
    taken = in_turn([file.once(image) for file in files], warm_up_runs=3, runs=7)
    assert [len(times) for times in taken] == [7, 7] and all((times > 0).all() for times in taken)
    assert all(math.isfinite(value) for value in latency_summary(taken[0]).values())
