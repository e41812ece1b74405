"""`tune_interface`: learn which interface conditions to ask for. The verb, its methods and its solution."""

import abc
import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..core import Method, check_array, check_instance, check_integer, check_key
from ..optimize import AbstractBanditMethod, Plays, all_subsets, bandit
from ._family import Family
from ._interface import AbstractInterfaceCondition, Continuity, FluxContinuity
from ._interface_environment import LARGEST_ERROR, InterfaceEnvironment, reward_of
from .xpinn import XPINN


class AbstractInterfaceTuner(Method):
    """A method of `pde.tune_interface`, with the fields `solver`, `bandit` and `plays`."""

    def __check_init__(self):
        method: Any = self
        check_instance("solver", method.solver, XPINN, "an XPINN(...)")
        check_instance("bandit", method.bandit, AbstractBanditMethod, "a bandit such as optimize.GPBandit()")
        check_integer("plays", method.plays, minimum=1)
        if not method.solver.interface:
            raise ValueError("interface of solver must name the conditions to choose from, got none")

    @property
    def phases(self) -> tuple[Any, ...]:
        """Of the optimiser of the solver."""
        method: Any = self
        return method.solver.optimiser.phases

    @property
    @abc.abstractmethod
    def stages(self) -> int:
        """How many actions a training takes: one, or one for each phase of the optimiser."""


class InterfacePolicy(eqx.Module):
    """What `tune_interface` returns; called with a context it gives the action, zeros and ones for the conditions.

    - `family`, `solver`: as they came; `plays`: of the bandit, with all contexts, actions and rewards.
    """

    family: Family
    solver: XPINN
    plays: Plays

    def __call__(self, context: Any, rewards: Sequence[float] = ()) -> np.ndarray:
        """The action in a context, `(q,)`, for the phase that follows those of the given rewards.

        Outside of the range of the family it would be an extrapolation: it warns, and asks for `Continuity` and
        `FluxContinuity` where the solver has them.
        """
        context = np.asarray(check_array("context", context, shape=np.shape(self.family.lower)), np.float64)
        low, high = np.asarray(self.family.lower), np.asarray(self.family.upper)
        if ((context < low) | (context > high)).any():
            warnings.warn(
                f"context {context.tolist()} is outside of the range of the family, {low.tolist()} to {high.tolist()}",
                stacklevel=2,
            )
            safe = np.array([float(isinstance(one, Continuity | FluxContinuity)) for one in self.solver.interface])
            if safe.sum() >= 2.0:
                return safe
        return self.plays(np.concatenate([context, np.asarray(rewards, np.float64)]), stage=len(rewards))

    def conditions(self, context: Any, rewards: Sequence[float] = ()) -> tuple[AbstractInterfaceCondition, ...]:
        """The conditions that the action asks for."""
        action = self(context, rewards)
        return tuple(one for one, asked in zip(self.solver.interface, action, strict=True) if asked)

    def method(self, context: Any) -> XPINN:
        """The solver with the conditions of the first action, for `pde.solve`."""
        return dataclasses.replace(self.solver, interface=self.conditions(context))

    @property
    def failures(self) -> np.ndarray:
        """The plays whose training diverged."""
        return np.flatnonzero((np.asarray(self.plays.rewards) <= reward_of(LARGEST_ERROR)).any(-1))


def tune_interface(
    family: Family, method: AbstractInterfaceTuner, *, key: Any, progress: bool | None = None
) -> InterfacePolicy:
    """Learn which interface conditions give the smallest errors for each problem of a family.

    Each play draws a problem, trains a fresh `XPINN` with the conditions that a bandit chooses, in float64, and tells
    the bandit the error.

    **Arguments:**

    - `family`: a `Family` with exact solutions; `pde.catalogue` has some.
    - `method`: `METALIC(solver)` or `SequentialMETALIC(solver)`.
    - `key`: JAX PRNG key; `progress`: as `show` of `core.progress`.

    **Returns:** an `InterfacePolicy`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; a training that diverges is a play with the
    lowest reward and no error.

    >>> import jax
    >>> from perturbax import pde
    >>> family = pde.catalogue.poisson_family()
    >>> solver = pde.XPINN(
    ...     family.partition, pde.CPINN_CONDITIONS, (4,), pde.LM(2), pde.FixedPoints(20, 8), interface_points=3
    ... )
    >>> policy = tune_interface(family, pde.METALIC(solver, plays=2), key=jax.random.key(0), progress=False)
    >>> policy([2.0]).shape
    (2,)
    """
    check_instance("family", family, Family, "a pde.Family(...)")
    check_instance("method", method, AbstractInterfaceTuner, "a method such as METALIC(solver)")
    draw_key, play_key = jax.random.split(check_key("key", key))
    tuner: Any = method
    subsets = all_subsets(len(tuner.solver.interface))
    contexts = family.draw(draw_key, tuner.plays)
    family.problem(contexts[0])
    world = InterfaceEnvironment(contexts, (subsets,) * tuner.stages, family, tuner.solver)
    played = bandit(world, tuner.bandit, plays=tuner.plays, key=play_key, progress=progress)
    return InterfacePolicy(family, tuner.solver, played)
