"""Running a file of the user's own: one input of any shape and one output, both as real values."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError
from tasks.data.records import Array
from tasks.device.running import ExportedFile

INTEGERS = (np.int8, np.uint8)


class OwnFile(ExportedFile):
    """A loaded `.tflite` file with one input and one output, of float32 or of quantized 8-bit integers.

    Raises:
        DataError: LiteRT cannot run the file, or it has other inputs or outputs.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise DataError(got=f"no file {path}", expected="a .tflite file", do="correct the path")
        super().__init__(path, threads)
        inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise self._refused(f"{len(inputs)} inputs and {len(outputs)} outputs", "one input and one output")
        for told, details in (("input", self.input), ("output", self.output)):
            dtype, signature = details["dtype"], details["shape_signature"]
            if dtype != np.float32 and not (dtype in INTEGERS and details["quantization"][0]):
                raise self._refused(f"an {told} of {np.dtype(dtype).name}", "float32, or int8 or uint8 with a scale")
            if len(signature) < 2 or details["shape"][0] != 1 or (signature[1:] < 0).any():
                raise self._refused(
                    f"an {told} of shape {signature.tolist()}", "(1, ...) of fixed sizes: rows of one shape"
                )
        self._path = path

    def _refused(self, got: str, expected: str) -> DataError:
        return DataError(got=f"the model has {got}", expected=expected, do="give a model with such inputs and outputs")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row that the file takes."""
        return tuple(map(int, self.input["shape"][1:]))

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the file gives for one row."""
        return tuple(map(int, self.output["shape"][1:]))

    def real(self, x: Array) -> Array:
        """Return rows as real values, float32: integers of the file's own type are taken through its input's scale.

        Raises:
            DataError: integers for a file that takes another type of integer.
        """
        dtype, (scale, zero_point) = self.input["dtype"], self.input["quantization"]
        if np.float32 in (dtype, x.dtype):
            return x.astype(np.float32)
        if x.dtype != dtype:
            raise DataError(
                got=f"samples of {x.dtype.name}", expected=f"{np.dtype(dtype).name} as the file is fed, or float32",
                do="save x as the file is fed, or as real values in float32",
            )  # fmt: skip
        return np.asarray((x.astype(np.float32) - zero_point) * np.float32(scale), np.float32)

    def feed(self, values: Array, details: dict[str, Any] | None = None) -> Array:
        """Return rows of real values as the file takes them."""
        dtype, (scale, zero_point) = self.input["dtype"], self.input["quantization"]
        if dtype == np.float32:
            return values.astype(np.float32)
        limits = np.iinfo(dtype)
        return np.asarray(np.clip(np.round(values / np.float32(scale)) + zero_point, limits.min, limits.max), dtype)

    def answers(self, x: Array) -> Array:
        """Return the outputs for rows of real values, (rows, ...) of float32.

        Raises:
            DataError: an output is NaN or infinite.
        """
        got = np.empty((len(x), *self.output_shape), np.float32)
        scale, zero_point = self.output["quantization"]
        for index, fed in enumerate(self.feed(x)):
            self.interpreter.set_tensor(self.input["index"], fed[np.newaxis])
            self.interpreter.invoke()
            row = self.interpreter.get_tensor(self.output["index"])[0]
            got[index] = row if self.output["dtype"] == np.float32 else (row.astype(np.float32) - zero_point) * scale
        if not np.isfinite(got).all():
            raise self._refused("NaN or infinite outputs for the samples", "finite numbers")
        return got
