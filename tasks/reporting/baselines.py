"""What simple methods reach beside the released file, in words."""

from typing import Any

from tasks.reporting import words


def methods(document: dict[str, Any]) -> list[str]:
    """Return the names of the methods, as `rows` has them."""
    return [_named(name) for name in document["baselines"]]


def rows(document: dict[str, Any], released: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row per metric: its name, what the released file has, and what each method has."""
    return [
        (
            words.metric(name).title,
            words.score(name, score["value"]),
            *(words.score(name, values[name]) for values in document["baselines"].values()),
        )
        for name, score in released["scores"].items()
    ]


def told(document: dict[str, Any], released: dict[str, Any]) -> str:
    """Say what simple methods reach, and whether one of them does as well as the released file."""
    primary = document["primary"]
    reached = {_named(name): values[primary] for name, values in document["baselines"].items()}
    listed = ", ".join(f"{name} {words.score(primary, value)}" for name, value in reached.items())
    own, sign = released["scores"][primary]["value"], -1 if document["lower_is_better"] else 1
    as_good = [name for name, value in reached.items() if sign * value >= sign * own]
    verdict = (
        f"No better than a simple method: {', '.join(as_good)}. Look whether the network is worth it."
        if as_good
        else f"The released file has {words.score(primary, own)}."
    )
    fitted, title = words.counted(document["training_rows"], "training row"), words.metric(primary).title
    return f"Simple methods on the same rows, fitted on at most {fitted}: {title} {listed}. {verdict}"


def _named(method: str) -> str:
    return method.replace("_", " ")
