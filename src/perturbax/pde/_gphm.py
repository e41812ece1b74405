"""How a Gaussian process with a spectral mixture is fitted to an equation: the loop of `GPHM` and `JointGPHM`."""

import abc
import functools
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import check_instance, check_integer, check_number, progress
from ._descent import begin
from ._design import Lattice
from ._error import relative_l2
from ._gaussian_process import GaussianProcessField, Unknowns, check_order, process, start
from ._history import History
from ._kronecker import along_axes
from ._optimiser import repeat
from ._problem import PDEProblem
from ._solve import AbstractPDEMethod, PDESolution, outcome
from ._spectral_kernels import AbstractSpectralKernel
from ._tensor_rows import Places, check_grid, highest_order, is_affine, place, settle_grid

# Added to the diagonals of the kernels, times 10 until they can be factorised; above the last one that is a failure.
_LAST_JITTER = 1e-3


class Fitted(eqx.Module):
    """Where a fit is: the unknowns and the whitened process with the objective there."""

    unknowns: Unknowns
    zeta: Float[Array, "*grid"]
    objective: Float[Array, ""]
    equation_rms: Float[Array, ""]
    condition_rms: Float[Array, ""]


class AbstractGPHM(AbstractPDEMethod):
    """A method of `pde.solve` by a Gaussian process on a tensor grid, whose fields are those of `GPHM`."""

    def __check_init__(self):
        method: Any = self
        check_instance("kernel", method.kernel, AbstractSpectralKernel, "a kernel such as SpectralMixture()")
        check_grid(method.grid)
        check_integer("steps", method.steps, minimum=1)
        check_integer("chunk", method.chunk, minimum=1)
        check_number("learning_rate", method.learning_rate, minimum=0.0, exclusive=True)
        check_number("condition_weight", method.condition_weight, minimum=0.0, exclusive=True)
        check_number("jitter", method.jitter, minimum=0.0, maximum=_LAST_JITTER, exclusive=True)

    @abc.abstractmethod
    def begin(self, problem: PDEProblem, places: Places, unknowns: Unknowns, shape: tuple[int, ...]) -> Any:
        """The first state."""

    @abc.abstractmethod
    def step(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, state: Any) -> tuple[Any, Fitted]:
        """The next state, and where the fit was before."""

    @abc.abstractmethod
    def finish(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, best: Fitted) -> Fitted:
        """What is made of the best iterate at the end."""

    @property
    def transformation(self) -> Any:
        """Adam, with a rate that is constant for four fifths of the steps and falls to 0 as a cosine."""
        method: Any = self
        return _adam(method.learning_rate, method.steps)

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        method: Any = self
        shape = settle_grid(method.grid, problem, type(self).__name__)
        check_order(method.kernel, highest_order(problem))
        if not jax.config.read("jax_enable_x64"):
            warnings.warn("covariances in float32 want a jitter of 1e-3; precision='float64' is meant", stacklevel=3)
        lower, upper = np.asarray(problem.domain.lower), np.asarray(problem.domain.upper)
        axes = tuple(jnp.linspace(a, b, n) for a, b, n in zip(lower, upper, shape, strict=True))
        kernel_key, place_key = jax.random.split(key)
        places = place(problem, axes, shape, place_key, Lattice())
        unknowns = start(method.kernel, len(shape), kernel_key)
        _warn_of_aliases(unknowns, shape, upper - lower)
        run = _Run(self, problem, places, unknowns, shape)
        run.march(progress)
        return run.solution(method)


