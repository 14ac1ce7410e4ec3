"""Classifies an image with a released bundle alone: `python -m tasks.predict release/ image.png`."""

import argparse
import sys
from pathlib import Path

from tasks.contracts.errors import DataError
from tasks.contracts.progress import say
from tasks.contracts.stage import guarded
from tasks.data.formats.image_folder import UNREADABLE, decode
from tasks.device.bundle import MODEL, labels, opened
from tasks.device.running import ExportedFile
from tasks.kinds.image_classification.rows import model_input

SHOWN = 3


def predict(bundle: Path, image: Path) -> list[tuple[str, float]]:
    """Return the classes with their probabilities, the likeliest first.

    Raises:
        DataError: the bundle lacks a file or holds a changed one, or the image cannot be read.
    """
    manifest = opened(bundle)
    shape = tuple(manifest["input"]["shape"])
    try:
        pixels = decode(image, channels=shape[2])
    except UNREADABLE as error:
        raise DataError(got=f"{image}: {error}", expected="an image file", do="correct the path") from None
    raw = model_input(pixels[None], shape, value_max=255)
    probabilities = ExportedFile(bundle / MODEL, threads=1).probabilities(raw)[0]
    return sorted(zip(labels(bundle), map(float, probabilities), strict=True), key=lambda pair: -pair[1])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tasks.predict", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("image", type=Path, nargs="+")
    options = parser.parse_args()

    def predict_all() -> None:
        for image in options.image:
            shown = predict(options.bundle, image)[:SHOWN]
            say(f"{image}: " + ", ".join(f"{label} {probability:.1%}" for label, probability in shown))

    sys.exit(guarded(predict_all, "predict"))


if __name__ == "__main__":
    main()
