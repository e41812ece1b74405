"""Reduced models from files: arrays only, nothing that is executed."""

import os

import numpy as np

from ..core import check_instance, read_tree
from ..interop import Mesh
from ..systems import AbstractLaw, Solid
from ._calibration import Calibration
from ._pod import POD
from ._reduced import LABEL, ReducedModel, strain_product
from ._simulate import AbstractReduction
from ._weight import Diagonal


def load_reduced(path: str | os.PathLike[str], method: AbstractReduction, law: AbstractLaw) -> ReducedModel:
    """Read what `ReducedModel.save` wrote.

    **Arguments:** `path`; `method`: to march it with, such as `AdaptivePODECM()`; `law`: of the material.

    **Returns:** a `ReducedModel`.

    **Raises:** `ValueError` for a damaged or foreign file, `OSError` when it cannot be read, `TypeError` for another
    law or method.

    >>> from perturbax import rom, systems
    >>> law = systems.Norton(young=9.0, poisson=0.3, yield_stress=1.0, hardening=1.0, viscosity=1.0, exponent=3.0)
    >>> load_reduced("nothing.npz", rom.PODECM(), law)
    Traceback (most recent call last):
    ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nothing.npz'
    """
    check_instance("method", method, AbstractReduction, "a method such as rom.AdaptivePODECM()")
    check_instance("law", law, AbstractLaw, "a law such as systems.Norton(...)")
    tree = read_tree(path, LABEL)
    mesh = Mesh(tree["mesh"]["points"], tree["mesh"]["cells"])
    fixed = np.ones(mesh.points[:, np.ptp(mesh.points, 0) > 0.0].shape, bool)
    fixed.ravel()[tree["free"]] = False
    body = Solid(mesh, fixed)
    weights = {
        "displacement": strain_product(body),
        "plasticity": Diagonal(body.weights),
        "stress": Diagonal(np.repeat(body.weights, body.components)),
    }
    bases = {}
    for name, weight in weights.items():
        modes, values, error = tree[name]
        bases[name] = POD(modes, values, error, weight)
    calibration = None if tree["calibration"] is None else Calibration(*tree["calibration"])
    return ReducedModel(
        method, body, law, **bases, points=tree["points"], weights=tree["weights"], calibration=calibration, stats={}
    )
