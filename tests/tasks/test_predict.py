"""A released bundle is enough to classify an image, anywhere."""

import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.commands.predict import Bundle
from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import classes, columns
from tests.graph_rules import ROOT
from tests.tasks import line
from tests.tasks.test_picture_files import DIGITS, EXACT, MODES_OF_DIGITS, ORIENTED, needs_digits


def predict(bundle: Path, image: Path) -> list[tuple[str, float]]:
    """The classes with their probabilities, the likeliest first."""
    answer = Bundle(bundle).answer([str(image)])
    return sorted(zip(classes.read(bundle / "assets"), map(float, answer), strict=True), key=lambda pair: -pair[1])


@pytest.fixture
def bundle(tiny_line: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_line / "release", tmp_path / "elsewhere/bundle"))


def test_test_images_get_the_probabilities_that_evaluate_gave_them(tiny_line: Path, bundle: Path) -> None:
    images = columns.load(tiny_line / "data/ready/target").column("test", "image").all()
    manifest_recipe = min(line.RECIPES, key=lambda recipe: (tiny_line / f"models/tflite/{recipe}.tflite").read_bytes()
                          != (bundle / "model.tflite").read_bytes())  # fmt: skip
    expected = np.load(tiny_line / f"reports/evaluate/{manifest_recipe}/predictions.npz")["outputs"]
    for row in (0, 17, 60):
        Image.fromarray(images[row, ..., 0]).save(bundle.parent / "image.png")
        got = dict(predict(bundle, bundle.parent / "image.png"))
        assert [got[str(digit)] for digit in range(10)] == expected[row].tolist()


