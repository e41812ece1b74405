"""A plate with a soft hole whose place is uncertain, pulled at one side: the full model around a zone of interest.

The unit square is clamped at `x = 0` and pulled at `x = 1` with a traction of magnitude `p` in a direction that varies.
Young's modulus is 1, and 0.02 within a disc that lies below or above the middle with equal chance:

    p ~ U(0.5, 1.5),   angle ~ N(0, 0.15),   x ~ N(0.5, 0.08),   y ~ N(0.18, 0.03) or N(0.82, 0.03),   r ~ U(0.1, 0.16)

The disc is never soft inside the zone of interest, a square of cells in the middle, so that its stiffness is certain.
"""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ..core import check_integer, check_key, check_number
from ..linalg import factor_symmetric
from ._elastic import Elastic, plane_stress
from ._solid import Solid, box


class PlateTraces(eqx.Module):
    """Solutions of the full model on the boundary of the zone.

    - `traces`: displacements, shape `(n, d_b)`; `load`: shape `(n, 1)`; `above`: on which side the hole was.
    """

    traces: Float[np.ndarray, "n d_b"]
    load: Float[np.ndarray, "n 1"]
    above: Bool[np.ndarray, " n"]


class SoftHolePlate(eqx.Module):
    """A plate in plane stress with a soft hole at random.

    **Arguments:** `cells`: along a side; `zone`: first and last node of the zone of interest in both directions;
    `poisson`: Poisson's ratio; `softness`: Young's modulus in the hole.

    **Raises:** `TypeError`, `ValueError` for numbers that do not fit.

    >>> plate = SoftHolePlate(cells=6, zone=(2, 4))
    >>> plate.sample(jax.random.key(0), 3).traces.shape
    (3, 16)
    """

    cells: int = 20
    zone: tuple[int, int] = (7, 13)
    poisson: float = 0.3
    softness: float = 0.02

    def __check_init__(self):
        check_integer("cells", self.cells, minimum=3)
        first, last = (check_integer("zone", node, minimum=1, maximum=self.cells - 1) for node in self.zone)
        if last - first < 2:
            raise ValueError(f"zone must be two cells wide or more, got nodes {first} to {last}")
        check_number("poisson", self.poisson, minimum=0.0, maximum=0.5)
        check_number("softness", self.softness, minimum=0.0, maximum=1.0, exclusive=True)

    @property
    def body(self) -> Solid:
        """The whole plate."""
        mesh = box((self.cells, self.cells))
        return Solid(mesh, np.repeat(mesh.points[:, :1] == 0.0, 2, axis=1))

    @property
    def rim(self) -> Int[np.ndarray, " nodes"]:
        """The nodes of the plate on the boundary of the zone, once around it."""
        return around(self.zone, self.cells + 1)

    @property
    def rim_components(self) -> Int[np.ndarray, " d_b"]:
        """The components of flat displacements of the plate that a trace holds, in its order."""
        return _components(self.rim)

    def submodel(self) -> Elastic:
        """The zone as a body of its own, whose displacement is prescribed on its boundary."""
        side = self.zone[1] - self.zone[0]
        mesh = box((side, side), (side / self.cells, side / self.cells))
        fixed = np.zeros(mesh.points.shape, bool)
        fixed[self.submodel_rim] = True
        body = Solid(mesh, fixed)
        return Elastic(body, plane_stress(np.ones(body.points), self.poisson))

    @property
    def submodel_rim(self) -> Int[np.ndarray, " nodes"]:
        """The nodes of the zone's own mesh on its boundary, in the order of `rim`."""
        side = self.zone[1] - self.zone[0]
        return around((0, side), side + 1)

    @property
    def zone_nodes(self) -> Int[np.ndarray, " nodes"]:
        """The nodes of the plate in the zone, in the order of the zone's own mesh."""
        index = np.arange(self.zone[0], self.zone[1] + 1)
        return (index[:, None] * (self.cells + 1) + index).ravel()

    def sample(self, key: Any, count: int) -> PlateTraces:
        """Solve plates at random.

        **Arguments:** `key`: JAX PRNG key; `count`: how many.

        **Returns:** `PlateTraces`.
        """
        found, load, above = self.solve(key, count)
        return PlateTraces(found[:, self.rim_components], load, above)

    def solve(
        self, key: Any, count: int, load: float | None = None
    ) -> tuple[Float[np.ndarray, "n nodal"], Float[np.ndarray, "n 1"], Bool[np.ndarray, " n"]]:
        """Displacements of the whole plate, loads, and the sides of the holes.

        **Arguments:** as of `sample`; `load`: the magnitude of the traction, random when `None`.
        """
        count = check_integer("count", count, minimum=1)
        cases = _draw(check_key("key", key), count)
        if load is not None:
            cases["load"] = np.full(count, check_number("load", load, minimum=0.0))
        plate = _Assembled(self)
        found = np.stack([plate.solve({name: values[i] for name, values in cases.items()}) for i in range(count)])
        return found, cases["load"][:, None], cases["above"]


