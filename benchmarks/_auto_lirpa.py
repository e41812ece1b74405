"""auto_LiRPA 0.3 under a PyTorch and a NumPy that are younger than it: the four private names that it imports."""

import sys
import types
from typing import Any

import numpy as np
import torch
import torch.onnx.symbolic_helper
from torch.onnx._internal.torchscript_exporter._globals import GLOBALS


def load() -> Any:
    """The module, once the names are where it looks for them."""
    moved = types.ModuleType("numpy.lib.arraysetops")
    moved.isin = np.isin
    sys.modules["numpy.lib.arraysetops"] = moved

    def set_opset(version: int) -> None:
        GLOBALS.export_onnx_opset_version = version

    torch.onnx.symbolic_helper._set_opset_version = set_opset
    torch._C.Node.__getitem__ = lambda node, name: getattr(node, node.kindOf(name))(name)
    import auto_LiRPA

    return auto_LiRPA
