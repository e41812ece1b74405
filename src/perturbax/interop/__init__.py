"""Other people's arrays, models and formats."""

from . import diffusers as diffusers
from ._arrays import concatenate as concatenate
from ._arrays import like as like
from ._arrays import namespace_of as namespace_of

__all__ = ["concatenate", "diffusers", "like", "namespace_of"]
