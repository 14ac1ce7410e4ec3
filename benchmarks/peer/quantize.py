"""ai-edge-quantizer on one float file, in an environment of its own: its absl is newer than TFMOT allows.

python quantize.py FLOAT.tflite ROWS.npy FOLDER writes static_int8.tflite, dynamic_int8.tflite and dynamic_int4.tflite
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe


def main() -> None:
    """Quantize by the recipes that the package ships."""
    model, rows, folder = Path(sys.argv[1]), np.load(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    runner = Interpreter(model_path=str(model)).get_signature_list()
    signature, names = next(iter(runner.items()))
    samples = {signature: [{names["inputs"][0]: row[np.newaxis]} for row in rows]}
    shipped = {
        "static_int8": recipe.static_wi8_ai8(),
        "dynamic_int8": recipe.dynamic_wi8_afp32(),
        "dynamic_int4": recipe.dynamic_wi4_afp32(),
    }
    for name, steps in shipped.items():
        work = quantizer.Quantizer(str(model))
        work.load_quantization_recipe(steps)
        ranges = work.calibrate(samples) if work.need_calibration else None
        work.quantize(ranges).export_model(str(folder / f"{name}.tflite"), overwrite=True)


if __name__ == "__main__":
    main()
