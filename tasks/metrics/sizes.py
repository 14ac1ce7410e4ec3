"""How big a file is: on the device, and on the way there."""

import io
import zipfile
from pathlib import Path


def sizes(path: Path) -> dict[str, int]:
    """Return the file's raw bytes and the bytes of a zip of it (deflate, default level).

    Published "compressed sizes" of TFMOT are those of the zip (tensorflow/model-optimization, g3doc/guide/clustering).
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return {"size_bytes": path.stat().st_size, "zip_bytes": len(buffer.getvalue())}
