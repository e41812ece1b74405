"""Other people's arrays, models, meshes and formats."""

from . import diffusers as diffusers
from ._arrays import concatenate as concatenate
from ._arrays import like as like
from ._arrays import namespace_of as namespace_of
from ._mesh import Mesh as Mesh
from ._mesh import read_mesh as read_mesh
from ._mesh import write_mesh as write_mesh
from ._nifti import Volume as Volume
from ._nifti import check_nifti_name as check_nifti_name
from ._nifti import read_nifti as read_nifti
from ._nifti import write_nifti as write_nifti
from ._onnx import OnnxFunction as OnnxFunction
from ._onnx import OnnxValue as OnnxValue
from ._onnx import read_onnx as read_onnx
from ._onnx_runtime import onnxruntime_function as onnxruntime_function
from ._vnnlib import LinearInequalities as LinearInequalities
from ._vnnlib import Region as Region
from ._vnnlib import SafetyProperty as SafetyProperty
from ._vnnlib import read_vnnlib as read_vnnlib
from ._vnnlib import write_vnnlib_result as write_vnnlib_result

__all__ = [
    "LinearInequalities",
    "Mesh",
    "OnnxFunction",
    "OnnxValue",
    "Region",
    "SafetyProperty",
    "Volume",
    "check_nifti_name",
    "concatenate",
    "diffusers",
    "like",
    "namespace_of",
    "onnxruntime_function",
    "read_mesh",
    "read_nifti",
    "read_onnx",
    "read_vnnlib",
    "write_mesh",
    "write_nifti",
    "write_vnnlib_result",
]
