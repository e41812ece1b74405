"""Patients of the study of tumours: simulated on a slice of the real MNI152 anatomy, never part of a database."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perturbax import optimize, systems

THRESHOLDS = (0.2, 0.6)
# Of the whole tumour in a slice: 100 voxels of 2 mm.
_SMALLEST = 400.0
_BATCH = 64


class Patients(eqx.Module):
    """A brain with its model and prior, and patients: true parameters, densities and both masks."""

    anatomy: systems.BrainAnatomy
    forward: systems.FisherKolmogorov
    prior: systems.TumourPrior
    parameters: np.ndarray
    densities: np.ndarray
    masks: np.ndarray

    def problem(self, i: int, similarity: Any = None, temperature: float = 1.0) -> optimize.InverseProblem:
        """The inverse problem of one patient."""
        similarity = optimize.Dice(THRESHOLDS) if similarity is None else similarity
        return optimize.InverseProblem(self.forward, self.masks[i], self.prior, similarity, temperature=temperature)

    def record(self, find: Callable[[int], optimize.Estimate], which: range) -> dict[str, np.ndarray]:
        """Dice of both masks, errors of the parameters and seconds, of some patients."""
        rows = [_row(self, i, find(i)) for i in which]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def world(cell: Mapping[str, Any]) -> tuple[systems.BrainAnatomy, systems.FisherKolmogorov, systems.TumourPrior]:
    """The brain of a cell of the study: a slice, or the whole where `slice` is negative."""
    anatomy = systems.BrainAnatomy.from_mni(1)
    if cell["slice"] >= 0:
        anatomy = anatomy.slice(2, cell["slice"])
    anatomy = anatomy.coarsen(cell["spacing"])
    return anatomy, systems.FisherKolmogorov(anatomy), systems.TumourPrior(anatomy)


def patients(cell: Mapping[str, Any], key: Any) -> Patients:
    """So many draws from the prior whose whole tumour is 100 voxels of 2 mm large or larger and has a core."""
    anatomy, forward, prior = world(cell)
    smallest = _SMALLEST / anatomy.spacing**2
    parameters, densities, first = [], [], 0
    while len(parameters) < cell["patients"]:
        drawn = prior.sample(key, _BATCH, first)
        grown = np.asarray(_simulate(forward, drawn))
        area = [(grown >= level).reshape(_BATCH, -1).sum(1) for level in THRESHOLDS]
        kept = np.flatnonzero((area[0] >= smallest) & (area[1] > 0))
        parameters.extend(np.asarray(drawn)[kept])
        densities.extend(grown[kept])
        first += _BATCH
    count = cell["patients"]
    grown = np.stack(densities[:count])
    masks = np.stack([grown >= level for level in THRESHOLDS], axis=1)
    return Patients(anatomy, forward, prior, np.stack(parameters[:count]), grown, masks)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Of two masks."""
    return 2.0 * float((one & other).sum()) / max(float(one.sum() + other.sum()), 1.0)


def _row(patients: Patients, i: int, found: optimize.Estimate) -> dict[str, Any]:
    overlap = [dice(found.prediction >= level, mask) for level, mask in zip(THRESHOLDS, patients.masks[i], strict=True)]
    truth, best, mean = patients.parameters[i], found.parameters, found.mean
    return {
        "WT": overlap[0],
        "TC": overlap[1],
        "dice": float(np.mean(overlap)),
        "place": float(np.linalg.norm(best[:-2] - truth[:-2])),
        "best error": np.abs(best[-2:] / truth[-2:] - 1.0),
        "mean error": np.abs(mean[-2:] / truth[-2:] - 1.0),
        "seconds": found.stats["seconds"],
        "evaluations": found.stats["evaluations"],
    }


@eqx.filter_jit
def _simulate(forward: Any, parameters: Any) -> Any:
    return jax.vmap(forward)(jnp.asarray(parameters))