class _Run:
    """The state of one fit between the compiled chunks."""

    def __init__(self, method: Any, problem: PDEProblem, places: Places, unknowns: Unknowns, shape: tuple[int, ...]):
        self.method, self.problem, self.places = method, problem, places
        self.affine, self.jitter = is_affine(problem, places), method.jitter
        self.state = method.begin(problem, places, unknowns, shape)
        zero = jnp.zeros(())
        self.best = Fitted(unknowns, jnp.zeros(shape), jnp.asarray(-jnp.inf), zero, zero)
        self.exact = None if problem.exact is None else np.asarray(problem.exact_at(places.x))[:, 0]
        self.step, self.history = 0, History()

    def march(self, show: bool | None) -> None:
        with progress(self.method.steps, "pde.solve", show=show) as bar:
            while self.step < self.method.steps:
                steps = min(self.method.chunk, self.method.steps - self.step)
                with self.history.timed():
                    if not self._advance(steps):
                        return
                self.step += steps
                self._record()
                bar.advance(steps)
                bar.update(objective=float(self.best.objective))

    def _advance(self, steps: int) -> bool:
        while True:
            arguments = self.problem, self.places, jnp.asarray(self.jitter), self.affine, (self.state, self.best)
            (state, best), losses = _march(self.method, *arguments, jnp.asarray(steps))
            losses = np.asarray(losses)[:steps]
            if np.isfinite(losses).all():
                self.state, self.best = state, best
                return True
            if self.jitter >= _LAST_JITTER:
                self.best = eqx.tree_at(lambda b: b.objective, self.best, jnp.asarray(jnp.nan))
                return False
            self.jitter = min(10.0 * self.jitter, _LAST_JITTER)

    def _record(self) -> None:
        row = {"step": self.step, "evaluations": self.evaluations, "loss": -float(self.best.objective)}
        row |= {"equation_rms": float(self.best.equation_rms), "condition_rms": float(self.best.condition_rms)}
        if self.exact is not None:
            u = _on_grid(self.problem, self.places, self.method.kernel, self.best, jnp.asarray(self.jitter))
            row["error"] = relative_l2(np.asarray(u), self.exact)
        self.history.add(row)

    @property
    def evaluations(self) -> int:
        return self.step * self.method.evaluations(self.affine)

    def solution(self, method: Any) -> PDESolution:
        best, jitter = self.best, jnp.asarray(self.jitter)
        if np.isfinite(float(best.objective)):
            best = _finish(method, self.problem, self.places, jitter, self.affine, best)
        model = _field(self.problem, self.places, method.kernel, best, jitter)
        unknowns = best.unknowns
        finite = np.isfinite(float(best.objective)) & bool(jnp.all(jnp.isfinite(model.coefficients)))
        weights = [np.exp(np.asarray(mixture.log_weights)) for mixture in unknowns.mixtures]
        return PDESolution(
            self.problem,
            model,
            {},
            self.history.columns(),
            self.places.x,
            None,
            outcome(finite),
            {
                "steps": self.step,
                "evaluations": self.evaluations,
                "jitter": self.jitter,
                "condition_noise": float(jnp.exp(-0.5 * unknowns.condition_precision)),
                "equation_noise": float(jnp.exp(-0.5 * unknowns.equation_precision)),
                "components": [int(np.sum(w > 0.01 * w.sum())) for w in weights],
                "parameters": best.zeta.size + sum(leaf.size for leaf in jax.tree.leaves(unknowns)),
            },
        )


@functools.lru_cache(maxsize=32)
def _adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """The same object for the same settings, so that nothing compiles again."""
    constant = 4 * steps // 5
    fall = optax.cosine_decay_schedule(learning_rate, steps - constant)
    return optax.adam(optax.join_schedules([optax.constant_schedule(learning_rate), fall], [constant]))


@eqx.filter_jit
def _march(
    method: AbstractGPHM,
    problem: PDEProblem,
    places: Places,
    jitter: Any,
    affine: bool,
    carry: Any,
    steps: Any,
) -> Any:
    """At most `chunk` steps; the iterate of the largest objective is kept, since Adam's last ones may oscillate."""
    chunk: Any = method

    def step(carry: Any) -> Any:
        state, best = carry
        state, now = method.step(problem, places, jitter, affine, state)
        better = now.objective > best.objective
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), now, best)
        return (state, best), -now.objective

    return repeat(step, carry, chunk.chunk, steps)


@eqx.filter_jit
def _finish(method: AbstractGPHM, problem: PDEProblem, places: Places, jitter: Any, affine: bool, best: Fitted) -> Any:
    return method.finish(problem, places, jitter, affine, best)


@eqx.filter_jit
def _field(
    problem: PDEProblem, places: Places, kernel: AbstractSpectralKernel, best: Fitted, jitter: Any
) -> GaussianProcessField:
    made = process(problem, places, kernel, best.unknowns.mixtures, jitter)
    return GaussianProcessField(kernel, best.unknowns.mixtures, places.axes, made.coefficients(best.zeta))


@eqx.filter_jit
def _on_grid(
    problem: PDEProblem, places: Places, kernel: AbstractSpectralKernel, best: Fitted, jitter: Any
) -> Float[Array, " n"]:
    made = process(problem, places, kernel, best.unknowns.mixtures, jitter)
    return along_axes([some[0] for some in made.tables.grid], made.coefficients(best.zeta)).reshape(-1)


def rms(residuals: Float[Array, " n"]) -> Float[Array, ""]:
    """Root mean square."""
    return jnp.sqrt(jnp.mean(jnp.square(residuals)))


def first_moments(method: Any, trained: Any) -> Any:
    """The first state of Adam."""
    return begin(method.transformation, trained)


def _warn_of_aliases(unknowns: Unknowns, shape: tuple[int, ...], lengths: np.ndarray) -> None:
    for axis, (mixture, count, length) in enumerate(zip(unknowns.mixtures, shape, lengths, strict=True)):
        highest, nyquist = float(jnp.max(mixture.frequencies)), (count - 1) / (2.0 * float(length))
        if highest > nyquist:
            warnings.warn(
                f"frequencies up to {highest:.3g} start above {nyquist:.3g}, the highest that {count} points along "
                f"axis {axis} can tell: a larger grid or a smaller frequency of the kernel",
                stacklevel=5,
            )
