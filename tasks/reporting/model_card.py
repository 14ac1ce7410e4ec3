"""The model card (Mitchell et al. 2019, arXiv:1810.03993), from what the stages measured."""

from tasks.reporting import words
from tasks.reporting.findings import Findings, rows_of
from tasks.reporting.results import escaped, escaped_table, result_table
from tasks.reporting.sections import decision
from tasks.reporting.sections.headline import against_baseline, warnings
from tasks.reporting.sections.provenance import SPLITS, inputs_summary, latency_summary, output_summary, version
from tasks.reporting.sections.training import cost_summary, cross_validation_summary
from tasks.reporting.sections.weaknesses import PER_CLASS
from tasks.reporting.words import FLOAT32

MAX_NAMED = 100  # classes


def model_card(found: Findings) -> str:
    """Return the card as Markdown: of the released model, or of the candidate that came nearest."""
    owner = found.owner
    sections = {
        "Model details": _details(found),
        "Intended use": escaped(owner.intended_use),
        "Limits": escaped(owner.limits),
        "Data": _data(found),
        "Results": result_table(found),
        "Metrics": _metrics(found),
        **({"Each class": _per_class(found)} if "per_class" in found.measured else {}),
        "Slices": _slices(found),
        "Cross-validation": _cross_validation(found),
        "Gates": _gates(found),
        "On the device": _device(found),
        "Training cost": cost_summary(found),
        "Lineage": _lineage(found),
        "Licence": escaped(owner.licence),
    }
    parts = [f"## {title}\n\n{body}" for title, body in sections.items()]
    head = [f"# Model card: {escaped(owner.name)}", *_warning(found), escaped(against_baseline(found))]
    return "\n\n".join([*head, *parts]) + "\n"


def _warning(found: Findings) -> list[str]:
    unshipped = "" if found.is_released else f" This card describes the recipe `{found.recipe}`, which may not ship."
    return [f"**{escaped(one)}.**{unshipped}" for one in warnings(found)]


def _details(found: Findings) -> str:
    parameters = found.parameters
    steps = [step["step"] for step in parameters["compress"][found.recipe]["steps"]]
    finish = [step["step"] for step in parameters["compress"][found.recipe]["finish"]]
    name = "model.tflite" if found.is_released else f"{found.recipe}.tflite"
    return (
        f"`{name}`, recipe `{found.recipe}`, {found.measured['size_bytes']:,} bytes, {found.macs:,} "
        f"multiply-accumulates for an inference, SHA-256 `{found.files['model.tflite']}`. "
        f"{found.kind.capitalize()}, architecture `{parameters['train']['architecture']}`, "
        f"precision {parameters['compress'][found.recipe]['precision']}; training steps: {', '.join(steps) or 'none'}; "
        f"steps on the file: {', '.join(finish) or 'none'}."
    )


def _data(found: Findings) -> str:
    table: list[tuple[str, ...]] = [("data set", "train", "validation", "test", "left out", "version")]
    reasons = []
    for role, dataset in found.datasets.items():
        rows = (f"{rows_of(dataset, split):,}" for split in SPLITS)
        table.append((role, *rows, f"{sum(dataset['quarantined'].values()):,}", f"`{version(found, role)}`"))
        reasons += [f"{escaped(reason)} in {role} ({count:,})" for reason, count in dataset["quarantined"].items()]
    names = found.datasets["target"].get("classes", [])
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    classes = f"Classes: {', '.join(escaped(name) for name in names[:MAX_NAMED])}{more}. " if names else ""
    made = escaped(found.version.line)
    return (
        f"{made}.\n\n{escaped_table(table)}\n\nThe version is the beginning of the SHA-256 of "
        f"`dataset.json`. {classes}"
        f"Rows left out: {', '.join(reasons) or 'none'}."
    )


def _metrics(found: Findings) -> str:
    table = [("metric", found.recipe, FLOAT32, "lost")]
    reference = found.float32["scores"]
    for name, score in found.measured["scores"].items():
        floats = words.measured(name, reference[name])
        table.append((words.metric(name).title, words.measured(name, score), floats, words.lost(name, score)))
    undefined = "; ".join(f"{escaped(figure)}: {reason}" for figure, reason in found.measured["undefined"].items())
    return (
        f"With {words.percent(found.measured['confidence'], 0)} intervals on {found.measured['rows']:,} test rows; "
        f"lost against {FLOAT32} on the same rows, in points or the metric's own unit, with the paired interval.\n\n"
        f"{escaped_table(table)}" + (f"\n\nUndefined, and left out of means: {undefined}." if undefined else "")
    )


def _per_class(found: Findings) -> str:
    table = [("class", *(words.metric(key).title for key in PER_CLASS), "rows")]
    for name, measured in found.measured["per_class"].items():
        figures = (words.score(key, measured[key]) for key in PER_CLASS)
        table.append((name, *figures, f"{measured['rows']:,}"))
    return escaped_table(table)


def _slices(found: Findings) -> str:
    primary = found.primary
    lost = "points lost" if words.metric(primary).is_share else "% lost"
    table = [("slice", "rows", words.metric(primary).title, lost)]
    for one in found.measured["slices"]:
        table.append((one["slice"], f"{one['rows']:,}", words.of_part(primary, one), words.lost_in_part(primary, one)))
    return f"The worst first.\n\n{escaped_table(table)}"


def _cross_validation(found: Findings) -> str:
    document = found.cross_validation
    if not document["folds"]:
        return cross_validation_summary(document)
    table = [("metric", "mean", "standard deviation")]
    for name, mean in document["mean"].items():
        spread = words.difference(name, document["std"].get(name))
        table.append((words.metric(name).title, words.score(name, mean), spread))
    return f"{cross_validation_summary(document)}\n\n{escaped_table(table)}"


def _gates(found: Findings) -> str:
    rows = decision.of_recipe(found, found.verdict["gates"])
    table = [("gate", "measured", "interval", "bound", "test rows", "verdict")]
    table += [(f"{one.title} (`{one.name}`)", one.value, one.interval, one.bound, one.rows, one.status) for one in rows]
    changes = [f"- {one.title}: {escaped(one.change)}" for one in rows if one.change]
    below = ["Smallest changes that pass:", "\n".join(changes)] if changes else []
    return "\n\n".join([escaped_table(table), *below])


def _device(found: Findings) -> str:
    profile = found.profile
    missed = ", ".join(f"{name} ({count})" for name, count in profile["operators"]["not_delegated"].items())
    return (
        f"Feed {inputs_summary(found)}; the output is {output_summary(found)}. Latency: {latency_summary(found)}. "
        f"All tensors together take {profile['memory']['tensor_bytes']:,} bytes. Operators that the delegate did not "
        f"take: {missed or 'none'}. `golden.npz` has inputs and their outputs, to be replayed on the device."
    )


def _lineage(found: Findings) -> str:
    software = ", ".join(f"{name} {version}" for name, version in found.environment.items())
    return (
        f"The model was made from {len(found.inputs)} input files; `report.html` lists their SHA-256, all settings and "
        "the versions of the software. In a bundle, `manifest.json` holds the same for machines, and `model.cdx.json` "
        f"is a bill of materials (CycloneDX 1.6).\n\n{software}."
    )
