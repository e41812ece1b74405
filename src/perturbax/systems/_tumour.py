r"""Growth of a tumour in a brain by the equation of Fisher and Kolmogorov.

    u_t = div(D(x) grad u) + rho u (1 - u),      D grad u . n = 0 on the boundary of the tissue,      u in [0, 1]

with `D = D_w (p_w + p_g / 10)` from the shares of white and grey matter. One picture, taken a time `T` after the start,
tells `D_w T` and `rho T` only. So time runs from 0 to 1 here, and the parameters are the place `x_0` of the start in
millimetres, the length `l = sqrt(D_w T)` in millimetres, and the growth `g = rho T`:

    u_t = div(l^2 (p_w + p_g / 10) grad u) + g u (1 - u),      u(0, x) = exp(-|x - x_0|^2 / (2 s^2))

Finite volumes with the mean coefficient of two voxels on their face, and none where either is no tissue, so that
diffusion conserves the sum of all cells. A step of Strang's splitting is

    u <- R(dt / 2) E(dt) R(dt / 2) u,      R(t) u = u e^(g t) / (1 + u (e^(g t) - 1)),      E(t) u = u + t L u

with as many steps as `E` needs to be stable, `2 d l^2 dt / h^2 <= 1` in `d` dimensions.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_instance, check_integer, check_number
from ..stats import AbstractPrior
from ._brain import BrainAnatomy

# Diffusion in grey matter over that in white matter.
_GREY = 0.1


class FisherKolmogorov(eqx.Module):
    """The density of a tumour as a function of its parameters `(x_0 ..., l, g)`. Can be transformed and differentiated.

    **Arguments:**

    - `anatomy`: the brain.
    - `reach`: the largest `l` that is solved for, in millimetres; beyond it densities are NaN. It sets the number of
      steps.
    - `refine`: times as many steps as stability asks for.
    - `seed_radius`: `s`, in millimetres.

    **Raises:** `TypeError`, `ValueError` for arguments out of range.

    Source: the model of Lipkova et al. 2019, arXiv 1807.00499, which Ezhov et al. 2022, arXiv 2205.04550, simulate.

    >>> grow = FisherKolmogorov(BrainAnatomy.phantom((16, 16)), reach=8.0)
    >>> grow(jnp.array([15.0, 15.0, 5.0, 8.0])).shape
    (16, 16)
    """

    coefficients: tuple[Float[np.ndarray, "..."], ...]
    tissue: Float[np.ndarray, "..."]
    corner: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    spacing: float = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    reach: float = eqx.field(static=True)
    seed_radius: float = eqx.field(static=True)

    def __init__(
        self,
        anatomy: BrainAnatomy,
        *,
        reach: float | int = 16.0,
        refine: int = 1,
        seed_radius: float | int = 2.0,
    ):
        check_instance("anatomy", anatomy, BrainAnatomy, "a systems.BrainAnatomy")
        self.reach = check_number("reach", reach, minimum=0.0, exclusive=True)
        self.seed_radius = check_number("seed_radius", seed_radius, minimum=0.0, exclusive=True)
        refine = check_integer("refine", refine, minimum=1)
        self.shape, self.spacing = anatomy.shape, anatomy.spacing
        # Nothing happens outside of the box that the tissue fills.
        where = [np.flatnonzero(anatomy.tissue.any(tuple(_others(self.ndim, axis)))) for axis in range(self.ndim)]
        box = tuple(slice(int(at[0]), int(at[-1]) + 1) for at in where)
        self.corner = tuple(side.start for side in box)
        tissue = anatomy.tissue[box]
        mobility = np.where(tissue, anatomy.white[box] + _GREY * anatomy.grey[box], 0.0).astype(np.float32)
        self.coefficients = tuple(_faces(mobility, tissue, axis) for axis in range(self.ndim))
        self.tissue = tissue.astype(np.float32)
        stable = 2.0 * self.ndim * (self.reach / self.spacing) ** 2 * float(mobility.max())
        self.steps = refine * max(1, math.ceil(stable))

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def start(self, parameters: Float[Array, " d"]) -> Float[Array, "..."]:
        """The density at time 0 in the box of the tissue."""
        axes = [
            self.spacing * (corner + np.arange(n, dtype=np.float32)) - parameters[i]
            for i, (corner, n) in enumerate(zip(self.corner, self.tissue.shape, strict=True))
        ]
        square = sum(x**2 for x in jnp.meshgrid(*axes, indexing="ij"))
        return jnp.exp(-square / (2.0 * self.seed_radius**2)) * self.tissue

    def diffuse(self, u: Float[Array, "..."], amount: Any) -> Float[Array, "..."]:
        """One explicit step of diffusion in the box of the tissue, with `amount = l^2 dt / h^2`."""
        change = jnp.zeros_like(u)
        for axis, coefficient in enumerate(self.coefficients):
            flux = coefficient * jnp.diff(u, axis=axis)
            change = change + _padded(flux, axis, (0, 1)) - _padded(flux, axis, (1, 0))
        return u + amount * change

    def step(self, u: Float[Array, "..."], parameters: Float[Array, " d"]) -> Float[Array, "..."]:
        """One step of the splitting in the box of the tissue."""
        length, growth = parameters[-2], parameters[-1]
        dt = 1.0 / self.steps
        u = _grow(u, growth * dt / 2.0)
        u = self.diffuse(u, length**2 * dt / self.spacing**2)
        return _grow(u, growth * dt / 2.0)

    def __call__(self, parameters: Float[Array, " d"]) -> Float[Array, "..."]:
        """The density at time 1 in all voxels.

        **Arguments:** `parameters`: `(x_0 ..., l, g)`, the place in millimetres from the centre of the first voxel.
        """
        u, _ = jax.lax.scan(lambda u, _: (self.step(u, parameters), None), self.start(parameters), length=self.steps)
        return self._whole(u, parameters)

    def history(self, parameters: Float[Array, " d"]) -> Float[Array, "times ..."]:
        """The densities before the first and after each step, in all voxels."""
        first = self.start(parameters)

        def step(u: Array, _: Any) -> tuple[Array, Array]:
            u = self.step(u, parameters)
            return u, u

        _, rest = jax.lax.scan(step, first, length=self.steps)
        return jax.vmap(lambda u: self._whole(u, parameters))(jnp.concatenate([first[None], rest]))

    def _whole(self, u: Float[Array, "..."], parameters: Float[Array, " d"]) -> Float[Array, "..."]:
        sides = zip(self.corner, u.shape, self.shape, strict=True)
        whole = jnp.pad(u, [(corner, n - corner - size) for corner, size, n in sides])
        return jnp.where(parameters[-2] <= self.reach, whole, jnp.nan)


class TumourPrior(AbstractPrior):
    """Tumours that start anywhere in white matter, with length and growth from a box.

    **Arguments:** `anatomy`; `length`: smallest and largest `l = sqrt(D_w T)` in millimetres; `growth`: smallest and
    largest `g = rho T`.

    **Raises:** `TypeError`, `ValueError` for ranges that are none.

    >>> prior = TumourPrior(BrainAnatomy.phantom((16, 16)))
    >>> prior.names
    ('x', 'y', 'length', 'growth')
    >>> prior.sample(jax.random.key(0), 5).shape
    (5, 4)
    """

    low: Float[Array | np.ndarray, " d"]
    high: Float[Array | np.ndarray, " d"]
    names: tuple[str, ...] = eqx.field(static=True)
    white_matter: np.ndarray
    voxels: np.ndarray
    spacing: float = eqx.field(static=True)

    def __init__(
        self,
        anatomy: BrainAnatomy,
        *,
        length: tuple[float | int, float | int] = (4.0, 16.0),
        growth: tuple[float | int, float | int] = (4.0, 20.0),
    ):
        check_instance("anatomy", anatomy, BrainAnatomy, "a systems.BrainAnatomy")
        ranges = [_range("length", length), _range("growth", growth)]
        self.white_matter, self.spacing = anatomy.white_matter, anatomy.spacing
        self.voxels = np.argwhere(self.white_matter).astype(np.float32)
        corners = [
            [(at + side) * self.spacing for at in edge] + [both[end] for both in ranges]
            for end, (edge, side) in enumerate([(self.voxels.min(0), -0.5), (self.voxels.max(0), 0.5)])
        ]
        self.low, self.high = (np.asarray(corner, np.float32) for corner in corners)
        self.names = (*"xyz"[: anatomy.white.ndim], "length", "growth")

    def draw(self, key: Any) -> Float[Array, " d"]:
        which, within, rest = jax.random.split(key, 3)
        voxel = jnp.asarray(self.voxels)[jax.random.randint(which, (), 0, self.voxels.shape[0])]
        place = self.spacing * (voxel + jax.random.uniform(within, voxel.shape, minval=-0.5, maxval=0.5))
        low, width = self.low[-2:], self.width[-2:]
        return jnp.concatenate([place, low + width * jax.random.uniform(rest, (2,))])

    def log_density(self, parameters: Float[Array, " d"]) -> Float[Array, ""]:
        place = tuple(jnp.round(x / self.spacing).astype(jnp.int32) for x in parameters[:-2])
        # JAX clips indices, and what is clipped lies outside of the box.
        inside = self.inside(parameters) & jnp.asarray(self.white_matter)[place]
        return jnp.where(inside, 0.0, -jnp.inf)


def physical_rates(length: Any, growth: Any, days: float | int) -> tuple[Any, Any]:
    """`D_w = l^2 / T` in mm^2 and `rho = g / T`, both a day, of a tumour that is assumed to have grown for `T` days.

    >>> physical_rates(12.0, 10.0, days=360.0)
    (0.4, 0.027777777777777776)
    """
    days = check_number("days", days, minimum=0.0, exclusive=True)
    return length**2 / days, growth / days


def _grow(u: Float[Array, "..."], amount: Any) -> Float[Array, "..."]:
    """The exact solution of `u' = g u (1 - u)`."""
    return u / (u + (1.0 - u) * jnp.exp(-amount))


def _faces(mobility: np.ndarray, tissue: np.ndarray, axis: int) -> np.ndarray:
    """Coefficients on the faces between neighbours along an axis."""
    one, other = (np.take(mobility, np.arange(mobility.shape[axis] - 1) + i, axis) for i in (0, 1))
    both = np.logical_and(*(np.take(tissue, np.arange(tissue.shape[axis] - 1) + i, axis) for i in (0, 1)))
    return np.where(both, (one + other) / 2.0, 0.0).astype(np.float32)


def _padded(values: Any, axis: int, sides: tuple[int, int]) -> Any:
    return jnp.pad(values, [sides if i == axis else (0, 0) for i in range(values.ndim)])


def _others(ndim: int, axis: int) -> list[int]:
    return [i for i in range(ndim) if i != axis]


def _range(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, the smallest and the largest, got {value!r}")
    low = check_number(f"{name}[0]", value[0], minimum=0.0, exclusive=True)
    high = check_number(f"{name}[1]", value[1], minimum=0.0, exclusive=True)
    if not low < high:
        raise ValueError(f"{name} must be the smallest and the largest, got {low:g} and {high:g}")
    return low, high
