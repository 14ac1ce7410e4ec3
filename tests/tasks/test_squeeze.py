"""A model and samples in, the best file within the bounds out, or nothing and the reasons."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.commands.squeeze import Options, squeeze
from tasks.core.errors import DataError, ParamsError, StageError
from tasks.data import user_samples as own_samples
from tasks.tflite.runtime import UserFile
from tasks.tflite.sizes import zip_bytes
from tests.graph_rules import ROOT
from tests.tasks import line, own

pytestmark = pytest.mark.filterwarnings(
    "ignore:You are saving your model as an HDF5 file", "ignore::DeprecationWarning"
)
X, Y = own.digits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as .keras, float .tflite and int8 .tflite, and samples that it has not seen. Tests only read them."""
    folder = tmp_path_factory.mktemp("own")
    own.classifier().save(folder / "model.keras")
    own.samples(folder / "samples.npz")
    from tasks.models.user_model import load_user_model

    model = load_user_model(folder / "model.keras")
    for precision in ("float32", "int8"):
        (folder / f"{precision}.tflite").write_bytes(model.convert(precision, X[:60]))
    return folder


@pytest.fixture
def options(folder: Path, tmp_path: Path) -> Options:
    return Options(folder / "int8.tflite", folder / "samples.npz", None, 100_000, 0.02, tmp_path / "out/small.tflite")


def accuracy(path: Path) -> float:
    return float((UserFile(path).answers(X[own.TRAINED_ROWS :]).argmax(axis=1) == Y[own.TRAINED_ROWS :]).mean())


def table(said: str) -> dict[str, list[str]]:
    """The cells of each candidate's row."""
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in said.splitlines() if row.startswith("| ")]
    return {row[0]: row[1:] for row in rows[1:]}


