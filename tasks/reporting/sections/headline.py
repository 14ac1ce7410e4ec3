"""The headline: what is released or why nothing is, beside the strongest simple method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.reporting import words
from tasks.reporting.findings import Findings
from tasks.reporting.sections import decision
from tasks.reporting.sections.decision import Shown
from tasks.reporting.words import FLOAT32


@dataclass(frozen=True)
class Headline:
    """The head and the foot of the report.

    Attributes:
        owner: name of the line.
        plain: the headline as text.
        first: the network beside the strongest simple method, in a sentence.
        lead: the decision in a few sentences.
        above: what kind of report it is.
        version: when it was made, of which commit, from which data.
        file: name of the described file.
        sha256: its digest.
    """

    owner: str
    plain: str
    first: str
    lead: str
    above: str
    version: str
    file: str
    sha256: str


def headline(found: Findings) -> Headline:
    """Return the headline and the decision in a few sentences."""
    file = "model.tflite" if found.is_released else f"{found.recipe}.tflite"
    above = "report of a release" if found.is_released else "report of a run without a release"
    plain = verdict_in_a_line(found)
    return Headline(
        found.owner.name, f"{found.owner.name}: {plain}" if found.is_released else plain, against_baseline(found),
        f"{_why(found)} {_figures(found)}", f"{found.owner.name}: {above}",
        found.version.line, file, found.files["model.tflite"],
    )  # fmt: skip


def verdict_in_a_line(found: Findings) -> str:
    """Say what is released, at whose risk and against which simple method, or why nothing is."""
    if not found.is_released:
        return not_released(found)
    released = f"{found.recipe} is released" + (" at its owner's risk" if found.accepted else "")
    return f"{released}, but {strongest(found)} is better" if loses(found) else released


def not_released(found: Findings) -> str:
    """Say in one line why nothing is released."""
    missed = [f"{gate.title} {gate.bound}" for gate in _missed(found)]
    count, recipes = words.counted(len(missed), "gate"), len(found.verdict["candidates"])
    nearest = f"{found.recipe}, the nearest of {recipes} recipes," if recipes > 1 else found.recipe
    return f"Not released, because {nearest} fails {count}: {'; '.join(missed)}"


def warnings(found: Findings) -> list[str]:
    """Return what stands above the card and the result table: why nothing is released, or at whose risk."""
    if not found.is_released:
        return [not_released(found)]
    return [_accepted(found)] if found.accepted else []


def strongest(found: Findings) -> str:
    """Name the strongest simple method."""
    return words.method(found.verdict["baselines"]["strongest"] or "none")


def loses(found: Findings) -> bool:
    """Whether the strongest simple method has the better value."""
    compared = found.verdict["baselines"]
    if compared["value"] is None or compared["network"] is None:
        return False
    sign = -1 if found.baseline["lower_is_better"] else 1
    return bool(compared["beaten"] is not True and sign * compared["value"] > sign * compared["network"])


def against_baseline(found: Findings) -> str:
    """Compare the network with the strongest simple method, whichever is better, in one sentence."""
    compared: Mapping[str, Any] = found.verdict["baselines"]
    name, simple = compared["metric"], strongest(found)
    if compared["value"] is None:
        return "No simple method was measured on these rows."
    title, theirs, own = words.metric(name).title, compared["value"], compared["network"]
    reached = f"{title} {words.score(name, theirs)} against {words.score(name, own)} of {found.recipe}"
    if loses(found):
        sure = "" if compared["beaten"] is False else " These rows cannot prove it."
        return f"{simple[:1].upper()}{simple[1:]} is better: {reached}. Consider using it instead.{sure}"
    ours = f"{title} {words.score(name, own)} against {words.score(name, theirs)} of {simple}"
    if compared["beaten"]:
        return f"{found.recipe} is better than the strongest simple method: {ours}."
    return f"No better than the strongest simple method, as far as these rows can tell: {ours}."


def _missed(found: Findings) -> list[Shown]:
    return [gate for gate in decision.of_recipe(found, found.verdict["gates"]) if not gate.passed]


def _why(found: Findings) -> str:
    if found.accepted:
        return f"{_accepted(found)}."
    if found.is_released:
        return _passed(found)
    return "This page describes the nearest candidate. " + " ".join(
        f"{gate.title}: measured {words.with_interval(gate.value, gate.interval)}, needed {gate.bound}."
        for gate in _missed(found)
    )


def _accepted(found: Findings) -> str:
    missed = "; ".join(f"{gate.title} {gate.bound}" for gate in _missed(found)) or "none"
    reason = found.accepted["reason"].rstrip(".")
    return f"{found.recipe} was accepted at its owner's risk. Failed gates: {missed}. Reason: {reason}"


def _passed(found: Findings) -> str:
    gates = decision.of_recipe(found, found.verdict["gates"])
    undecided = sum(gate.status == decision.UNDECIDED for gate in gates)
    left = f"; {words.counted(undecided, 'gate is', 'gates are')} undecided with these test rows" if undecided else ""
    return f"{found.recipe} passed {words.counted(len(gates) - undecided, 'gate')}{left}."


def _figures(found: Findings) -> str:
    measured, score = found.measured, found.measured["scores"][found.primary]
    share = measured["zip_bytes"] / found.float32["zip_bytes"]
    return (
        f"{found.recipe} takes {measured['size_bytes']:,} bytes on the device and {measured['zip_bytes']:,} as a zip "
        f"file, {words.percent(share, 1)} of {FLOAT32}'s. On {measured['rows']:,} test rows it has "
        f"{_named(found.primary)} {words.score(found.primary, score['value'])}, "
        f"{_against(found.primary, score['drop'])}."
    )


def _named(primary: str) -> str:
    title = words.metric(primary).title
    return f"{'an' if title[0] in 'AEIOR' else 'a'} {title if title.isupper() else title.lower()} of"


def _against(primary: str, drop: float) -> str:
    if not round(drop, 4):
        return f"the same as {FLOAT32}"
    lost, unit = words.difference(primary, abs(drop)), " points" if words.metric(primary).is_share else ""
    return f"{lost}{unit} {'worse' if drop > 0 else 'better'} than {FLOAT32}"
