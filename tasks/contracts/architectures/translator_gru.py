"""The section `train` of a translator: an encoder of self-attention, a recurrent decoder that attends to it.

It has the keys of `transformer_text`.
"""

from tasks.contracts.architectures.transformer_text import Train

__all__ = ["Train"]
