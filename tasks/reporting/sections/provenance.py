"""Provenance: what the model is for, how a device uses it, the data, settings, software behind it."""

import json

from tasks.reporting import html, words
from tasks.reporting.findings import Findings, rows_of
from tasks.reporting.html import Cell, ModelMetadata, Section, Source, Table, fold, table
from tasks.reporting.words import FLOAT32

ROLES = {"base": "trains the base model", "target": "the task itself"}
SPLITS = ("train", "validation", "test")


def purpose(found: Findings) -> Section:
    """Say what only the owner knows."""
    owner = found.owner
    terms = (("Intended use", owner.intended_use), ("Limits", owner.limits), ("Licence", owner.licence))
    return html.section("use", "Intended use and limits", "Use", ModelMetadata(terms))


def device(found: Findings) -> Section:
    """Say how a device feeds the file, and what it needs."""
    profile = found.profile
    missed = ", ".join(f"{name} ({count})" for name, count in profile["operators"]["not_delegated"].items())
    return html.section("device", "On the device", "Device", ModelMetadata((
        ("Input", inputs_summary(found)),
        ("Output", output_summary(found)),
        ("Operators", ", ".join(f"{name} ({count})" for name, count in profile["operators"]["all"].items())),
        ("Not taken by the delegate", missed or "none"),
        ("Memory of all tensors", f"{profile['memory']['tensor_bytes']:,} bytes"),
        ("Latency", latency_summary(found)),
        ("Gate on operators", found.verdict["device"]),
        ("Golden vectors", "golden.npz in the bundle: inputs with their outputs, to be replayed on the device"),
    )))  # fmt: skip


def latency_summary(found: Findings) -> str:
    """Say the latency of the described file on the machine of the report."""
    own, times = found.profile["latency_us"], found.profile["times_float32"]
    return (
        f"median {words.number(own['median'], 1)} µs, 95% of {found.profile['runs']:,} runs under "
        f"{words.number(own['p95'], 1)} µs; {words.number(times, 2)} times {FLOAT32}'s in the same run, on one thread "
        f"of the machine that made this report ({found.profile['machine']})"
    )


def inputs_summary(found: Findings) -> str:
    """Say what each input is fed; `raw` is what the bundle's assets make of a row."""
    inputs = []
    for name, metadata in found.interface.items():
        raw = "; raw is 0 to 255" if found.datasets["target"]["inputs"][name]["dtype"] == "uint8" else ""
        inputs.append(
            f"{name}: {metadata['feed']} as {metadata['dtype']}, {'x'.join(map(str, metadata['shape']))}{raw}"
        )
    return "; ".join(inputs)


def output_summary(found: Findings) -> str:
    """Say what the output is."""
    if "pieces" in found.datasets["target"]:
        return "the tokens of assets/target_tokenizer.json, one a step, from `encode` and then `decode_step`"
    names = found.datasets["target"].get("classes")
    if not names:
        return "the predicted value"
    lines = f"for each of the {len(names):,} lines of assets/labels.txt"
    return f"a probability {lines}" if "per_class" in found.measured else f"a score {lines}, then the predicted value"


def data(found: Findings) -> Section:
    """Return the rows of both data sets, their versions, and what was quarantined."""
    rows: list[tuple[Cell | str, ...]] = [
        (
            Cell(role, ROLES[role]),
            *(f"{rows_of(dataset, split):,}" for split in SPLITS),
            f"{sum(dataset['quarantined'].values()):,}",
            f"{len(dataset['classes'])}" if "classes" in dataset else "none",
            Cell(version(found, role), is_code=True),
        )
        for role, dataset in found.datasets.items()
    ]
    reasons = [
        (role, reason, f"{count:,}")
        for role, dataset in found.datasets.items()
        for reason, count in dataset["quarantined"].items()
    ]
    caption = "Rows by split; the version is the SHA-256 of dataset.json, which holds the digests of all columns"
    return html.section(
        "data", "The data behind it", "Data",
        table(caption, ("data set", *SPLITS, "left out", "classes", "version"), rows),
        table("Rows left out, by reason", ("data set", "reason", "rows"), reasons) if reasons else None,
    )  # fmt: skip


def version(found: Findings, role: str) -> str:
    """Return the first digits of the digest of a data set."""
    return found.dataset_sha256(role)[:16]


def lineage(found: Findings) -> Section:
    """Return the lineage of the model: digests, settings and environment, each folded."""
    settings = Source(json.dumps(found.parameters, indent=2, ensure_ascii=False), "Settings")
    software = table("Software and processor", ("name", "version"), found.environment.items(), look="words")
    return html.section(
        "lineage", "What it was made from", "Lineage",
        html.Paragraph(
            "Equal data, settings, code, software and kind of processor give equal bytes. manifest.json in the bundle "
            "holds all of this for machines."
        ),
        fold("Files", _digests(f"SHA-256 of {found.subject}, as it is named in a bundle", found.files)),
        fold("Settings", settings),
        fold("Environment", software),
        fold(f"Inputs: {len(found.inputs)} files", _digests("SHA-256 of the inputs", found.inputs)),
    )  # fmt: skip


def _digests(caption: str, files: dict[str, str]) -> Table:
    return table(caption, ("file", "SHA-256"), files.items(), look="digests")
