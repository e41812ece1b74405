"""Other people's arrays, models and formats."""

from . import diffusers as diffusers
from ._arrays import concatenate as concatenate
from ._arrays import like as like
from ._arrays import namespace_of as namespace_of
from ._onnx import OnnxFunction as OnnxFunction
from ._onnx import OnnxValue as OnnxValue
from ._onnx import read_onnx as read_onnx

__all__ = ["OnnxFunction", "OnnxValue", "concatenate", "diffusers", "like", "namespace_of", "read_onnx"]
