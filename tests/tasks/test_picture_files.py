"""One picture gives the same pixels whatever file it is in, or is refused by the name of its mode."""

import io
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from tasks.data.deep_pictures import PictureError
from tasks.data.picture_files import IMAGE_SUFFIXES, Picture, decode
from tasks.data.records import Array
from tasks.kinds.image_classification import Preprocess
from tests.graph_rules import ROOT
from tests.tasks import deep_files

DIGITS = ROOT.parent / "shared/cases/digits"
needs_digits = pytest.mark.skipif(not DIGITS.exists(), reason="needs cases/digits beside the repository")
MODES_OF_DIGITS = {"2_c_16bit_of_12.png": "mode I;16", "2_e_float01.tiff": "mode F", "2_f_float255.tiff": "mode F"}
EXACT = {"2_a_8bit.png", "2_b_16bit.png", "2_d_16bit.tiff"}


def read(path: Path, channels: int = 3, **changes: Any) -> Picture:
    return decode(path, Preprocess.model_validate({"image_shape": [8, 8, channels], **changes}))


def refused(path: Path, channels: int = 3, **changes: Any) -> str:
    with pytest.raises(PictureError) as caught:
        read(path, channels, **changes)
    assert caught.value.do
    return str(caught.value)


def written(folder: Path, name: str, content: bytes | Image.Image, **options: Any) -> Path:
    path = folder / name
    if isinstance(content, Image.Image):
        content.save(path, **options)
    else:
        path.write_bytes(content)
    return path


def colours(height: int = 24, width: int = 40) -> Array:
    """A picture that is different in every direction, and smooth, so that lossy files keep it."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 250 // width, y * 250 // height, 255 - x * y * 255 // (width * height)], -1).astype(np.uint8)


def noise(channels: int, dtype: type = np.uint8, seed: int = 0) -> Array:
    """A random picture of (6, 5, channels)."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (6, 5, channels), dtype=dtype)


def twin(image: Array) -> Array:
    """The same picture in 16 bits."""
    return image.astype(np.uint16) * 257


@needs_digits
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("path", sorted(DIGITS.glob("*")), ids=lambda path: path.name)
def test_a_digit_is_the_same_in_every_encoding_or_its_mode_is_named(path: Path, channels: int) -> None:
    if mode := MODES_OF_DIGITS.get(path.name):
        assert refused(path, channels).startswith(mode)
        return
    expected, got = (read(each, channels).pixels.astype(int) for each in (DIGITS / "2_a_8bit.png", path))
    assert got.shape == expected.shape == (28, 28, channels)
    if path.name in EXACT:
        assert (got == expected).all()
    assert ((got > 127) == (expected > 127)).mean() > 0.97


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_is_read_as_its_twin_of_8(channels: int, tmp_path: Path) -> None:
    image = noise(channels)
    shallow = written(tmp_path, "shallow.png", deep_files.png(image))
    deep = written(tmp_path, "deep.png", deep_files.png(twin(image)))
    for model in (1, 3):
        assert (read(deep, model).pixels == read(shallow, model).pixels).all()
    assert "more than 8 bits a channel" in read(deep).notes and "more than 8 bits a channel" not in read(shallow).notes


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("channels", "changes"), [
    (1, {}), (3, {}), (4, {"extra": 2}), (4, {"extra": 0}), (4, {"photometric": 5}),
])  # fmt: skip
def test_a_tiff_of_16_bits_is_read_as_its_twin_of_8(
    channels: int, changes: dict[str, Any], order: Literal["<", ">"], deflate: bool, tmp_path: Path
) -> None:
    image = noise(channels)
    both = [deep_files.tiff(each, order, deflate=deflate, **changes) for each in (image, twin(image))]
    shallow, deep = (written(tmp_path, f"{number}.tif", content) for number, content in enumerate(both))
    assert (read(deep).pixels == read(shallow).pixels).all()


def test_a_tiff_of_16_bits_in_which_zero_is_white_is_not_inverted(tmp_path: Path) -> None:
    image = noise(1)
    path = written(tmp_path, "white_is_zero.tif", deep_files.tiff(twin(image), photometric=0))
    assert (read(path, 1).pixels == 255 - image).all()


