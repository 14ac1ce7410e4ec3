"""Running the exported file as a device does: raw pixels in, one row at a time, on LiteRT."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tasks.contracts.errors import DataError
from tasks.data.records import Array

INT8_OFFSET = 128


class ExportedFile:
    """A loaded `.tflite` file with one input of images and one output of probabilities.

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
                expected="a TFLite model",
                do="delete the file and run `dvc repro` again",
            ) from None
        self.input: dict[str, Any] = self.interpreter.get_input_details()[0]
        self.output: dict[str, Any] = self.interpreter.get_output_details()[0]

    def feed(self, images: Array) -> Array:
        """Return raw uint8 images as the file takes them: as float32, or as int8 of raw - 128."""
        if self.input["dtype"] == np.int8:
            return (images.astype(np.int16) - INT8_OFFSET).astype(np.int8)
        return images.astype(np.float32)

    def probabilities(self, images: Array) -> Array:
        """Return the outputs, (rows, classes) of float32, for raw images (rows, height, width, channels) of uint8.

        Raises:
            DataError: the images are not of the file's shape.
        """
        if list(images.shape[1:]) != list(self.input["shape"][1:]):
            raise DataError(
                got=f"images of {images.shape[1:]}", expected=f"{tuple(self.input['shape'][1:])}", do="resize them"
            )
        outputs = np.empty((len(images), self.output["shape"][1]), np.float32)
        scale, zero_point = self.output["quantization"]
        for index, fed in enumerate(self.feed(images)):
            self.interpreter.set_tensor(self.input["index"], fed[np.newaxis])
            self.interpreter.invoke()
            row = self.interpreter.get_tensor(self.output["index"])[0]
            outputs[index] = (row.astype(np.float32) - zero_point) * scale if scale else row
        return outputs
