"""`tune`: choose a parameter of a solver anew for each of many instances. The verb and its solution."""

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from ..core import check_instance, check_key, float64
from ._compiled import compiled, pack
from ._reference import AbstractReference
from ._sequence import AbstractSequence, CostTable
from ._tuner import AbstractTuner


class Tuning(eqx.Module):
    """What `tune` returns. Arrays are NumPy's, in float64.

    - `values`: that were played, and their `costs`, for each instance; `probabilities`: of all arms then, `None` for
      references; `converged`: whether the solver did.
    - `state`: of the method after the last instance; `rounds`: how many there were, with those before a `resume`.
    - `stats`: `"evaluations"`, the solves; `"failed"`, those that did not converge; `"clipped"`, contexts out of the
      interval of the method; `"seconds"`, with compilation the first time.
    """

    values: Float[Array | np.ndarray, "*batch rounds"]
    costs: Float[Array | np.ndarray, "*batch rounds"]
    probabilities: Float[Array | np.ndarray, "*batch rounds arms"] | None
    converged: Bool[Array | np.ndarray, "*batch rounds"]
    state: Any
    rounds: int
    stats: dict[str, Any]

    @property
    def total(self) -> Any:
        """The sum of the costs."""
        return self.costs.sum(-1)

    def regret(self, reference: "Tuning") -> Any:
        """How much more was paid than by a reference on the same instances, up to each of them."""
        if reference.costs.shape != self.costs.shape:
            raise ValueError(
                f"reference must be of as many instances, {self.costs.shape[-1]}, got {reference.costs.shape[-1]}"
            )
        return (self.costs - reference.costs).cumsum(-1)


def tune(
    problem: AbstractSequence,
    method: AbstractTuner | AbstractReference,
    *,
    key: Any,
    resume: Tuning | None = None,
) -> Tuning:
    """Solve instances one after the other, with a value of a parameter that is learned from what solves cost.

    `LinearSequence` and `CostTable` run in one compiled loop in float64, also under `vmap` over keys; a
    `SolverSequence` calls its function once for each instance. The same key gives the same choices in all three.

    **Arguments:**

    - `problem`: `LinearSequence(...)`, `SolverSequence(...)` or `CostTable(...)`.
    - `method`: such as `TsallisINF()`, or `ChebCB(interval)` where the problem has contexts.
    - `key`: JAX PRNG key; round `t` uses `fold_in(key, t)`.
    - `resume`: what the same method returned for the instances before; with the same key it goes on as if it had never
      stopped.

    **Returns:** a `Tuning`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit: a value that the solver refuses, a method that
    needs contexts where there are none, costs below the least one of the method, a reference to resume.

    >>> from perturbax import optimize
    >>> problem = optimize.SolverSequence(lambda t, value: 20.0 + 100.0 * (value - 1.5) ** 2, length=200)
    >>> tuning = optimize.tune(problem, optimize.TsallisINF(), key=jax.random.key(0))
    >>> bool(tuning.costs[-50:].mean() < tuning.costs[:50].mean())
    True
    """
    check_instance("problem", problem, AbstractSequence, "a problem such as LinearSequence(...)")
    check_instance("method", method, AbstractTuner | AbstractReference, "a method such as TsallisINF()")
    key = check_key("key", key)
    problem.check(method.values)
    if resume is not None:
        check_instance("resume", resume, Tuning, "a Tuning that tune returned")
        if isinstance(method, AbstractReference):
            raise ValueError(f"resume must be None for {type(method).__name__}, which learns nothing")
    start = time.perf_counter()
    with float64():
        if isinstance(method, AbstractReference):
            tuning = _consult(problem, method)
        else:
            _check_fit(problem, method)
            tuning = _learn(problem, method, key, resume)
    if isinstance(tuning.costs, Tracer):
        return tuning
    tuning.stats["failed"] = int((~np.asarray(tuning.converged)).sum())
    tuning.stats["seconds"] = time.perf_counter() - start
    return jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, tuning)


def _check_fit(problem: AbstractSequence, method: AbstractTuner) -> None:
    if method.needs_context and problem.contexts is None:
        raise ValueError(f"problem must have contexts for {type(method).__name__}")
    if isinstance(problem, CostTable) and not isinstance(problem.costs, Tracer):
        smallest = float(np.min(np.asarray(problem.costs)))
        if smallest < method.least:
            raise ValueError(f"costs must be >= least_cost of the method, {method.least:g}, got {smallest:g}")