def test_values_between_those_of_8_bits_are_rounded(tmp_path: Path) -> None:
    image = noise(3, np.uint16)
    path = written(tmp_path, "deep.png", deep_files.png(image))
    assert (read(path).pixels == np.rint(image / 257)).all()


@pytest.mark.parametrize("white", [4095, 65535, 255])
def test_a_pgm_says_itself_what_is_white(white: int, tmp_path: Path) -> None:
    image = np.linspace(0, white, 30).astype(">u2" if white > 255 else np.uint8).reshape(6, 5)
    path = written(tmp_path, "grey.pgm", b"P5 5 6 %d\n" % white + image.tobytes())
    assert np.abs(read(path, 1).pixels[..., 0] - image * (255 / white)).max() <= 1


@pytest.mark.parametrize("color", ["clear", "other"])
def test_a_transparent_colour_of_16_bits_is_laid_over_the_ground(color: str, tmp_path: Path) -> None:
    image = noise(3)
    key = [int(value) for value in image[2, 3]] if color == "clear" else [1, 2, 3]
    shallow = written(tmp_path, "shallow.png", deep_files.png(image, tuple(key)))
    deep = written(tmp_path, "deep.png", deep_files.png(twin(image), tuple(257 * value for value in key)))
    got = read(deep, ground=(9, 8, 7))
    assert (got.pixels == read(shallow, ground=(9, 8, 7)).pixels).all()
    assert (got.pixels[2, 3].tolist() == [9, 8, 7]) == (color == "clear")


def twelve_bits(folder: Path, channels: int) -> tuple[Path, Array]:
    """A picture whose 12 bits lie in a file of 16, and the same in 8 bits."""
    image = noise(channels)
    values = np.rint(image * (4095 / 255)).astype(np.uint16)
    return written(folder, "12_in_16.png", deep_files.png(values)), image


@pytest.mark.parametrize("channels", [1, 3])
def test_12_bits_in_16_are_refused_until_it_is_said_what_is_white(channels: int, tmp_path: Path) -> None:
    path, image = twelve_bits(tmp_path, channels)
    said = refused(path, channels)
    assert (
        said.startswith("mode ") and "no value is above 3983" in said and "value_max" in said and "such as 4095" in said
    )
    assert (read(path, channels, value_max=4095).pixels == image).all()  # as the message says
    assert "a value of 3983" in refused(path, channels, value_max=1023)
    assert (read(path, channels, value_max=65535).pixels < 17).all()  # a dark picture, if somebody says so


def test_12_bits_with_an_alpha_channel_are_refused_whatever_is_said(tmp_path: Path) -> None:
    path, _ = twelve_bits(tmp_path, 4)
    assert "does not say how opaque it is" in refused(path, value_max=4095)


def test_a_dark_picture_of_16_bits_that_was_made_of_8_is_dark(tmp_path: Path) -> None:
    image = noise(1) // 16
    path = written(tmp_path, "dark.png", deep_files.png(twin(image)))
    assert (read(path, 1).pixels == image).all()


def modes_without_meaning() -> dict[str, tuple[str, bytes]]:
    """By a name: what the refusal begins with, and a file."""
    real, whole, lab = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(np.linspace(0, 1, 30, dtype=np.float32).reshape(6, 5)).save(real, "TIFF")
    Image.fromarray(np.arange(30, dtype=np.int32).reshape(6, 5)).save(whole, "TIFF")
    Image.frombytes("LAB", (5, 6), noise(3).tobytes()).save(lab, "TIFF")
    return {
        "float": ("mode F: ", real.getvalue()),
        "32 bits": ("mode I", whole.getvalue()),
        "L*a*b*": ("mode LAB: ", lab.getvalue()),
        "signed 8 bits": ("mode L: ", deep_files.tiff(noise(1), signed=True)),
        "signed 16 bits": ("mode I: ", deep_files.tiff(noise(1, np.uint16), signed=True)),
        "multiplied by an alpha of 16 bits": ("mode RGBA, 16 bits: ", deep_files.tiff(noise(4, np.uint16), extra=1)),
        "planes of 16 bits": ("mode RGB, 16 bits: ", deep_files.tiff(noise(3, np.uint16), planes=True)),
        "packed planes": ("mode RGB, 16 bits: ", deep_files.tiff(noise(3, np.uint16), planes=True, deflate=True)),
    }


