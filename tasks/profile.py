"""Latency, memory and operators of the exported file: `dvc repro profile@int8`. Its bytes differ between equal runs."""

import platform
from pathlib import Path

import numpy as np

from tasks.core.files import replacing, write_json
from tasks.core.params.sections import Profile
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import evaluation_of
from tasks.tflite.file import parts
from tasks.tflite.measure import in_turn, latency_summary, operators, resident_bytes, tensor_bytes, written_types
from tasks.tflite.runtime import ExportedFile


def profile(params: Profile, kind: str, *, tflite: Path, float32: Path, data: Path, report: Path) -> None:
    """Time the file and the float32 file in turn, on one pinned thread; it should run alone on its machine.

    Raises:
        DataError: the file is no TFLite model.
    """
    target = columns.load(data)
    inputs = {name: target.column("test", name).take(np.array([0])) for name in target.inputs}
    evaluation = evaluation_of(kind)
    before = resident_bytes()
    call = evaluation.timed_call(tflite, inputs)
    call()
    resident = resident_bytes() - before
    own, reference = in_turn([call, evaluation.timed_call(float32, inputs)], params.warm_up_runs, params.runs)
    interpreters = [ExportedFile(part, threads=1).interpreter for part in parts(tflite.read_bytes())]
    measured = {
        "latency_us": latency_summary(own),
        "float32_latency_us": latency_summary(reference),
        "times_float32": float(np.median(own) / np.median(reference)),
        "runs": params.runs,
        "memory": {"resident_bytes": resident, "tensor_bytes": tensor_bytes(*interpreters)},
        "operators": operators(*interpreters),
        "written_types": written_types(*interpreters),
        "machine": platform.machine(),
    }
    with replacing(report) as partial:
        write_json(partial, measured)
    say(f"[100%] profile: {tflite.stem} {measured['latency_us']['median']:.1f} us")  # type: ignore[index]
