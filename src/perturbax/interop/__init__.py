"""Other people's arrays, models and formats."""

from . import diffusers as diffusers
from ._arrays import concatenate as concatenate, like as like, namespace_of as namespace_of

__all__ = ["concatenate", "diffusers", "like", "namespace_of"]
