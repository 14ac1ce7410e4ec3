"""What the released file does on the test rows, beside float32."""

from tasks.reporting import baselines, words
from tasks.reporting.charts import curves, numbers, parts, recipes
from tasks.reporting.findings import Findings
from tasks.reporting.page.curve_boxes import boxes
from tasks.reporting.page.markup import (
    Cell,
    Markup,
    Section,
    element,
    folded,
    joined,
    paragraph,
    ranged,
    table,
)
from tasks.reporting.page.shell import drawn
from tasks.reporting.results import header, measured_on, result_rows
from tasks.reporting.words import FLOAT32

PER_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")
UNFOLDED = 20  # rows of the table of slices
MAX_ROWS = 200  # of a table: metrics.json has them all


def size(found: Findings) -> Section:
    """Draw size against accuracy."""
    return Section("size", "What each byte buys", "Size", drawn(recipes.size_against_accuracy(found)))


def results(found: Findings) -> Section:
    """Return the result table."""
    rows = [
        (_marked(row[0], found.recipe), *map(ranged, row[1:]))
        for row in result_rows(found.bundle, found.metrics, found.profiles)
    ]
    body = joined(
        [table("Every recipe", header(found.metrics), rows), paragraph(measured_on(found.float32), class_="note")]
    )
    return Section("recipes", "Every recipe beside float32", "Recipes", body)


def simple(found: Findings) -> Section:
    """Return what simple methods reach on the same rows."""
    rows = baselines.rows(found.baseline, found.released)
    shown = table("Simple methods on the same rows", ("metric", found.recipe, *baselines.methods(found.baseline)), rows)
    body = joined([paragraph(baselines.told(found.baseline, found.released)), shown])
    return Section("baselines", "Is the network worth it?", "Baselines", body)


def metrics(found: Findings) -> Section:
    """Return every metric of the released file and of float32, with the paired drop."""
    reasons, reference = found.released["undefined"], found.float32["scores"]
    rows = [
        (
            joined([words.metric(name).title, element("small", words.metric(name).told)], ""),
            _or_reason(words.measured(name, score), reasons.get(name)),
            ranged(words.measured(name, reference[name])),
            ranged(words.lost(name, score)),
        )
        for name, score in found.released["scores"].items()
    ]
    note = paragraph(
        "Lost: in points, or in the metric's own unit; a minus means a gain. The interval is paired: both files on "
        f"the same {found.released['rows']:,} rows. Agreement with {FLOAT32}: "
        f"{words.percent(found.released['agreement_with_float32'])}.",
        class_="note",
    )  # fmt: skip
    shown = table("Every metric, with its interval", ("metric", found.recipe, FLOAT32, "lost"), rows)
    shares = [drawn(recipes.lost_in_each_metric(found))] if recipes.shares(found) else []
    body = joined([shown, note, _undefined(reasons), *shares])
    return Section("metrics", "Every metric, and what compression costs in it", "Metrics", body)


def curved(found: Findings) -> Section:
    """Draw ROC and precision over recall, with a box for each curve."""
    body = joined([boxes(found), drawn(curves.roc(found), curves.precision_recall(found), curves=True)])
    return Section("curves", "Finding a class against false alarms", "Curves", body)


def reliability(found: Findings) -> Section:
    """Draw the reliability of both files."""
    errors = {
        name: words.score("calibration_error", found.metrics[name]["scores"]["calibration_error"]["value"])
        for name in dict.fromkeys((FLOAT32, found.recipe))
    }
    told = "; ".join(f"{name} {error}" for name, error in errors.items())
    body = joined([paragraph(f"Calibration error: {told}."), drawn(*curves.reliability(found))])
    return Section("reliability", "Is it as sure as it is right?", "Confidence", body)


