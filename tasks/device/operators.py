"""Which operators a file has, and which of them the delegate (XNNPACK) did not take."""

from collections import Counter
from typing import Any

import numpy as np

DELEGATE = "DELEGATE"


def written_types(interpreter: Any) -> list[str]:
    """Return the types of the tensors that the operators of a loaded file write, such as ["int8"]."""
    types = {int(tensor["index"]): np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    nodes = (node for node in interpreter._get_ops_details() if node["op_name"] != DELEGATE)
    return sorted({types[int(index)] for node in nodes for index in node["outputs"] if int(index) in types})


def operators(interpreter: Any) -> dict[str, dict[str, int]]:
    """Count the operators of a loaded file, as {"all": {name: count}, "not_delegated": {name: count}}.

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
    return {
        "all": dict(sorted(Counter(node["op_name"] for node in ordinary).items())),
        "not_delegated": dict(sorted(Counter(name for name in running.values() if name != DELEGATE).items())),
    }
