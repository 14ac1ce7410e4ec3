"""The box of the page answers as LiteRT does, for every precision and kind, or says why it cannot."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.core.params.data import Tables
from tasks.data import columns
from tasks.data.records import Array
from tasks.kinds import data_of
from tasks.reporting import html
from tasks.reporting.html import Asking
from tasks.reporting.sections import report_page
from tasks.reporting.trial import Trial, trial_of
from tasks.tflite import bundle
from tasks.tflite.runtime import ExportedFile
from tests.tasks import browser, line, texts, tiny_files
from tests.tasks.reports import findings

pytestmark = pytest.mark.skipif(browser.NAME is None, reason="there is no chromium and no google-chrome here")
READY = "document.getElementById('trial').dataset.ready"
ANSWERED = "JSON.parse(document.getElementById('trial').dataset.answered)"


@pytest.fixture(scope="module")
def box(tiny_line: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    """The page of the tiny line, whose box is ready."""
    with browser.opened(tiny_line / "reports/report.html", tmp_path_factory.mktemp("browser")) as page:
        page.wait_until(READY)
        yield page


def page_of(folder: Path, trial: Trial) -> Path:
    """A page with a box alone."""
    section = html.section("trial-section", "Try it", "Try it", Asking(trial.data))
    written = html.page("champion.html", [section], has_charts=False, has_box=True, rows=1, sha256="")
    (folder / "box.html").write_text(written, encoding="utf-8")
    return folder / "box.html"


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_a_file_of_each_precision_gives_in_the_page_what_litert_gives(box: browser.Page, precision: str) -> None:
    content, rows = tiny_files.all_precisions()[precision], tiny_files.rows(600, 640)
    if precision == "int8":
        rows = np.clip(np.round(rows * tiny_files.STD + tiny_files.MEAN) - 128, -128, 127)
    expected = ExportedFile(content, threads=1).outputs({"image": rows})
    given = json.dumps(rows.reshape(len(rows), -1).tolist())
    file = base64.b64encode(content).decode()
    answers = box.evaluate(f"""(() => {{
      const model = new tflite(Uint8Array.from(atob("{file}"), (letter) => letter.charCodeAt(0)));
      return {given}.map((row) => model.answer(row)); }})()""")
    tolerance = {"int8": 0.0, "dynamic": 0.01}.get(precision, 1e-5)  # LiteRT rounds a dynamic file's activations
    np.testing.assert_allclose(np.array(answers), expected, atol=tolerance, rtol=0)


def test_a_picture_is_prepared_as_predict_prepares_it(tiny_line: Path, box: browser.Page, tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8).repeat(9, 0).repeat(5, 1)  # 45x35
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    assets = tiny_line / "data/ready/target/assets"
    fed = data_of("image_classification").parse([str(tmp_path / "drawn.png")], assets)
    expected = ExportedFile(tiny_line / "release/model.tflite", threads=1).outputs(fed)[0]
    content = base64.b64encode((tmp_path / "drawn.png").read_bytes()).decode()
    box.evaluate(f"""(() => {{
      delete document.getElementById("trial").dataset.answered;
      const bytes = Uint8Array.from(atob("{content}"), (letter) => letter.charCodeAt(0)), given = new DataTransfer();
      given.items.add(new File([bytes], "drawn.png", {{type: "image/png"}}));
      const input = document.querySelector("#trial input[type=file]");
      input.files = given.files;
      input.dispatchEvent(new Event("change")); }})()""")
    box.wait_until("document.getElementById('trial').dataset.answered")
    np.testing.assert_allclose(box.evaluate(ANSWERED), expected, atol=0.02)
    assert box.evaluate("document.querySelectorAll('#trial .answers meter').length") == 5


def test_the_box_says_that_its_answers_are_litert_s(box: browser.Page) -> None:
    assert box.evaluate(READY) == "yes"
    assert "for 8 test rows the answers are LiteRT's, bit for bit" in box.evaluate(
        "document.getElementById('trial').innerText"
    )


def changed(trial: Trial, **keys: Any) -> Trial:
    return replace(trial, data=json.dumps(json.loads(trial.data) | keys))


def said_by(folder: Path, trial: Trial) -> str:
    with browser.opened(page_of(folder, trial), folder / "browser") as page:
        page.wait_until(READY)
        assert page.evaluate(READY) == "no"
        return str(page.evaluate("document.getElementById('trial').innerText"))


def test_an_answer_that_is_not_litert_s_is_never_shown(tiny_line: Path, tmp_path: Path) -> None:
    trial = findings(tiny_line).trial
    outputs = json.loads(trial.data)["outputs"]
    outputs[3] = outputs[3][::-1]
    said = said_by(tmp_path, changed(trial, outputs=outputs))
    assert "The box cannot work here: an answer is off by" in said and "trimline predict release image.png" in said


def test_a_file_of_an_operator_that_the_page_lacks_is_told(tiny_line: Path, tmp_path: Path) -> None:
    looping = base64.b64encode(tiny_files.with_a_loop()).decode()
    said = said_by(tmp_path, changed(findings(tiny_line).trial, model=looping))
    assert "The box cannot work here: " in said and "trimline predict release image.png" in said


def test_a_page_without_a_box_says_why_and_how_to_ask_instead(tiny_line: Path) -> None:
    found = findings(tiny_line)
    without = replace(found, trial=Trial("", "the file has 9,000,000 bytes", "Ask the model with `trimline predict`."))
    page = report_page(without)
    assert "This page cannot ask the model: the file has 9,000,000 bytes. Ask the model with" in page
    assert "trial-data" not in page and len(page) < len(report_page(found))


def text_file(vocabulary: int) -> bytes:
    """An untrained network of texts, as the kind exports it."""
    from tests.tasks import test_text_networks

    network = test_text_networks.build("separable_text", width=16, filters=[32], kernel=5)
    return test_text_networks.file_of(network, "float32", test_text_networks.some_tokens(vocabulary)[:, :32])


HARD_TEXTS = [
    "Win £1000 cash NOW!!! txt <b>YES</b> to 80086 &amp; claim",
    "naïve   café…\u00a0ok?",
    "日本語 🎉🎉 $5-off",
    "ǅ",
]


def test_texts_are_cut_and_answered_as_the_device_does(tmp_path: Path) -> None:
    target = texts.ready(tmp_path / "data", texts.messages(0, 400))
    (tmp_path / "model.tflite").write_bytes(text_file(target.metadata["vocabulary"]))
    model, interface = tmp_path / "model.tflite", bundle.interface(tmp_path / "model.tflite", target)
    answers = ExportedFile(model, threads=1).outputs(target.fed("test"))
    trial = trial_of(target, model, interface, predictions(tmp_path, target, answers), macs=1000)
    rules = data_of("text_classification")
    with browser.opened(page_of(tmp_path, trial), tmp_path / "browser") as page:
        page.wait_until(READY)
        assert page.evaluate(READY) == "yes", page.evaluate("document.getElementById('trial').innerText")
        for text in HARD_TEXTS:
            fed = rules.encoder(target.assets).encode(rules.parse([text], target.assets))
            expected = ExportedFile(model, threads=1).outputs({"tokens": fed["tokens"]})[0]
            page.evaluate(f"""(() => {{ document.querySelector("#trial textarea").value = {json.dumps(text)};
              document.querySelector("#trial .asking > button").click(); }})()""")
            page.wait_until("document.getElementById('trial').dataset.answered")
            np.testing.assert_allclose(page.evaluate(ANSWERED), expected, atol=1e-5)
            page.evaluate("delete document.getElementById('trial').dataset.answered")


def predictions(folder: Path, target: columns.Dataset, answers: Array) -> Path:
    with (folder / "predictions.npz").open("wb") as file:
        np.savez(file, outputs=answers, label=target.column("test", "label").all())
    return folder / "predictions.npz"


def test_a_row_of_a_table_is_prepared_and_answered_as_the_device_does(tmp_path: Path) -> None:
    target = houses(tmp_path / "data")
    (tmp_path / "model.tflite").write_bytes(table_file(target))
    model, interface = tmp_path / "model.tflite", bundle.interface(tmp_path / "model.tflite", target)
    answers = ExportedFile(model, threads=1).outputs(target.fed("test"))
    trial = trial_of(target, model, interface, predictions(tmp_path, target, answers), macs=1000)
    rules = data_of("tabular_classification")
    with browser.opened(page_of(tmp_path, trial), tmp_path / "browser") as page:
        page.wait_until(READY)
        assert page.evaluate(READY) == "yes", page.evaluate("document.getElementById('trial').innerText")
        for row in (["37.5", "", "INLAND"], ["-2e1", "10", "a moon"], ["41", "NA", ""]):
            words = [f"{name}={value}" for name, value in zip(TABLE, row, strict=True)]
            fed = rules.encoder(target.assets).encode(rules.parse(words, target.assets))
            expected = ExportedFile(model, threads=1).outputs({"features": fed["features"]})[0]
            page.evaluate(f"""(() => {{
              const fields = document.querySelectorAll("#trial .fields input");
              {json.dumps(row)}.forEach((value, i) => {{ fields[i].value = value; }});
              delete document.getElementById("trial").dataset.answered;
              document.querySelector("#trial .asking > button").click(); }})()""")
            np.testing.assert_allclose(page.evaluate(ANSWERED), expected, atol=1e-5)
        page.evaluate("""document.querySelectorAll("#trial .fields input")[0].value = "far";
          document.querySelector("#trial .asking > button").click()""")
        said = page.evaluate("document.querySelector('#trial .answers').innerText")
        assert said == "No answer: not a number: far in latitude"


TABLE = ("latitude", "rooms", "place")


def houses(folder: Path) -> columns.Dataset:
    """A small table with missing values, preprocessed in this process; it is small enough to be written out here."""
    rng = np.random.default_rng(0)
    lines = ["latitude,rooms,place,dear"]
    for row in range(200):
        rooms, place = ("" if row % 9 == 0 else row), ("INLAND", "NEAR BAY")[row % 2]
        lines.append(f"{rng.normal(36, 2):.3f},{rooms},{place},{('yes', 'no')[row % 3 == 0]}")
    params = Tables.model_validate({
        **line.complete("presets/housing.yaml")["preprocess"]["base"],
        "columns": {name: name for name in (*TABLE, "dear")},
        "numeric": ["latitude", "rooms"], "categorical": ["place"], "target": "dear",
    })  # fmt: skip
    schema = {
        "kind": "tabular_classification",
        "numeric": {"latitude": {"min": -90, "max": 90}, "rooms": {"min": 0, "max": 400}},
        "categorical": ["place"], "classes": ["no", "yes"],
    }  # fmt: skip
    return columns.load(line.prepared(folder, line.csv_of(folder / "source", lines), params, schema))


def table_file(target: columns.Dataset) -> bytes:
    """An untrained network of tables, converted as it is."""
    from tasks.core.params.recipes import Recipe
    from tasks.core.params.sections import Export
    from tasks.kinds import export_of
    from tasks.models.architectures.tables import Train, build
    from tasks.models.saving import ModelMetadata

    metadata = ModelMetadata("tabular_classification", target.metadata)
    network = build(Train(architecture="tables", tracked="plan/train.json", data="base"), metadata)
    recipe = Recipe.model_validate({"steps": [], "precision": "float32", "float_layers": [], "finish": []})
    to_tflite = export_of("tabular_classification").to_tflite
    return to_tflite(network, metadata, recipe, target, Export(calibration_rows=20, seed=0))