def test_the_command_needs_nothing_but_the_bundle_and_the_code(tiny_line: Path, bundle: Path) -> None:
    data = columns.load(tiny_line / "data/ready/target")
    for row in (0, 1):
        Image.fromarray(data.column("test", "image").all()[row, ..., 0]).save(bundle.parent / f"{row}.png")
    done = line.run(bundle.parent, "tasks.commands.predict bundle 0.png 1.png", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stdout
    said = [text for text in done.stdout.splitlines() if ".png: " in text]
    for row, text in enumerate(said):
        (label, probability), *_ = predict(bundle, bundle.parent / f"{row}.png")
        assert text.startswith(f"{row}.png: {label} {probability:.1%}, ") and text.count("%") == 3
    assert len(said) == 2
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["0.png", "1.png", "bundle"]


def test_an_image_of_another_size_and_mode_is_read_as_the_training_images_were(tiny_line: Path, bundle: Path) -> None:
    row = line.digits(300, 301)[0]
    raw = np.rint(line.pixels([row])[0, ..., 0] * (255 / 16)).astype(np.uint8)
    data = columns.load(tiny_line / "data/ready/target")
    assert any(0 in data.column(split, "row").all() for split in ("train", "validation", "test"))
    for mode in ("L", "RGB", "RGBA", "P"):
        Image.fromarray(raw).convert(mode).save(bundle.parent / f"{mode}.png")
    probabilities = {mode: predict(bundle, bundle.parent / f"{mode}.png") for mode in ("L", "RGB", "RGBA", "P")}
    assert all(got == probabilities["L"] for got in probabilities.values())
    assert probabilities["L"][0][0] == row.rpartition(",")[2]
    assert sum(probability for _, probability in probabilities["L"]) == pytest.approx(1, abs=0.02)


@needs_digits
def test_a_digit_gets_one_answer_in_every_encoding_or_its_mode_is_named(bundle: Path) -> None:
    (expected, _), *_ = predict(bundle, DIGITS / "2_a_8bit.png")
    for path in sorted(DIGITS.glob("*")):
        done = line.run(bundle.parent, f"tasks.commands.predict bundle {path}", PYTHONPATH=str(ROOT))
        if mode := MODES_OF_DIGITS.get(path.name):
            assert done.returncode == 65 and f"{path.name}: {mode}" in done.stdout
        else:
            assert done.returncode == 0 and f"{path.name}: {expected} " in done.stdout, done.stdout
    exact = [predict(bundle, DIGITS / name) for name in sorted(EXACT)]
    assert all(answer == exact[0] for answer in exact)


@needs_digits
def test_the_remedy_for_a_mode_without_a_meaning_gives_the_answer(bundle: Path) -> None:
    expected = predict(bundle, DIGITS / "2_a_8bit.png")
    for name, white in (("2_c_16bit_of_12.png", 4080), ("2_e_float01.tiff", 1), ("2_f_float255.tiff", 255)):
        with pytest.raises(DataError) as caught:
            predict(bundle, DIGITS / name)
        assert "save it with 8 bits a channel" in caught.value.do
        pixels = np.asarray(Image.open(DIGITS / name)) * (255 / white)
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(bundle.parent / "mended.png")
        assert predict(bundle, bundle.parent / "mended.png")[0] == expected[0]


def test_a_jpeg_gets_one_answer_whichever_way_its_exif_says_it_was_held(bundle: Path) -> None:
    (row,) = line.digits(310, 311)
    upright = np.kron(line.pixels([row])[0, ..., 0] * (255 / 16), np.ones((8, 8))).astype(np.uint8)
    answers = []
    for orientation, stored_as in ORIENTED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = np.ascontiguousarray(stored_as(upright[..., np.newaxis])[..., 0])
        Image.fromarray(image).save(bundle.parent / "held.jpg", quality=95, exif=exif)
        answers.append(predict(bundle, bundle.parent / "held.jpg")[0])
    assert {label for label, _ in answers} == {answers[0][0]}
    assert max(probability for _, probability in answers) - min(probability for _, probability in answers) < 0.05


@pytest.mark.parametrize("name", ["model.tflite", "assets/labels.txt"])
def test_a_bundle_with_a_changed_or_missing_file_is_refused(name: str, bundle: Path) -> None:
    Image.fromarray(np.eye(16, dtype=np.uint8)).save(bundle.parent / "image.png")
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    done = line.run(bundle.parent, "tasks.commands.predict bundle image.png", PYTHONPATH=str(ROOT))
    assert done.returncode == 65 and f"bundle/{name}: " in done.stdout and "SHA-256" in done.stdout
    (bundle / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no file"):
        predict(bundle, bundle.parent / "image.png")


def as_of_version_0_1(bundle: Path) -> None:
    """Make the bundle one of the version before: digests of the sources, none of the pages."""
    manifest = read_json(bundle / "manifest.json")
    del manifest["plan"]
    pages = {"report.html", "model_card.md", "model.cdx.json"}
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if name not in pages}
    manifest["sources"] = {"tasks/release.py": "0" * 64}
    manifest["inputs"]["requirements.lock"] = "0" * 64
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "report.html").unlink()


def test_a_bundle_of_the_version_before_answers_alike(tiny_line: Path, bundle: Path) -> None:
    image = columns.load(tiny_line / "data/ready/target").column("test", "image").all()[0, ..., 0]
    Image.fromarray(image).save(bundle.parent / "image.png")
    expected = predict(bundle, bundle.parent / "image.png")
    as_of_version_0_1(bundle)
    assert predict(bundle, bundle.parent / "image.png") == expected


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no .*manifest\.json"):
        predict(tmp_path, tmp_path / "image.png")


def huge_png() -> bytes:
    """A picture of 60,000 x 60,000 pixels, of which hardly more than the header is there."""
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(bytes(100))}
    parts = [
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    "content",
    [
        None, b"", b"not an image",
        huge_png(),
    ],
    ids=["missing", "empty", "text", "huge"],
)  # fmt: skip
def test_what_is_no_image_is_refused_with_65(content: bytes | None, bundle: Path) -> None:
    if content is not None:
        (bundle.parent / "image.png").write_bytes(content)
    done = line.run(bundle.parent, "tasks.commands.predict bundle image.png", PYTHONPATH=str(ROOT))
    assert done.returncode == 65 and "image.png: " in done.stdout and "an image file" in done.stdout
