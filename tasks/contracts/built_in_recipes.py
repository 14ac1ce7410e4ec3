"""Recipes that are known by name: `compress: {int8: {}}` is enough.

Which of them a kind has depends on the precisions that it can be exported in; its module `settings` says so.
"""

from tasks.contracts.section import Settings

FLOAT_ARITHMETIC: Settings = {
    "float32": {"precision": "float32"},
    "dynamic": {"precision": "dynamic"},
    "pruned_dynamic": {"steps": {"prune": {}}, "precision": "dynamic", "finish": {"slim": {}}},
    "clustered_dynamic": {"steps": {"cluster": {}}, "precision": "dynamic", "finish": {"slim": {}}},
}
FLOAT16: Settings = {"float16": {"precision": "float16"}}
INTEGER_ARITHMETIC: Settings = {
    "int8": {"precision": "int8"},
    "int16x8": {"precision": "int16x8"},
    "rounded_int8": {"precision": "int8", "finish": {"round_weights": {}, "slim": {}}},
    "pruned_int8": {"steps": {"prune": {}}, "precision": "int8", "finish": {"slim": {}}},
    "clustered_int8": {"steps": {"cluster": {}}, "precision": "int8", "finish": {"slim": {}}},
}
QUANTIZATION_AWARE: Settings = {
    "qat_int8": {"steps": {"quantize_aware": {}}, "precision": "int8"},
    "pruned_qat_int8": {"steps": {"prune": {}, "quantize_aware": {}}, "precision": "int8"},
    "clustered_qat_int8": {"steps": {"cluster": {}, "quantize_aware": {}}, "precision": "int8"},
    "pruned_clustered_qat_int8": {"steps": {"prune": {}, "cluster": {}, "quantize_aware": {}}, "precision": "int8"},
}
SLIM_DYNAMIC: Settings = {"dynamic": {"finish": {"slim": {}}}}
