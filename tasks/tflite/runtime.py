"""Running a `.tflite` file on LiteRT, as a device does: an exported one, or a user's own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tasks.core.errors import DataError
from tasks.data.records import Array, Columns

INT8_OFFSET = 128


def infer(source: Path | bytes, inputs: Columns, threads: int) -> Array:
    """Return what a file with one output gives for rows of inputs by name, (rows, n) of float32."""
    return ExportedFile(source, threads).outputs(inputs)


def once(source: Path, inputs: Columns) -> Callable[[], None]:
    """Return what answers the first row, ready to be timed."""
    return ExportedFile(source, threads=1).once(inputs)


class ExportedFile:
    """A loaded `.tflite` file with one output, (batch, n).

    Raises:
        DataError: the file is no TFLite model, or LiteRT cannot run it.
    """

    def __init__(self, source: Path | bytes, threads: int) -> None:
        where = {"model_content": source} if isinstance(source, bytes) else {"model_path": str(source)}
        try:
            self.interpreter = Interpreter(**where, num_threads=threads)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(
                got=f"{source if isinstance(source, Path) else 'bytes'}: {error}",
                expected="a valid TFLite model",
                do="delete the file and run `dvc repro` again",
            ) from None
        self.input: dict[str, Any] = self.interpreter.get_input_details()[0]
        self.output: dict[str, Any] = self.interpreter.get_output_details()[0]

    def feed(self, values: Array, details: dict[str, Any] | None = None) -> Array:
        """Return raw values as an input takes them: of raw uint8 images as int8 that is raw - 128."""
        details = details or self.input
        if details["dtype"] == np.int8 and values.dtype == np.uint8:
            return (values.astype(np.int16) - INT8_OFFSET).astype(np.int8)
        return values.astype(details["dtype"])

    def inputs(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the details of each input by its name.

        Raises:
            DataError: the file's inputs have other names; a file with one input needs none.
        """
        names, details = list(names), self.interpreter.get_input_details()
        if len(names) == len(details) == 1:
            return {names[0]: details[0]}
        signatures: dict[str, Any] = self.interpreter._get_full_signature_list()
        signature: dict[str, int] = next(iter(signatures.values()), {"inputs": {}})["inputs"]
        if set(signature) != set(names):
            raise DataError(
                got=f"a file with the inputs {', '.join(sorted(signature)) or 'without names'}",
                expected=", ".join(sorted(names)), do="export it again",
            )  # fmt: skip
        by_index = {detail["index"]: detail for detail in details}
        return {name: by_index[index] for name, index in signature.items()}

    def once(self, inputs: Columns) -> Callable[[], None]:
        """Give the file the first row of its inputs, by name; return what runs it, and neither sets nor reads."""
        for name, details in self.inputs(inputs).items():
            self.interpreter.set_tensor(details["index"], self.feed(inputs[name][:1], details))
        run: Callable[[], None] = self.interpreter.invoke
        return run

    def outputs(self, inputs: Columns) -> Array:
        """Return the outputs for rows of inputs by name, one row at a time: (rows, n) of float32.

        Raises:
            DataError: the rows are not of the file's shapes.
        """
        named = self.inputs(inputs)
        for name, details in named.items():
            if list(inputs[name].shape[1:]) != list(details["shape"][1:]):
                raise DataError(
                    got=f"{name} of {inputs[name].shape[1:]}", expected=f"{tuple(details['shape'][1:])}", do="resize it"
                )
        fed = [(details["index"], self.feed(inputs[name], details)) for name, details in named.items()]
        outputs = np.empty((len(fed[0][1]), self.output["shape"][1]), np.float32)
        scale, zero_point = self.output["quantization"]
        for row in range(len(outputs)):
            for index, values in fed:
                self.interpreter.set_tensor(index, values[row : row + 1])
            self.interpreter.invoke()
            answer = self.interpreter.get_tensor(self.output["index"])[0]
            outputs[row] = (answer.astype(np.float32) - zero_point) * scale if scale else answer
        return outputs

    def probabilities(self, images: Array) -> Array:
        """Return the outputs, (rows, classes) of float32, for raw images (rows, height, width, channels) of uint8."""
        return self.outputs({"image": images})


INTEGERS = (np.int8, np.uint8)


class UserFile(ExportedFile):
    """A loaded `.tflite` file with one input and one output, of float32 or of quantized 8-bit integers.

    Raises:
        DataError: LiteRT cannot run the file, or it has other inputs or outputs.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise DataError(got=f"no file {path}", do="correct the path")
        super().__init__(path, threads)
        inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise self._refused(f"{len(inputs)} inputs and {len(outputs)} outputs", "one input and one output")
        for end_name, details in (("input", self.input), ("output", self.output)):
            dtype, signature = details["dtype"], details["shape_signature"]
            if dtype != np.float32 and not (dtype in INTEGERS and details["quantization"][0]):
                raise self._refused(
                    f"an {end_name} of {np.dtype(dtype).name}", "float32, or int8 or uint8 with a scale"
                )
            if len(signature) < 2 or details["shape"][0] != 1 or (signature[1:] < 0).any():
                raise self._refused(
                    f"an {end_name} of shape {signature.tolist()}", "(1, ...) of fixed sizes: rows of one shape"
                )
        self._path = path

    def _refused(self, got: str, expected: str) -> DataError:
        return DataError(got=f"the model has {got}", expected=expected, do="use a model with such inputs and outputs")

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
