"""SavedModels hold graphs: those that would run Python or touch files are refused before they are loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.tasks.own import RAN, load, outputs, refused


def saved_module(call: Callable[[Any], Any], folder: Path) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


def test_saved_models_that_run_python_or_touch_files_are_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    def python(x: Any) -> Any:
        return tf.reshape(tf.py_function(lambda rows: rows, [x], tf.float32), [-1, 4])

    def read(x: Any) -> Any:
        return x * tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

    def write(x: Any) -> Any:
        tf.io.write_file(str(tmp_path / "ran"), RAN)
        return x * 2.0

    def checkpoint(x: Any) -> Any:
        tf.raw_ops.SaveV2(prefix=str(tmp_path / "ran"), tensor_names=["x"], shape_and_slices=[""], tensors=[x])
        return x * 2.0

    for call, told in ((python, "EagerPyFunc"), (read, "ReadFile"), (write, "WriteFile"), (checkpoint, "SaveV2")):
        refused(saved_module(call, tmp_path / told), f"operators that run code or touch files: {told}")
    assert not list(tmp_path.glob("ran*"))
    plain = load(saved_module(lambda x: x * 2.0, tmp_path / "plain"))
    rows = np.ones((20, 4), np.float32)
    np.testing.assert_array_equal(outputs(plain.convert("float32", rows), rows, tmp_path), 2 * rows)


def test_a_saved_model_with_assets_or_without_a_signature_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    (tmp_path / "words.txt").write_text("one\n")
    module = tf.Module()
    module.words = tf.saved_model.Asset(str(tmp_path / "words.txt"))
    tf.saved_model.save(module, str(tmp_path / "unsigned"))
    refused(tmp_path / "unsigned", "no signature serving_default")
    module.call = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "assets"), signatures=module.call)
    refused(tmp_path / "assets", "assets")
