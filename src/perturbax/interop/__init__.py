"""Other people's arrays, models, meshes and formats."""

from . import diffusers as diffusers
from ._arrays import concatenate as concatenate
from ._arrays import like as like
from ._arrays import namespace_of as namespace_of
from ._mesh import Mesh as Mesh
from ._mesh import read_mesh as read_mesh
from ._mesh import write_mesh as write_mesh

__all__ = ["Mesh", "concatenate", "diffusers", "like", "namespace_of", "read_mesh", "write_mesh"]
