"""What the model is for, what it was made of, and how a device feeds it."""

import json

from tasks.reporting import words
from tasks.reporting.findings import Findings, rows_of
from tasks.reporting.page.markup import Markup, Section, code, element, folded, joined, listed, paragraph, table
from tasks.reporting.words import FLOAT32

ROLES = {"base": "the base model", "target": "the task itself"}


def purpose(found: Findings) -> Section:
    """Say what only the owner knows."""
    owner = found.owner
    told = listed((("Intended use", owner.intended_use), ("Limits", owner.limits), ("Licence", owner.licence)))
    return Section("use", "What it is for, and what not", "Use", element("div", told, class_="facts"))


def device(found: Findings) -> Section:
    """Say how a device feeds the file, and what it needs."""
    profile = found.profile
    missed = ", ".join(f"{name} ({count})" for name, count in profile["operators"]["not_delegated"].items())
    shown = listed((
        ("Input", inputs_told(found)),
        ("Output", output_told(found)),
        ("Operators", ", ".join(f"{name} ({count})" for name, count in profile["operators"]["all"].items())),
        ("Not taken by the delegate", missed or "none"),
        ("Memory of all tensors", f"{profile['memory']['tensor_bytes']:,} bytes"),
        ("Latency", latency_told(found)),
        ("Gate on operators", found.bundle["device"]),
        ("Golden vectors", "golden.npz: inputs and their outputs, to be replayed on the device"),
    ))  # fmt: skip
    return Section("device", "On the device", "Device", element("div", shown, class_="facts"))


def latency_told(found: Findings) -> str:
    """Say the latency of the released file on the machine of the report."""
    own, times = found.profile["latency_us"], found.profile["times_float32"]
    return (
        f"median {words.number(own['median'], 1)} µs, 95% of {found.profile['runs']:,} runs under "
        f"{words.number(own['p95'], 1)} µs; {words.number(times, 2)} times {FLOAT32}'s in the same run, on one thread "
        f"of the machine that made this report ({found.profile['machine']})"
    )


def inputs_told(found: Findings) -> str:
    """Say what each input is fed; `raw` is what the bundle's assets make of a row."""
    told = []
    for name, facts in found.bundle["interface"].items():
        raw = "; raw is 0 to 255" if found.datasets["target"]["inputs"][name]["dtype"] == "uint8" else ""
        told.append(f"{name}: {facts['feed']} as {facts['dtype']}, {'x'.join(map(str, facts['shape']))}{raw}")
    return "; ".join(told)


def output_told(found: Findings) -> str:
    """Say what the output is."""
    if "pieces" in found.datasets["target"]:
        return "the tokens of assets/target_tokenizer.json, one a step, from `encode` and then `decode_step`"
    names = found.datasets["target"].get("classes")
    if not names:
        return "the predicted value"
    lines = f"for each of the {len(names):,} lines of assets/labels.txt"
    return f"a probability {lines}" if "per_class" in found.released else f"a score {lines}, then the predicted value"


def data(found: Findings) -> Section:
    """Return the rows of both data sets, their versions, and what was left out."""
    splits = ("train", "validation", "test")
    rows = [
        (
            joined([role, element("small", ROLES[role])], ""),
            *(f"{rows_of(dataset, split):,}" for split in splits),
            f"{sum(dataset['quarantined'].values()):,}",
            f"{len(dataset['classes'])}" if "classes" in dataset else "none",
            code(version(found, role)),
        )
        for role, dataset in found.datasets.items()
    ]
    reasons = [
        (role, reason, f"{count:,}")
        for role, dataset in found.datasets.items()
        for reason, count in dataset["quarantined"].items()
    ]
    header = ("data set", *splits, "left out", "classes", "version")
    parts = [table("Rows by split; the version is the SHA-256 of dataset.json, which holds those of all columns",
                   header, rows)]  # fmt: skip
    if reasons:
        parts.append(table("Rows left out, by reason", ("data set", "reason", "rows"), reasons))
    return Section("data", "The data behind it", "Data", joined(parts))


def version(found: Findings, role: str) -> str:
    """Return the first digits of the digest of a data set."""
    return str(found.bundle["inputs"][f"data/ready/{role}/dataset.json"])[:16]


def lineage(found: Findings) -> Section:
    """Return digests, parameters and environment, each folded."""
    bundle = found.bundle
    told = paragraph(
        "Equal data, parameters, sources, software and kind of processor give equal bytes. manifest.json in the bundle "
        "holds all of this for machines."
    )
    parameters = element(
        "pre", element("code", json.dumps(bundle["parameters"], indent=2, ensure_ascii=False)),
        tabindex="0", role="region", aria_label="Parameters",
    )  # fmt: skip
    folds = [
        folded("Files of the bundle", _digests("SHA-256 of the bundle", bundle["files"])),
        folded("Parameters", parameters),
        folded("Environment", table("Software and processor", ("name", "version"), bundle["environment"].items(),
                                    class_="words")),
        folded(f"Inputs: {len(bundle['inputs'])} files", _digests("SHA-256 of the inputs", bundle["inputs"])),
        folded(f"Sources: {len(bundle['sources'])} files", _digests("SHA-256 of the sources", bundle["sources"])),
    ]  # fmt: skip
    return Section("lineage", "What it was made from", "Lineage", joined([told, *folds]))


def _digests(caption: str, files: dict[str, str]) -> Markup:
    return table(caption, ("file", "SHA-256"), files.items(), class_="digests")