def confusion(found: Findings) -> Section:
    """Draw what the classes were taken for, and say every pair of them."""
    classes = list(found.released["per_class"])
    counts = found.released["confusion"]
    wrong = [
        (counts[row][column], classes[row], classes[column])
        for row in range(len(classes))
        for column in range(len(classes))
        if row != column and counts[row][column]
    ]
    worst = sorted(wrong, key=lambda pair: -pair[0])
    total = sum(map(sum, counts))
    rows = [(name, other, f"{count:,}", words.percent(count / total)) for count, name, other in worst[:MAX_ROWS]]
    listed = table(f"Wrong answers of {found.recipe}", ("class", "taken for", "rows", "of all rows"), rows)
    drawings = [drawn(*parts.confusions(found))]
    if len(classes) > parts.MAX_CLASSES:
        few = f"The {parts.MAX_CLASSES} classes with most wrong answers, of {len(classes)}."
        drawings.insert(0, paragraph(few, class_="note"))
    told = folded(f"As a table: {words.counted(len(wrong), 'pair')}", listed, _cut(len(wrong)))
    return Section("confusion", "Which classes are taken for one another", "Confusion", joined([*drawings, told]))


def predicted(found: Findings) -> Section:
    """Draw predicted against actual numbers, and how far off they are."""
    return Section("predicted", "How far off it is", "Errors", drawn(*numbers.predictions(found)))


def examples(found: Findings) -> Section:
    """Show some translations beside what they should be."""
    note = paragraph("Evenly from all test rows: neither the best nor the worst.", class_="note")
    shown = table(f"As {found.recipe} translates", ("reference", "translation"), found.examples, class_="words")
    return Section("examples", "What it says", "Examples", joined([note, shown]))


def weakest(found: Findings) -> Section:
    """Return the slices, worst first, with what compression costs in each, and the figures of each class."""
    slices, primary = found.released["slices"], found.primary
    unit = "points lost" if words.metric(primary).is_share else "% lost"
    rows = [
        (
            one["slice"], f"{one['rows']:,}",
            ranged(words.of_part(primary, one)),
            words.reference_of_part(primary, one), ranged(words.lost_in_part(primary, one)),
        )
        for one in slices[:MAX_ROWS]
    ]  # fmt: skip
    names = ("slice", "rows", f"{words.metric(primary).title} of {found.recipe}", f"of {FLOAT32}", unit)
    shown = [table("Slices of the test rows, worst first", names, rows[:UNFOLDED])]
    if rest := rows[UNFOLDED:]:
        shown.append(folded("The slices after these", table("Slices, better ones", names, rest), _cut(len(slices))))
    if "per_class" in found.released:
        cut = _cut(len(found.released["per_class"]))
        shown.append(folded("Each class: precision, recall and more", _per_class(found), cut))
    body = joined([drawn(parts.worst_slices(found)), *shown])
    return Section("slices", "Where it is weakest, and what compression costs there", "Slices", body)


def _marked(recipe: str, released: str) -> Cell:
    return joined([recipe, element("span", "", class_="mark")], "") if recipe == released else recipe


def _per_class(found: Findings) -> Markup:
    reasons = found.released["undefined"]
    rows = [
        (
            name,
            *(_or_reason(words.score(key, one[key]), reasons.get(f"{key} of {name}")) for key in PER_CLASS),
            f"{one['rows']:,}",
        )
        for name, one in list(found.released["per_class"].items())[:MAX_ROWS]
    ]
    header = ("class", *(words.metric(key).title for key in PER_CLASS), "rows")
    return table(f"Each class, as {found.recipe} answers", header, rows)


def _or_reason(written: str, reason: str | None) -> Cell:
    return joined([written, element("small", reason)], "") if reason and words.UNDEFINED in written else ranged(written)


def _undefined(reasons: dict[str, str]) -> Markup:
    """Say which figures are undefined, and why: a class without one is left out of the mean."""
    if not reasons:
        return Markup("")
    rows = list(reasons.items())[:MAX_ROWS]
    told = table("Undefined on these rows, and left out of every mean", ("figure", "reason"), rows, class_="words")
    return folded(f"{words.counted(len(reasons), 'figure is', 'figures are')} undefined", told, _cut(len(reasons)))


def _cut(rows: int) -> Markup:
    more = rows - MAX_ROWS
    told = f"And {more:,} more, in metrics.json of this recipe." if more > 0 else ""
    return paragraph(told, class_="note") if told else Markup("")