def _learn(problem: AbstractSequence, method: AbstractTuner, key: Any, resume: Tuning | None) -> Tuning:
    before = 0 if resume is None else resume.rounds
    state = method.init() if resume is None else _like(resume.state, method.init())
    contexts = np.zeros(problem.length) if problem.contexts is None else problem.contexts
    contexts = jnp.asarray(np.asarray(contexts, np.float64)) if isinstance(contexts, np.ndarray) else contexts
    if problem.traceable:
        state, record = _learn_compiled(_on_device(problem), method, state, contexts, key, jnp.asarray(before))
    else:
        state, record = _learn_on_host(problem, method, state, contexts, key, before)
    stats = {"evaluations": problem.length, "clipped": _clipped(contexts, method)}
    values, costs, probabilities, converged = record
    return Tuning(values, costs, probabilities, converged, state, before + problem.length, stats)


def _clipped(contexts: Any, method: AbstractTuner) -> int:
    if method.domain is None or isinstance(contexts, Tracer):
        return 0
    low, high = method.domain
    return int(((np.asarray(contexts) < low) | (np.asarray(contexts) > high)).sum())


@eqx.filter_jit
def _learn_compiled(problem: Any, method: Any, state: Any, contexts: Array, key: Any, before: Any) -> Any:
    def step(carry: Any, t: Any) -> Any:
        state, carry = carry
        choice = method.ask(state, contexts[t], jax.random.fold_in(key, before + t))
        carry, played = problem.play(carry, t, choice.value)
        told = method.tell(state, choice, played.cost)
        state = jax.tree.map(lambda new, old: jnp.where(played.informative, new, old), told, state)
        return (state, carry), (choice.value, played.cost, choice.probabilities, played.converged)

    rounds = jnp.arange(problem.length)
    (state, _), record = jax.lax.scan(step, (state, problem.start()), rounds)
    return state, record


def _learn_on_host(problem: Any, method: Any, state: Any, contexts: Any, key: Any, before: int) -> Any:
    programs = compiled(method, str(jax.random.key_impl(key)))
    vector, data, carry, rows = pack(state), jax.random.key_data(key), problem.start(), []
    for t, context in enumerate(np.asarray(contexts)):
        choice = programs.ask(vector, context, data, before + t)
        carry, played = problem.play(carry, t, choice.value)
        if played.cost < method.least:
            raise ValueError(
                f"the cost of instance {t} must be >= least_cost of the method, {method.least:g}, got {played.cost:g}"
            )
        vector = programs.tell(vector, choice, played.cost)
        rows.append((choice.value, played.cost, choice.probabilities, played.converged))
    return programs.unpack(vector), tuple(np.stack([np.asarray(row[i]) for row in rows]) for i in range(4))


def _consult(problem: AbstractSequence, method: AbstractReference) -> Tuning:
    problem = _on_device(problem) if problem.traceable else problem
    prepared, spent = method.prepare(problem)
    if problem.traceable:
        values, costs, converged = _consult_compiled(problem, method, prepared)
    else:
        carry, rows = problem.start(), []
        for t in range(problem.length):
            value = method.decide(problem, prepared, carry, t)
            carry, played = problem.play(carry, t, value)
            rows.append((value, played.cost, played.converged))
        values, costs, converged = (np.stack([np.asarray(row[i]) for row in rows]) for i in range(3))
    stats = {"evaluations": spent + problem.length * (1 + method.solves), "clipped": 0}
    return Tuning(values, costs, None, converged, None, problem.length, stats)


@eqx.filter_jit
def _consult_compiled(problem: Any, method: Any, prepared: Any) -> Any:
    def step(carry: Any, t: Any) -> Any:
        value = method.decide(problem, prepared, carry, t)
        carry, played = problem.play(carry, t, value)
        return carry, (value, played.cost, played.converged)

    return jax.lax.scan(step, problem.start(), jnp.arange(problem.length))[1]


def _on_device(problem: AbstractSequence) -> AbstractSequence:
    """Floating arrays in float64: JAX 0.10 would cache traces under the dtype that NumPy arrays came with."""

    def settled(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
            return jnp.asarray(leaf.astype(np.float64))
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf.astype(jnp.float64)
        return leaf

    return jax.tree.map(settled, problem)


def _like(state: Any, fresh: Any) -> Any:
    """A state that was kept, with the dtypes of a fresh one."""
    if jax.tree.structure(state) != jax.tree.structure(fresh):
        raise ValueError("resume must be of the same method: its state has another structure")
    pairs = zip(jax.tree.leaves(state), jax.tree.leaves(fresh), strict=True)
    leaves = [jnp.asarray(np.asarray(leaf), like.dtype) for leaf, like in pairs]
    if [leaf.shape for leaf in leaves] != [like.shape for like in jax.tree.leaves(fresh)]:
        raise ValueError("resume must be of the same method: its state has other shapes")
    return jax.tree.unflatten(jax.tree.structure(fresh), leaves)