@pytest.mark.parametrize("name", modes_without_meaning())
def test_a_mode_without_an_agreed_meaning_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    begins, content = modes_without_meaning()[name]
    if name == "signed 8 bits":  # Pillow knows none
        assert refused(written(tmp_path, "some.tif", content)).startswith(("mode L: ", "unreadable: no image"))
        return
    assert refused(written(tmp_path, "some.tif", content)).startswith(begins)


ORIENTED: dict[int, Callable[[Array], Array]] = {  # how a picture is stored, whose viewer does what its EXIF says
    1: lambda image: image, 2: lambda image: image[:, ::-1], 3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1], 5: lambda image: image.transpose(1, 0, 2), 6: np.rot90,
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2), 8: lambda image: np.rot90(image, -1),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "error"), [
    ("png", 0), ("tif", 0), ("webp", 4), ("jpg", 4), ("avif", 4),
])  # fmt: skip
@pytest.mark.parametrize("orientation", ORIENTED)
def test_a_picture_comes_out_upright_whatever_its_exif_says(
    orientation: int, suffix: str, error: float, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(ORIENTED[orientation](colours())))
    got = read(written(tmp_path, f"turned.{suffix}", image, exif=exif, **({"quality": 95} if error else {})))
    assert got.pixels.shape == colours().shape
    assert np.abs(got.pixels.astype(int) - colours()).mean() <= error
    assert ("turned as EXIF says" in got.notes) == (orientation > 1)


def test_a_png_of_16_bits_is_turned_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray(np.ascontiguousarray(np.rot90(twin(colours())[..., 0])))
    assert (read(written(tmp_path, "deep.png", grey, exif=exif), 1).pixels == colours()[..., :1]).all()


def test_exif_that_nobody_can_read_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    path = written(tmp_path, "odd.jpg", Image.fromarray(colours()), exif=b"Exif\0\0II*\0\xff\xff\xff\xffrubbish")
    plain = written(tmp_path, "plain.jpg", Image.fromarray(colours()))
    assert (read(path).pixels == read(plain).pixels).all()


@pytest.mark.parametrize("suffix", ["heic", "HEIF", "avif", "jfif", "jpe", "webp", "bmp", "ppm"])
def test_what_phones_and_the_web_write_is_read(suffix: str, tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    form = {"heic": "HEIF", "HEIF": "HEIF", "jfif": "JPEG", "jpe": "JPEG"}.get(suffix, suffix.upper())
    path = written(tmp_path, f"photo.{suffix}", Image.fromarray(colours()), format=form)
    assert path.suffix.lower() in IMAGE_SUFFIXES
    assert np.abs(read(path).pixels.astype(int) - colours()).mean() < 4


def test_heic_is_read_in_a_process_that_has_not_read_any_yet(tmp_path: Path) -> None:
    import pillow_heif

    path = tmp_path / "photo.jpg"  # as some programs name it
    pillow_heif.from_pillow(Image.fromarray(colours())).save(path, format="HEIF")
    code = (
        "import sys; from pathlib import Path; from tasks.kinds.image_classification import Preprocess\n"
        "from tasks.data.picture_files import decode\n"
        "print(decode(Path(sys.argv[1]), Preprocess()).pixels.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.stdout.strip() == "(24, 40, 3)", done.stderr


def test_what_is_transparent_shows_the_ground(tmp_path: Path) -> None:
    image = np.dstack([colours(), np.zeros((24, 40), np.uint8)])
    image[:, 20:, 3] = 255
    path = written(tmp_path, "half.png", Image.fromarray(image))
    got = read(path)
    assert (got.pixels[:, :20] == 255).all() and (got.pixels[:, 20:] == colours()[:, 20:]).all()
    assert got.notes == ("transparent, laid over the ground",)
    assert (read(path, ground=(0, 10, 20)).pixels[:, :20] == [0, 10, 20]).all()
    grey = np.asarray(Image.new("RGB", (1, 1), (0, 10, 20)).convert("L"))[0, 0]
    assert (read(path, 1, ground=(0, 10, 20)).pixels[:, :20] == grey).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_an_alpha_channel_that_hides_nothing_changes_nothing(mode: str, tmp_path: Path) -> None:
    suffix = "tif" if mode == "PA" else "png"
    path = written(tmp_path, f"opaque.{suffix}", Image.fromarray(colours()).convert("RGBA").convert(mode))
    expected = Image.open(path).convert("RGB")
    assert (read(path).pixels == np.asarray(expected)).all() and read(path).notes == ()


def test_a_transparent_colour_of_a_palette_shows_the_ground(tmp_path: Path) -> None:
    image = Image.fromarray((np.arange(30) % 3).astype(np.uint8).reshape(5, 6)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for suffix in ("png", "gif"):
        got = read(written(tmp_path, f"palette.{suffix}", image, transparency=1)).pixels.reshape(-1, 3)
        assert [each.tolist() for each in got[:3]] == [[10, 20, 30], [255, 255, 255], [70, 80, 90]]


@pytest.mark.parametrize("suffix", ["gif", "tif", "png", "webp"])
def test_of_several_frames_the_first_is_taken_with_a_note(suffix: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((6, 5, 3), value, np.uint8)) for value in (200, 100, 0)]
    options = {"lossless": True} if suffix == "webp" else {}
    path = written(tmp_path, f"frames.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    got = read(path)
    assert (got.pixels == 200).all() and got.notes == ("first of several frames",)


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "unreadable: no image"),
    (b"no picture at all", "unreadable: no image"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unreadable: no image"),
    (deep_files.png(noise(3))[:-30], "unreadable: "),
    (deep_files.tiff(noise(3, np.uint16))[:-60], "unreadable: "),
])  # fmt: skip
def test_what_is_no_picture_or_a_part_of_one_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, "some.jpg", content)).startswith(reason)


