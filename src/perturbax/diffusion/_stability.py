"""`stability`: for which step sizes a sampler keeps a decaying solution decaying.

In `y = x / alpha` and the noise level `s = sigma / alpha` the diffusion ODE is `dy/ds = e`. On the test equation
`e = lambda y` with steps of equal size `h` a sampler becomes a recurrence with constant coefficients in `z = lambda h`,
whose solutions stay bounded when the roots of its characteristic polynomial lie in the unit disc, and those on the
circle are simple (the root condition; Hairer & Wanner, *Solving ordinary differential equations II*, V.1).

The recurrence is read off the sampler's plan and so needs no formula of any method: a stage maps the registers to the
registers by a matrix `A + z B`, after a few stages these repeat, and the roots are the eigenvalues of the product over
one period.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Complex, Float

from ..core import check_array, check_instance, check_number
from ._grid import TimeUniform
from ._method import AbstractPlanned
from ._noise_level import EDM
from ._plan import Plan

# Far from the data a step of 1 is small against the noise level, so that the coefficients of exponential integrators,
# which depend on ratios of noise levels, are constant too.
_NOISE_LEVEL = 1e5
_STAGES = 96
_LONGEST_PERIOD = 24
_ON_THE_CIRCLE = 1e-6


class Stability(eqx.Module):
    """What `stability` returns.

    - `z`: the points that were asked for.
    - `spectral_radius`: by how much an evaluation multiplies the worst solution there, the shape of `z`.
    - `stable`: the region of absolute stability as a mask, the shape of `z`.
    - `real_interval`: the leftmost `z` such that all of `[z, 0]` is stable; 0 when there is none.
    """

    z: Complex[np.ndarray, "..."]
    spectral_radius: Float[np.ndarray, "..."]
    stable: Bool[np.ndarray, "..."]
    real_interval: float


def stability(method: AbstractPlanned, z: Any = None, *, guidance: float = 1.0) -> Stability:
    """The region of absolute stability of a sampler on `x' = lambda x`, with `z = lambda h`.

    `h` is the change of the noise level per network evaluation, so that methods are compared at equal cost; for a
    multistep method this is a step. A negative real part of `z` means that the solution decays as the noise falls.
    The larger the region, the fewer steps a stiff model (strong guidance) takes before sampling explodes; it says
    nothing about accuracy.

    **Arguments:**

    - `method`: a deterministic sampler with fixed steps; its own `steps` and `grid` do not matter.
    - `z`: complex points of any shape; by default a grid of 161 x 121 over `[-3, 1] x [-1.5, 1.5] i`.
    - `guidance`: scale of classifier-free guidance. `z` then belongs to the conditional prediction, where the
      unconditional one does not respond to the state, the worst case: the region shrinks by the scale.

    **Returns:** `Stability`.

    **Raises:** `TypeError` for an adaptive method; `ValueError` for one that adds noise or has no repeating stages, or
    points that are not finite.

    Exponential integrators such as `DPMSolverPP` are taken in the limit of small steps in the half log-SNR, where the
    multistep ones are Adams-Bashforth methods; on long steps their decay factor adds stability that is not seen here.

    Source: Wizadwongsa et al. 2024, section 3.1 and appendix.

    >>> from perturbax import diffusion
    >>> [round(diffusion.stability(diffusion.PLMS(order=q)).real_interval, 3) for q in (1, 2, 3, 4)]
    [-2.0, -1.0, -0.545, -0.3]
    """
    check_instance("method", method, AbstractPlanned, "a sampler with fixed steps (an adaptive one has no recurrence)")
    check_number("guidance", guidance, minimum=0.0, exclusive=True)
    if z is None:
        z = np.linspace(-3.0, 1.0, 161) + 1j * np.linspace(-1.5, 1.5, 121)[:, None]
    z = np.asarray(check_array("z", z, kind="any"))
    if z.dtype.kind not in "fiuc":
        raise TypeError(f"z must hold numbers, got dtype {z.dtype}")
    if not np.isfinite(z).all():
        raise ValueError("z must be finite")
    z = z.astype(np.complex128)
    recurrence = _recurrence(method)
    radius = _spectral_radius(recurrence, guidance * z)
    return Stability(z, radius, radius <= 1.0 + _ON_THE_CIRCLE, _real_interval(recurrence) / guidance)


class _Recurrence(NamedTuple):
    """One period: stage `k` maps the registers by `free[k] + z forced[k]`."""

    free: np.ndarray
    forced: np.ndarray


def _recurrence(method: AbstractPlanned) -> _Recurrence:
    steps = max(_STAGES, 4 * method.minimum_steps)
    process = EDM(t_min=_NOISE_LEVEL, t_max=_NOISE_LEVEL + steps)
    plan = dataclasses.replace(method, steps=steps, grid=TimeUniform(final="eps")).plan(process)
    if plan.stochastic:
        raise ValueError(f"method must be deterministic, but {type(method).__name__} as given adds noise")
    middle = plan.evaluations // 2
    period = next((p for p in range(1, _LONGEST_PERIOD + 1) if _repeats(plan, middle, p)), None)
    if period is None:
        raise ValueError(f"the stages of {type(method).__name__} do not repeat, so that it has no region of stability")
    h = (plan.times[middle + period] - plan.times[middle]) / period
    stages = [_transfer(plan, k, h) for k in range(middle, middle + period)]
    return _Recurrence(*(np.stack(parts) for parts in zip(*stages, strict=True)))


def _repeats(plan: Plan, first: int, period: int) -> bool:
    """Whether the stages from `first` on have the given period, up to the change of the noise level."""
    one, two = (slice(k, k + period) for k in (first, first + period))
    slots = ("state_slot", "output_slot", "noise_slot", "kept_slot", "predicts_data", "orders")
    if any(not np.array_equal(getattr(plan, name)[one], getattr(plan, name)[two]) for name in slots):
        return False
    tables = (plan.mix, plan.kept_mix)
    intervals = np.diff(plan.times[first : first + 2 * period + 1])
    even = np.allclose(intervals[:period], intervals[period:], rtol=1e-3)
    return even and all(np.allclose(table[one], table[two], rtol=1e-3, atol=1e-3 / _NOISE_LEVEL) for table in tables)


def _transfer(plan: Plan, k: int, h: float) -> tuple[np.ndarray, np.ndarray]:
    """What stage `k` does to the registers: the part that does not depend on `z`, and the factor of `z`.

    The noise prediction is `e = lambda x = z x / h`, the data prediction `x - sigma e`; `alpha` is 1.
    """
    registers = plan.registers
    free, forced = np.eye(registers), np.zeros((registers, registers))
    state, nothing = plan.mix[k], np.zeros(registers)
    noise = (nothing, state / h)
    data = (state, -plan.sigmas[k] * state / h)
    writes = [(plan.state_slot[k], (state, nothing)), (plan.output_slot[k], data if plan.predicts_data[k] else noise)]
    writes += [(slot, noise) for slot in plan.noise_slot[k]]
    writes += [(slot, (mix, nothing)) for slot, mix in zip(plan.kept_slot[k], plan.kept_mix[k], strict=True)]
    for slot, (without_z, with_z) in writes:
        if slot < registers:
            free[slot], forced[slot] = without_z, with_z
    return free, forced


def _spectral_radius(recurrence: _Recurrence, z: np.ndarray) -> np.ndarray:
    """The largest root in modulus, per evaluation."""
    points = z.reshape(-1, 1, 1)
    product: Any = np.eye(recurrence.free.shape[-1])
    for free, forced in zip(*recurrence, strict=True):
        product = (free + points * forced) @ product
    largest = np.abs(np.linalg.eigvals(product)).max(axis=-1)
    return (largest ** (1.0 / len(recurrence.free))).reshape(z.shape)


def _real_interval(recurrence: _Recurrence) -> float:
    """The end of the stable interval, by a scan away from zero and a bisection of the first change."""
    scan = -np.geomspace(1e-3, 1e4, 400)
    stable = _spectral_radius(recurrence, scan) <= 1.0 + _ON_THE_CIRCLE
    if stable.all():
        return -np.inf
    first = int(np.argmin(stable))
    if first == 0:
        return 0.0
    inside, outside = scan[first - 1], scan[first]
    for _ in range(40):
        middle = 0.5 * (inside + outside)
        if _spectral_radius(recurrence, np.asarray([middle]))[0] <= 1.0 + _ON_THE_CIRCLE:
            inside = middle
        else:
            outside = middle
    return float(inside)