class _Assembled:
    """What the solves of a plate share: the stiffness of a unit modulus at each quadrature point, and its places."""

    def __init__(self, plate: SoftHolePlate):
        self.plate, self.body = plate, plate.body
        # A linear function of the moduli: the blocks of each point of the cells are found once.
        unit = plane_stress(np.ones(self.body.points), plate.poisson).reshape(len(self.body.cells), -1, 4, 4)
        points = range(unit.shape[1])
        chosen = [unit * (np.arange(unit.shape[1]) == q)[:, None, None] for q in points]
        self.blocks = np.stack([Elastic(self.body, each.reshape(-1, 4, 4)).blocks() for each in chosen], 1)
        self.pattern = self.body.pattern()
        places, (low, high) = self.body.coordinates, np.array(plate.zone) / plate.cells
        self.places, self.certain = places, ((places > low) & (places < high)).all(1)
        edge = np.flatnonzero(self.body.mesh.points[:, 0] == 1.0)
        # Linear along an edge: a node holds half of the traction on each side next to it.
        share = np.full(edge.size, 1.0 / plate.cells)
        share[[0, -1]] /= 2.0
        self.pull = np.zeros((len(self.body.mesh.points), 1))
        self.pull[edge, 0] = share

    def solve(self, case: dict[str, Any]) -> Float[np.ndarray, " nodal"]:
        inside = np.square(self.places - case["centre"]).sum(1) < case["radius"] ** 2
        young = np.where(inside & ~self.certain, self.plate.softness, 1.0).reshape(len(self.body.cells), -1)
        matrix = self.pattern.matrix(np.einsum("cq,cqij->cij", young, self.blocks))
        direction = np.array([np.cos(case["angle"]), np.sin(case["angle"])])
        force = (case["load"] * self.pull * direction).ravel()
        return self.body.lift(factor_symmetric(matrix).solve(force[self.body.free]))


def around(zone: tuple[int, int], side: int) -> Int[np.ndarray, " nodes"]:
    """The nodes of a square part of a grid on its boundary, against the clock from the lower left corner."""
    first, last = zone
    run = np.arange(first, last)
    constant = np.full(run.size, 1)
    x = np.concatenate([run, last * constant, run[::-1] + 1, first * constant])
    y = np.concatenate([first * constant, run, last * constant, run[::-1] + 1])
    return x * side + y


def _components(nodes: Int[np.ndarray, " nodes"]) -> Int[np.ndarray, " d_b"]:
    return (2 * nodes[:, None] + np.arange(2)).ravel()


def _draw(key: Any, count: int) -> dict[str, np.ndarray]:
    """Loads and holes, the same in every precision."""
    keys = jax.random.split(key, 6)
    normal = [np.asarray(jax.random.normal(k, (count,), np.float32), np.float64) for k in keys[:3]]
    uniform = [np.asarray(jax.random.uniform(k, (count,), np.float32), np.float64) for k in keys[3:5]]
    above = np.asarray(jax.random.bernoulli(keys[5], 0.5, (count,)))
    centre = np.stack([0.5 + 0.08 * normal[1], np.where(above, 0.82, 0.18) + 0.03 * normal[2]], 1)
    return {
        "angle": 0.15 * normal[0],
        "centre": centre,
        "load": 0.5 + uniform[0],
        "radius": 0.1 + 0.06 * uniform[1],
        "above": above,
    }