def test_a_folder_and_nothing_are_no_pictures(tmp_path: Path) -> None:
    assert "a folder" in refused(tmp_path) and "no such file" in refused(tmp_path / "none.png")


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_refused_or_read_and_nothing_else(seed: int, tmp_path: Path) -> None:
    random, contents = np.random.default_rng(seed), []
    for suffix in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF"):
        buffer = io.BytesIO()
        Image.fromarray(colours(12, 12)).save(buffer, suffix)
        contents.append(buffer.getvalue())
    contents += [deep_files.png(noise(3, np.uint16)), deep_files.tiff(noise(4, np.uint16), extra=2, deflate=True)]
    for content in contents:
        for _ in range(15):
            damaged = bytearray(content)
            for place in random.integers(0, len(content), random.integers(1, 6)):
                damaged[place] = random.integers(0, 256)
            path = written(tmp_path, "damaged", bytes(damaged[: random.integers(1, len(damaged) + 1)]))
            try:
                assert read(path, max_pixels=1_000_000).pixels.shape[2] == 3
            except PictureError as error:
                assert str(error) and error.do


def bombs() -> dict[str, bytes]:
    """Small files of 16,000 x 16,000 pixels."""
    rows = np.zeros((16_000, 1, 1), np.uint8)
    header = deep_files.png(rows)  # of one column; its width is changed
    changed = bytearray(header)
    changed[16:20] = (16_000).to_bytes(4, "big")
    changed[29:33] = zlib.crc32(changed[12:29]).to_bytes(4, "big")
    buffer = io.BytesIO()
    Image.fromarray(colours()).save(buffer, "GIF")
    gif = bytearray(buffer.getvalue())
    gif[6:10] = 2 * (16_000).to_bytes(2, "little")
    return {"png": bytes(changed), "gif": bytes(gif)}


def test_a_picture_of_too_many_pixels_is_refused_before_they_are_decoded(tmp_path: Path) -> None:
    for suffix, content in bombs().items():
        path = written(tmp_path, f"bomb.{suffix}", content)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = refused(path)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert said.startswith("too large: "), said
        assert grown < 30_000, f"{suffix}: {grown} KB"


def test_the_bound_on_pixels_is_exact(tmp_path: Path) -> None:
    path = written(tmp_path, "some.png", Image.fromarray(colours()))
    assert read(path, max_pixels=960).pixels.shape == (24, 40, 3)
    assert refused(path, max_pixels=959) == "too large: 24x40 pixels, more than max_pixels, 959"
