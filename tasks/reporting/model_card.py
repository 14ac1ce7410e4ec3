"""The model card (Mitchell et al. 2019, arXiv:1810.03993), from what the stages measured."""

from collections.abc import Iterable

from tasks.reporting import gates, words
from tasks.reporting.findings import Findings, rows_of
from tasks.reporting.page.made import cost_told, cross_validation_told
from tasks.reporting.page.origin import inputs_told, latency_told, output_told, version
from tasks.reporting.results import markdown_table, results
from tasks.reporting.words import FLOAT32

PER_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")
MAX_NAMED = 100  # classes


def model_card(found: Findings) -> str:
    """Return the card of the released model as Markdown."""
    owner, shown = found.owner, results(found.bundle, found.metrics, found.profiles, found.transfer, found.baseline)
    sections = {
        "Model details": _details(found),
        "Intended use": _text(owner.intended_use),
        "Limits": _text(owner.limits),
        "Data": _data(found),
        "Results": shown.strip(),
        "Metrics": _metrics(found),
        **({"Each class": _per_class(found)} if "per_class" in found.released else {}),
        "Slices": _slices(found),
        "Cross-validation": _cross_validation(found),
        "Gates": _gates(found),
        "On the device": _device(found),
        "Training cost": cost_told(found),
        "Lineage": _lineage(found),
        "Licence": _text(owner.licence),
    }
    parts = [f"## {title}\n\n{body}" for title, body in sections.items()]
    return "\n\n".join([f"# Model card: {_text(owner.name)}", *parts]) + "\n"


def _details(found: Findings) -> str:
    parameters = found.bundle["parameters"]
    steps = [step["step"] for step in parameters["compress"][found.recipe]["steps"]]
    finish = [step["step"] for step in parameters["compress"][found.recipe]["finish"]]
    return (
        f"`model.tflite`, recipe `{found.recipe}`, {found.released['size_bytes']:,} bytes, {found.macs:,} "
        f"multiply-accumulates for an inference, SHA-256 `{found.bundle['files']['model.tflite']}`. "
        f"{found.bundle['kind'].replace('_', ' ').capitalize()}, architecture `{parameters['train']['architecture']}`, "
        f"precision {parameters['compress'][found.recipe]['precision']}; training steps: {', '.join(steps) or 'none'}; "
        f"steps on the file: {', '.join(finish) or 'none'}."
    )


def _data(found: Findings) -> str:
    table: list[tuple[str, ...]] = [("data set", "train", "validation", "test", "left out", "version")]
    reasons = []
    for role, dataset in found.datasets.items():
        rows = (f"{rows_of(dataset, split):,}" for split in ("train", "validation", "test"))
        table.append((role, *rows, f"{sum(dataset['quarantined'].values()):,}", f"`{version(found, role)}`"))
        reasons += [f"{_text(reason)} in {role} ({count:,})" for reason, count in dataset["quarantined"].items()]
    names = found.datasets["target"].get("classes", [])
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    told = f"Classes: {', '.join(_text(name) for name in names[:MAX_NAMED])}{more}. " if names else ""
    return (
        f"{_table(table)}\n\nThe version is the beginning of the SHA-256 of `dataset.json`. {told}"
        f"Rows left out: {', '.join(reasons) or 'none'}."
    )


def _metrics(found: Findings) -> str:
    table = [("metric", found.recipe, FLOAT32, "lost")]
    reference = found.float32["scores"]
    for name, score in found.released["scores"].items():
        floats = words.measured(name, reference[name])
        table.append((words.metric(name).title, words.measured(name, score), floats, words.lost(name, score)))
    undefined = "; ".join(f"{_text(figure)}: {reason}" for figure, reason in found.released["undefined"].items())
    return (
        f"With {words.percent(found.released['confidence'], 0)} intervals on {found.released['rows']:,} test rows; "
        f"lost against {FLOAT32} on the same rows, in points or the metric's own unit, with the paired interval.\n\n"
        f"{_table(table)}" + (f"\n\nUndefined, and left out of means: {undefined}." if undefined else "")
    )


def _per_class(found: Findings) -> str:
    table = [("class", *(words.metric(key).title for key in PER_CLASS), "rows")]
    for name, measured in found.released["per_class"].items():
        figures = (words.score(key, measured[key]) for key in PER_CLASS)
        table.append((name, *figures, f"{measured['rows']:,}"))
    return _table(table)


def _slices(found: Findings) -> str:
    primary = found.primary
    lost = "points lost" if words.metric(primary).is_share else "% lost"
    table = [("slice", "rows", words.metric(primary).title, lost)]
    for one in found.released["slices"]:
        table.append((one["slice"], f"{one['rows']:,}", words.of_part(primary, one), words.lost_in_part(primary, one)))
    return f"The worst first.\n\n{_table(table)}"


def _cross_validation(found: Findings) -> str:
    document = found.cross_validation
    if not document["folds"]:
        return cross_validation_told(document)
    table = [("metric", "mean", "standard deviation")]
    for name, mean in document["mean"].items():
        spread = words.difference(name, document["std"].get(name))
        table.append((words.metric(name).title, words.score(name, mean), spread))
    return f"{cross_validation_told(document)}\n\n{_table(table)}"


def _gates(found: Findings) -> str:
    table = [("gate", "measured", "interval", "bound", "verdict")]
    for gate in found.bundle["gates"]:
        one = gates.shown(gate, found.profile)
        table.append(
            (f"{one.title} (`{one.name}`)", one.value, one.interval, one.bound, "pass" if one.passed else "fail")
        )
    return _table(table)


def _device(found: Findings) -> str:
    profile = found.profile
    missed = ", ".join(f"{name} ({count})" for name, count in profile["operators"]["not_delegated"].items())
    return (
        f"Feed {inputs_told(found)}; the output is {output_told(found)}. Latency: {latency_told(found)}. "
        f"All tensors together take {profile['memory']['tensor_bytes']:,} bytes. Operators that the delegate did not "
        f"take: {missed or 'none'}. `golden.npz` has inputs and their outputs, to be replayed on the device."
    )


def _lineage(found: Findings) -> str:
    software = ", ".join(f"{name} {version}" for name, version in found.bundle["environment"].items())
    return (
        f"`manifest.json` beside this card holds the SHA-256 of {len(found.bundle['inputs'])} input files and "
        f"{len(found.bundle['sources'])} source files, all parameters, and the versions of the software; "
        f"`model.cdx.json` is a bill of materials (CycloneDX 1.6), `report.html` shows all of this.\n\n{software}."
    )


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return markdown_table([tuple(_text(cell) for cell in row) for row in rows])


def _text(text: str) -> str:
    """Return text as Markdown shows it literally: no HTML, no new cell, no new line."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").split())