def test_a_keras_model_becomes_the_best_file_within_the_bounds(
    folder: Path, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    float_bytes, int8_bytes = (
        zip_bytes((folder / f"{name}.tflite").read_bytes()) for name in ("float32", "int8")
    )  # fmt: skip
    bound = int8_bytes // 2
    squeeze(replace(options, model=folder / "model.keras", max_size=bound))
    content, rows = options.output.read_bytes(), table(capsys.readouterr().out)
    assert zip_bytes(content) <= bound < float_bytes / 5
    assert accuracy(options.output) > accuracy(folder / "float32.tflite") - 0.02
    assert {"float32", "float16", "dynamic", "int8"} < set(rows)
    (written,) = [name for name, cells in rows.items() if cells[0] == "written"]
    assert written.startswith("int8 rounded") and rows[written][4] == f"{zip_bytes(content):,}"
    for name in ("float32", "float16", "int8"):
        assert rows[name][0] == "breaks a bound"
    for cells in rows.values():
        drop, low, high = map(float, cells[2].replace("[", "").replace("]", "").replace(",", "").split())
        assert float(cells[6]) > 0 and low < drop < high
        assert drop == pytest.approx(float(rows["float32"][1]) - float(cells[1]), abs=2e-4)


def test_the_least_drop_wins_and_of_equals_the_smallest(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    squeeze(options)
    rows = table(capsys.readouterr().out)
    best = min(rows.values(), key=lambda cells: (max(float(cells[2].split()[0]), 0), int(cells[4].replace(",", ""))))
    assert best[0] == "written" and zip_bytes(options.output.read_bytes()) == int(best[4].replace(",", ""))
    assert zip_bytes(options.output.read_bytes()) < zip_bytes(options.model.read_bytes())


def test_where_nothing_fits_each_bound_is_said_and_the_old_output_stays(folder: Path, options: Options) -> None:
    options.output.parent.mkdir()
    options.output.write_bytes(b"as before")
    with pytest.raises(StageError) as error:
        squeeze(replace(options, max_size=3000, max_drop=0.0))
    assert error.value.exit_status == 1
    assert "given: zip bytes" in error.value.got and " > 3,000" in error.value.got and "> 0" in error.value.got
    assert "given, slim: " in error.value.got and "int8 rounded 1.0e-08: " in error.value.got
    assert options.output.read_bytes() == b"as before"
    assert [path.name for path in options.output.parent.iterdir()] == ["small.tflite"]


def test_a_float_tflite_file_is_slimmed_with_equal_outputs_and_told_why_no_more(
    folder: Path, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / "float32.tflite"
    squeeze(replace(options, model=source))
    said = capsys.readouterr().out
    assert "int8 would need the model" in said and set(table(said)) == {"given", "given, slim"}
    np.testing.assert_array_equal(UserFile(options.output).answers(X[:50]), UserFile(source).answers(X[:50]))
    assert zip_bytes(options.output.read_bytes()) < zip_bytes(source.read_bytes())


def test_a_network_of_numbers_is_squeezed_without_labels_by_the_likeness_of_its_outputs(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tf_keras import Input, Sequential, layers, utils

    utils.set_random_seed(0)
    flat = X.reshape(-1, 64)
    model = Sequential([Input((64,)), layers.Dense(32, activation="tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(flat[:1000], Y[:1000], epochs=5, verbose=0)
    model.save(tmp_path / "model.h5")
    samples = own.samples(tmp_path / "flat.npz", x=flat[1000:])
    bound = 2 * 64 * 32
    squeeze(replace(options, model=tmp_path / "model.h5", samples=samples, max_size=bound, max_drop=0.1))
    said = capsys.readouterr().out
    assert "| fidelity |" in said
    expected, got = model.predict(flat[1000:], verbose=0), UserFile(options.output).answers(flat[1000:])
    assert np.sqrt(np.square(got - expected).mean()) / expected.std() < 0.1
    assert zip_bytes(options.output.read_bytes()) <= bound


def test_samples_that_do_not_suit_the_model_or_the_test_rows_are_refused_and_nothing_is_written(
    options: Options, tmp_path: Path
) -> None:
    flat = own.samples(tmp_path / "flat.npz", x=X.reshape(-1, 64))
    uint8 = own.samples(tmp_path / "uint8.npz", x=np.round(X * 255).astype(np.uint8))
    high = own.samples(tmp_path / "high.npz", x=X, y=Y + 1)
    for samples, test, told in (
        (flat, None, r"rows of shape \(64,\)"), (uint8, None, "samples of uint8"), (high, None, "label 10"),
        (options.samples, options.samples, "797 of 797 test rows are calibration samples, too"),
        (options.samples, tmp_path / "none.npz", "no file"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=told):
            squeeze(replace(options, samples=samples, test=test))
    assert not options.output.parent.exists()


def test_test_rows_of_their_own_are_measured_on_and_int8_rows_are_fed_as_they_are(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = UserFile(options.model)
    calibration = own.samples(tmp_path / "a.npz", x=file.feed(X[:200]))
    test = own.samples(tmp_path / "b.npz", x=file.feed(X[1000:1100]), y=Y[1000:1100])
    squeeze(replace(options, samples=calibration, test=test))
    said = capsys.readouterr().out
    expected = (file.answers(X[1000:1100]).argmax(axis=1) == Y[1000:1100]).mean()
    assert "Measured on 100 rows" in said and float(table(said)["given"][1]) == pytest.approx(expected)


def test_models_with_two_inputs_and_files_that_are_no_models_are_refused(options: Options, tmp_path: Path) -> None:
    import tf_keras

    left, right = tf_keras.Input((8,)), tf_keras.Input((8,))
    tf_keras.Model([left, right], left + right).save(tmp_path / "two.h5")
    for name, content, told in (
        ("two.h5", None, "2 inputs and 1 outputs"), ("none.tflite", None, "no file"), ("no.tflite", b"TFL3", "TFLite"),
        ("half.tflite", options.model.read_bytes()[:3000], "half.tflite"),
    ):  # fmt: skip
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=told):
            squeeze(replace(options, model=tmp_path / name))


@pytest.mark.parametrize("change", [{"max_size": 0}, {"max_drop": 1.0}, {"max_drop": -0.1}, {"max_drop": float("nan")}])
def test_bounds_that_make_no_sense_are_refused(change: dict[str, Any], options: Options) -> None:
    with pytest.raises(ParamsError, match="--max-size"):
        squeeze(replace(options, **change))


def test_the_model_is_never_written_over(options: Options) -> None:
    with pytest.raises(ParamsError, match="--output"):
        squeeze(replace(options, output=options.model))


def test_the_command_says_what_size_means_and_exits_as_stages_do(folder: Path, tmp_path: Path) -> None:
    command = (
        f"tasks.commands.squeeze {folder}/int8.tflite --samples {folder}/samples.npz --output {tmp_path}/small.tflite"
    )
    done = line.run(ROOT, f"{command} --max-size 100000")
    assert done.returncode == 0, done.stdout
    assert "--max-size 100,000 bounds the zip bytes" in done.stdout and (tmp_path / "small.tflite").is_file()
    refused = line.run(ROOT, f"tasks.commands.squeeze nothing.h5 --samples {folder}/samples.npz --max-size 1")
    assert refused.returncode == 65 and "no such file" in refused.stdout
    assert "of the zip of the file" in " ".join(line.run(ROOT, "tasks.commands.squeeze --help").stdout.split())


def recurrent(folder: Path, *, unroll: bool) -> tuple[Path, Path]:
    """A GRU and samples for it; TensorFlow's calibrator crashes on its loop, which `unroll` takes out."""
    from tf_keras import Input, Sequential, layers, utils

    utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(300, 12, 3)).astype(np.float32)
    model = Sequential([Input((12, 3)), layers.GRU(8, unroll=unroll), layers.Dense(2, "softmax")])
    model.save(folder / f"gru_{unroll}.h5")
    return folder / f"gru_{unroll}.h5", own.samples(folder / "seq.npz", x=x, y=(x[:, :, 0].sum(1) > 0).astype(int))


def test_a_precision_that_the_converter_crashes_on_is_left_out_and_the_best_other_file_is_written(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, samples = recurrent(tmp_path, unroll=False)
    squeeze(replace(options, model=model, samples=samples, max_size=60_000))
    said = capsys.readouterr().out
    assert "int8: left out, the conversion was ended by a crash of native code (SIGSEGV)" in said
    assert set(table(said)) == {"float32", "float16", "dynamic"}
    assert UserFile(options.output).row_shape == (12, 3)


@pytest.mark.slow
def test_a_refusal_says_that_a_precision_crashed_and_the_remedy_that_it_names_helps(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, samples = recurrent(tmp_path, unroll=False)
    with pytest.raises(StageError, match=r"int8: left out, .*SIGSEGV"):
        squeeze(replace(options, model=model, samples=samples, max_size=100))
    unrolled, samples = recurrent(tmp_path, unroll=True)  # the remedy of the message
    squeeze(replace(options, model=unrolled, samples=samples, max_size=60_000))
    assert "int8" in table(capsys.readouterr().out)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "int32", "uint16", "bool"])
def test_samples_of_any_number_type_are_taken_as_float32(dtype: str, options: Options, tmp_path: Path) -> None:
    samples = own_samples.load(own.samples(tmp_path / "x.npz", x=np.round(X * 16).astype(dtype), y=Y))
    assert samples.x.dtype == np.float32
    np.testing.assert_array_equal(samples.x, np.round(X * 16).astype(dtype).astype(np.float32))


def test_samples_that_float32_cannot_hold_or_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    many = np.arange(40, dtype=np.int64).reshape(20, 2)
    for x, told in (
        (many + 2**40, "x of int64 with numbers that float32 does not hold exactly"),
        (many.astype(np.float64) * 1e300, "NaN or infinite values"), (many.astype(str), "x of str"),
        (many.astype(complex), "x of complex128"), (many[:, 0].astype(np.float32), r"shape \(20,\)"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=told) as error:
            own_samples.load(own.samples(tmp_path / "x.npz", x=x))
        assert "astype('float32')" not in error.value.do or x.dtype.kind in "iuf"
