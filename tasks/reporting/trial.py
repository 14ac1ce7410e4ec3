"""The box of the page that answers: the file, how a row is prepared for it, test rows with LiteRT's answers."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import read_json
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.tables import CATEGORIES, COLUMNS, NUMBERS, categories_in
from tasks.reporting.examples import form_of

MAX_MODEL_BYTES = 6_000_000  # base64 adds a third
MAX_MACS = 1_000_000_000  # plain JavaScript does some hundred million a second
MAX_GOLDEN_BYTES, MAX_GOLDEN_MACS, GOLDEN_ROWS = 1_000_000, 200_000_000, 8
TOKENIZER = "tokenizer.json"
PROBABILITY_TOLERANCE = 0.02
NUMBER_TOLERANCE = 0.01  # of the outputs' standard deviation
GROUND = "white"  # behind the transparent parts of a picture
ASK = {
    "image": "trimline predict release image.png",
    "text": 'trimline predict release "a text"',
    "table": "trimline predict release name=value ...",
}


@dataclass(frozen=True)
class Trial:
    """What the box needs, or why there is none.

    Attributes:
        data: for the page's script, as JSON; empty where there is no box.
        reason: why there is none, empty where there is one.
        instead: how to ask the model without the page.
    """

    data: str
    reason: str
    instead: str


def trial_of(target: Dataset, model: Path, interface: dict[str, Any], predictions: Path, macs: int) -> Trial:
    """Return the box for a file; equal files give an equal box.

    Args:
        target: the data set; its test rows are replayed in the page.
        model: the file.
        interface: what the device feeds; see `tasks.tflite.bundle.interface`.
        predictions: what `evaluate` wrote: LiteRT's answers.
        macs: multiply-accumulates of one inference.
    """
    form = form_of(target)
    instead = f"Ask the model with `{ASK.get(form, 'trimline predict release --help')}`."
    if reason := _reason(target, form, model, macs):
        return Trial("", reason, instead)
    ((name, fed),) = interface.items()
    rows = _golden_rows(target, name, macs)
    values = target.column("test", name).take(rows)
    with np.load(predictions) as seen:
        outputs = seen["outputs"]
    classes = target.metadata.get("classes")
    spread = float(outputs.astype(np.float64).std()) or 1.0
    document = {
        "form": form, "shape": target.inputs[name]["shape"], "dtype": target.inputs[name]["dtype"],
        "feed": fed["feed"], "classes": classes, "ground": GROUND, "instead": instead,
        "tolerance": PROBABILITY_TOLERANCE if classes else NUMBER_TOLERANCE * spread,
        "rows": target.column("test", "row").take(rows).tolist(), "golden": _base64(values),
        "outputs": [[round(value, 9) for value in row] for row in outputs[rows].astype(float).tolist()],
        "model": base64.b64encode(model.read_bytes()).decode(), **_preparation(target, form, rows),
    }  # fmt: skip
    return Trial(as_script(document), "", instead)


def as_script(document: Any) -> str:
    """Write JSON without anything that a page would end at."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c")


def _reason(target: Dataset, form: str, model: Path, macs: int) -> str:
    """Say why a file has no box, nothing where it has one."""
    size = model.stat().st_size
    if not form or len(target.inputs) != 1 or target.target not in {"label", "value"}:
        return "a page can ask models of one picture, one text or one row of a table only"
    if size > MAX_MODEL_BYTES:
        return f"the file has {size:,} bytes, and a page is given no more than {MAX_MODEL_BYTES:,}"
    if macs > MAX_MACS:
        return f"an answer takes {macs:,} multiply-accumulates, too many for a page"
    if form == "text":
        return _unreadable(read_json(target.assets / TOKENIZER))
    return ""


def _unreadable(tokenizer: dict[str, Any]) -> str:
    """Say why the page cannot prepare a text, nothing where it can."""
    normalizer, splitter = tokenizer["normalizer"], tokenizer["pre_tokenizer"]
    is_known = (
        tokenizer["model"]["type"] == "BPE"
        and (normalizer is None or normalizer["type"] == "Lowercase")
        and (splitter or {}).get("type") == "BertPreTokenizer"
    )
    return "" if is_known else "the tokenizer is that of a pretrained model, which a page does not have"


def _golden_rows(target: Dataset, name: str, macs: int) -> Array:
    rows, row_bytes = target.rows("test"), target.column("test", name).take(np.zeros(1, np.int64)).nbytes
    wanted = min(GOLDEN_ROWS, MAX_GOLDEN_BYTES // max(1, row_bytes), MAX_GOLDEN_MACS // max(1, macs))
    return np.unique(np.linspace(0, rows - 1, min(max(1, wanted), rows)).round().astype(np.int64))


def _preparation(target: Dataset, form: str, rows: Array) -> dict[str, Any]:
    """Return how the page makes a row for the file of what a person gives, and what the golden rows were made of."""
    if form == "image":
        return {}
    if form == "table":
        table = read_json(target.assets / COLUMNS)
        numeric = [{key: column[key] for key in ("name", "median", "has_missing")} for column in table["numeric"]]
        kept = {"numeric": numeric, "categorical": table["categorical"]}
        return {"table": kept, "values": _table_values(target, table, rows)}
    tokenizer, facts = read_json(target.assets / TOKENIZER), read_json(target.assets / "facts.json")
    model = tokenizer["model"]
    return {
        "text": facts["text"], "texts": target.column("test", "text").take(rows).tolist(),
        "tokenizer": {
            "vocabulary": model["vocab"], "unknown": model["vocab"][model["unk_token"]],
            "merges": [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]],
            "lowercase": tokenizer["normalizer"] is not None,
        },
    }  # fmt: skip


def _table_values(target: Dataset, table: dict[str, Any], rows: Array) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [{} for _ in rows]
    if table["numeric"]:
        for row, values in zip(found, target.column("test", NUMBERS).take(rows).tolist(), strict=True):
            for column, value in zip(table["numeric"], values, strict=True):
                row[column["name"]] = "" if np.isnan(value) else repr(value)
    if table["categorical"]:
        texts = target.column("test", CATEGORIES).take(rows)
        for column, values in zip(table["categorical"], categories_in(texts, len(table["categorical"])), strict=True):
            for row, value in zip(found, values, strict=True):
                row[column["name"]] = value
    return found


def _base64(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
