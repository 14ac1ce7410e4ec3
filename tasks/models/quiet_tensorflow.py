"""TensorFlow, started without the lines that it prints about itself.

Every module that imports TensorFlow, Keras or TFMOT imports this one first. `import tasks.models` alone starts nothing.
"""

import os
import sys
from tempfile import TemporaryFile


def _import_tensorflow() -> None:
    """Import TensorFlow with stderr redirected into a file, whose content is shown only if the import fails.

    No switch turns its start-up lines off: they are written before TF_CPP_MIN_LOG_LEVEL is read.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_import_tensorflow()

from tf_keras import Model, initializers, layers  # noqa: E402  # TensorFlow has to be there first

__all__ = ["Model", "initializers", "layers"]
