"""Which operators a file has, and which of them the delegate (XNNPACK) did not take."""

from collections import Counter
from typing import Any

import numpy as np

DELEGATE = "DELEGATE"


def written_types(*interpreters: Any) -> list[str]:
    """Return the types of the tensors that the operators of loaded files write, such as ["int8"]."""
    found: set[str] = set()
    for interpreter in interpreters:
        types = {int(tensor["index"]): np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
        nodes = (node for node in interpreter._get_ops_details() if node["op_name"] != DELEGATE)
        found |= {types[int(index)] for node in nodes for index in node["outputs"] if int(index) in types}
    return sorted(found)


def operators(*interpreters: Any) -> dict[str, dict[str, int]]:
    """Count the operators of loaded files together, as {"all": {name: count}, "not_delegated": {name: count}}.

    A file with several signatures is loaded once for each; see `tasks.compression.signatures.parts`.
    """
    counted = [_operators(interpreter) for interpreter in interpreters]
    return {
        name: dict(sorted(sum((Counter(found[place]) for found in counted), Counter[str]()).items()))
        for place, name in enumerate(("all", "not_delegated"))
    }


def _operators(interpreter: Any) -> tuple[list[str], list[str]]:
    """Return the names of all operators of the first graph, and of those that no delegate has taken.

    The interpreter keeps the nodes that a delegate has replaced. So the plan is walked back from the outputs: a tensor
    that a delegate's node writes hides the nodes behind it; one that an ordinary node writes shows that it runs.
    """
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == DELEGATE]
    ordinary = [node for node in nodes if node["op_name"] != DELEGATE]
    by_output = {int(tensor): node for group in (ordinary, delegates) for node in group for tensor in node["outputs"]}
    waiting = [int(detail["index"]) for detail in interpreter.get_output_details()]
    running: dict[int, str] = {}
    seen: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        if tensor in seen or tensor not in by_output:
            continue
        seen.add(tensor)
        node = by_output[tensor]
        running[int(node["index"])] = node["op_name"]
        waiting += [int(source) for source in node["inputs"] if source >= 0]
    return [node["op_name"] for node in ordinary], [name for name in running.values() if name != DELEGATE]
