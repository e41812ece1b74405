"""`sample`: draw from a diffusion model. The problem, the verb and the solution."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from ..core import Result, check_instance, check_integer, check_key, check_number, raise_if_failed
from ..interop import like
from ._corrector import AbstractMemoryCorrector
from ._denoise import AbstractGuidance, ClassifierFree, ClassifierGuidance, Denoiser, as_values
from ._door import check_callable, check_drawable, place, settle_shape, settle_start, spread_condition
from ._method import AbstractPlanned, AbstractPrepared, AbstractSampler, AbstractUnplanned
from ._noise import path_keys, path_noise, start_noise
from ._plan import Plan, run_eager, run_scanned
from ._prediction import AbstractPrediction, Epsilon
from ._process import AbstractProcess


class Sampling(eqx.Module):
    """The problem of drawing from a diffusion model.

    **Arguments:**

    - `model`: callable `(x, time)`, or `(x, time, condition)` when there is a condition, on a batch `x` of shape
      `(batch, *shape)` and the scalar `process.model_time(t)`; returns the shape of `x`. A JAX function or Equinox
      module, or, outside of `jit`, a network of any other framework (see `sample`).
    - `process`: the forward process that the model was trained on.
    - `shape`: shape of one sample.
    - `prediction`: what the model predicts.
    - `condition`: given to the model at every call, a pytree whose leaves have a leading axis of 1 or of the batch.
    - `guidance`: `ClassifierFree(...)`, `ClassifierGuidance(...)` or `None`.
    - `corrector`: callable `(x_0, time) -> x_0` applied to every data prediction, such as `DynamicThreshold()`, or an
      `AbstractMemoryCorrector`.
    - `start`: the time to start from; `t_max` by default. With `x_T` at that time this is image-to-image sampling, and
      where the state holds more data than noise `x_T` must be given.

    **Raises:** `TypeError` or `ValueError` when an argument is not what it should be, or the prediction has no meaning
    for the process.

    >>> from perturbax import diffusion
    >>> diffusion.Sampling(lambda x, t: x, diffusion.EDM(), shape=(2, 2), prediction=diffusion.Data()).shape
    (2, 2)
    """

    model: Callable
    process: AbstractProcess
    shape: tuple[int, ...] = eqx.field(converter=settle_shape)
    prediction: AbstractPrediction = Epsilon()
    condition: Any = None
    guidance: AbstractGuidance | None = None
    corrector: Callable | AbstractMemoryCorrector | None = None
    start: float | None = None

    def __check_init__(self):
        check_callable("model", self.model, "model(x, time)")
        check_instance("process", self.process, AbstractProcess, "a process such as VPLinear()")
        check_instance("prediction", self.prediction, AbstractPrediction, "a prediction type such as Epsilon()")
        self.prediction.check(self.process)
        if self.guidance is not None:
            check_instance(
                "guidance", self.guidance, AbstractGuidance, "ClassifierFree(...) or ClassifierGuidance(...)"
            )
            check_number("guidance.scale", self.guidance.scale)
            if isinstance(self.guidance, ClassifierFree):
                self._check_unconditional(self.guidance)
            if isinstance(self.guidance, ClassifierGuidance):
                check_callable("guidance.log_prob", self.guidance.log_prob, "log_prob(x, time)")
        if self.corrector is not None and not isinstance(self.corrector, AbstractMemoryCorrector):
            check_callable("corrector", self.corrector, "corrector(x_0, time)")
        if self.start is not None:
            check_number("start", self.start, minimum=self.process.t_min, maximum=self.process.t_max)
            if self.start == self.process.t_min:
                raise ValueError(f"start must be larger than the process's t_min = {self.start:g}, which is the end")

    def _check_unconditional(self, guidance: ClassifierFree) -> None:
        if self.condition is None or guidance.unconditional is None:
            raise ValueError("ClassifierFree guidance needs the problem's condition and its own unconditional input")
        if jax.tree.structure(self.condition) != jax.tree.structure(guidance.unconditional):
            raise ValueError("guidance.unconditional must be a pytree of the same structure as condition")


class Samples(eqx.Module):
    """What `sample` returns.

    `x` has shape `(batch, *shape)`; `stats["evaluations"]` counts network calls (a guided call on a doubled batch is
    one); `result` says how it went. With `trajectory=True`, `times` has the time, `states` the input and `previews` the
    data prediction of every evaluation. For foreign arrays these are of the framework of `x_T`. `memory` is what a
    corrector that carries one ended with.
    """

    x: Any
    result: Result
    stats: dict[str, Any]
    times: Float[np.ndarray, " evaluations"] | None = None
    states: Any = None
    previews: Any = None
    memory: Any = None


def plan(method: AbstractPlanned, process: AbstractProcess, start: float | None = None) -> Plan:
    """Compile a sampler for a process: the float64 table that `sample` runs, to look at or to run elsewhere.

    **Arguments:** `method`: a sampler with a fixed number of steps; `process`; `start`: where sampling starts, `t_max`
    by default.

    **Returns:** a `Plan`.

    **Raises:** `TypeError` for an adaptive method; `ValueError` when the grid does not fit the process.

    >>> from perturbax import diffusion
    >>> diffusion.plan(diffusion.DPMSolverPP(steps=10), diffusion.VPLinear()).evaluations
    10
    """
    check_instance("method", method, AbstractPlanned, "a sampler with fixed steps (an adaptive one has no plan)")
    check_instance("process", process, AbstractProcess, "a process such as VPLinear()")
    return method.plan(process, start)


def sample(
    problem: Sampling,
    method: AbstractSampler,
    *,
    key: Any = None,
    num_samples: int = 1,
    offset: int = 0,
    x_T: Any = None,
    trajectory: bool = False,
    callback: Callable | None = None,
    sharding: jax.sharding.Sharding | None = None,
    throw: bool = True,
) -> Samples:
    """Draw samples from a diffusion model.

    The array type of `x_T` chooses the executor. A JAX array, or none, runs one compiled `lax.scan`; the model is then
    a JAX function, and `jit`, `vmap` and `grad` go through. NumPy, torch and other arrays run a Python loop in their
    own framework outside of `jit`; the model is then a function of such arrays. Both use the same coefficients, and
    the same noise for the same `key`.

    **Arguments:**

    - `problem`: what to draw from.
    - `method`: a sampler such as `DPMSolverPP(steps=20)`.
    - `key`: JAX PRNG key; needed unless `x_T` is given and the method adds no noise. Sample `i` does not depend on how
      many others are drawn.
    - `num_samples`: how many, when `x_T` is not given; drawn in float32.
    - `offset`: number of the first sample. Batches with the same key and `offset=0`, `64`, `128` ... are the samples of
      one large batch.
    - `x_T`: the state to start from, shape `(batch, *problem.shape)`, floating. Half precision in JAX and NumPy is
      computed, and returned, in float32; the network may still compute in half precision.
    - `trajectory`: keep every state and data prediction; not for adaptive methods.
    - `callback`: called as `callback(stage, time, state, data_prediction)` after every evaluation; not for adaptive
      methods.
    - `sharding`: where to put the start in JAX; batches may be sharded over devices along the leading axis.
    - `throw`: raise when the solution is not successful; else look at `result`.

    **Returns:** `Samples`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit; `SolverError` when the model gives a
    non-finite output (with the stage and time) or an adaptive method runs out of evaluations.

    >>> import jax
    >>> from perturbax import diffusion
    >>> process = diffusion.VPLinear()
    >>> exact = lambda x, t: process.sigma(t) * x / (0.25 * process.alpha(t) ** 2 + process.sigma(t) ** 2)  # N(0, 1/4)
    >>> problem = diffusion.Sampling(exact, process, shape=(2,))
    >>> samples = diffusion.sample(problem, diffusion.DPMSolverPP(steps=20), key=jax.random.key(0), num_samples=1000)
    >>> bool(abs(samples.x.std() - 0.5) < 0.03)
    True
    """
    check_instance("problem", problem, Sampling, "a diffusion.Sampling problem")
    check_instance("method", method, AbstractSampler, "a sampler such as DPMSolverPP()")
    if isinstance(method, AbstractPrepared):
        return _sample_prepared(problem, method, key, num_samples, offset, x_T, trajectory, callback, sharding, throw)
    compiled = method.plan(problem.process, problem.start) if isinstance(method, AbstractPlanned) else None
    start = _start_time(problem) if compiled is None else compiled.start_time
    if key is not None:
        check_key("key", key)
    elif x_T is None or (compiled is not None and compiled.stochastic):
        needed = "to draw the start x_T" if x_T is None else f"because {type(method).__name__} adds noise"
        raise ValueError(f"key is needed {needed}: pass key=jax.random.key(0)")
    if callback is not None:
        check_callable("callback", callback, "callback(stage, time, state, data_prediction)")
    batch = check_integer("num_samples", num_samples, minimum=1)
    offset = check_integer("offset", offset, minimum=0, maximum=2**31)
    if x_T is None:
        check_drawable(problem.process, start)
        std = np.float32(problem.process.sigma(start))
        x_T = start_noise(key, np.uint32(offset), (batch, *problem.shape), std, problem.process.noise)
    else:
        x_T = settle_start(x_T, problem.shape)
        if batch not in (1, x_T.shape[0]):
            raise ValueError(f"num_samples must be left out when x_T is given: x_T has {x_T.shape[0]}, got {batch}")
    if sharding is not None:
        x_T = place(x_T, sharding)
    if compiled is not None:
        samples, where = run_plan(problem, compiled, x_T, key, trajectory, callback, offset)
    else:
        for name, given in (("trajectory", trajectory), ("callback", callback)):
            if given:
                raise ValueError(f"{name} needs a method with fixed steps, and {type(method).__name__} chooses its own")
        samples, where = _run_unplanned(problem, method, x_T, start)
    if throw:
        raise_if_failed(samples.result, f"{type(method).__name__}{where}")
    return samples


def _sample_prepared(
    problem: Sampling,
    method: AbstractPrepared,
    key: Any,
    num_samples: int,
    offset: int,
    x_T: Any,
    trajectory: bool,
    callback: Callable | None,
    sharding: Any,
    throw: bool,
) -> Samples:
    """Draw or take standard normal noise, let the method prepare its state, and sample on from there."""
    if problem.start is not None:
        raise ValueError(f"start must be left out of the problem: {type(method).__name__} has a start_time of its own")
    if x_T is None:
        batch = check_integer("num_samples", num_samples, minimum=1)
        if key is None:
            raise ValueError("key is needed to draw the start x_T: pass key=jax.random.key(0)")
        first = np.uint32(check_integer("offset", offset, minimum=0, maximum=2**31))
        x_T = start_noise(check_key("key", key), first, (batch, *problem.shape), np.float32(1.0), jax.random.normal)
    else:
        x_T = settle_start(x_T, problem.shape)
        if num_samples not in (1, x_T.shape[0]):
            raise ValueError(f"num_samples must be left out when x_T is given: x_T has {x_T.shape[0]}")
    late = eqx.tree_at(lambda p: p.start, problem, method.start_time, is_leaf=lambda leaf: leaf is None)
    return sample(
        late,
        method.inner,
        key=key,
        offset=offset,
        x_T=method.prepare(x_T),
        trajectory=trajectory,
        callback=callback,
        sharding=sharding,
        throw=throw,
    )


def _start_time(problem: Sampling) -> float:
    start = problem.process.t_max if problem.start is None else problem.start
    if not np.isfinite(problem.process.half_log_snr(start)):
        raise ValueError(
            f"start must be where alpha > 0 for an adaptive method: alpha is 0 at time {start:g}; start a little later"
        )
    return start


def run_plan(
    problem: Sampling,
    compiled: Plan,
    x_T: Any,
    key: Any,
    trajectory: bool = False,
    callback: Callable | None = None,
    offset: int = 0,
) -> tuple[Samples, str]:
    """Run a plan from one state or a tuple of them: the samples, and where the model became non-finite in words."""
    like_x = x_T[0] if isinstance(x_T, tuple) else x_T
    foreign = not isinstance(like_x, jax.Array)
    rows = compiled.rows(problem.prediction, conversions_of(problem))
    denoiser, condition = settle_denoiser(problem, like_x, foreign)
    # A NumPy scalar, because a Python integer would be a part of the compiled program.
    keys = path_keys(key, np.uint32(offset), like_x.shape[0]) if compiled.stochastic else None
    if foreign:

        def draw(stage: int) -> Any:
            return like(like_x, np.asarray(path_noise(keys, stage, tuple(like_x.shape))))

        execution = run_eager(compiled, denoiser, rows, x_T, draw, condition, trajectory, callback)
    else:
        execution = run_scanned(compiled, denoiser, rows, x_T, keys, condition, trajectory, callback)
    samples = Samples(
        x=execution.x,
        result=_result_of(execution.first_nonfinite, compiled.evaluations),
        stats={"evaluations": compiled.evaluations},
        times=compiled.times if trajectory else None,
        states=execution.states,
        previews=execution.previews,
        memory=execution.memory,
    )
    return samples, _where(execution.first_nonfinite, compiled)


def _run_unplanned(problem: Sampling, method: AbstractSampler, x_T: Any, start: float) -> tuple[Samples, str]:
    assert isinstance(method, AbstractUnplanned)
    if not isinstance(x_T, jax.Array):
        raise TypeError(f"{type(method).__name__} needs a JAX model and x_T as a JAX array, got {type(x_T).__name__}")
    denoiser, condition = settle_denoiser(problem, x_T, foreign=False)
    outcome = method.solve(denoiser, problem.prediction, problem.process, x_T, start, condition)
    where = "" if isinstance(outcome.time, Tracer) else f" at time {float(outcome.time):.6g}"
    return Samples(outcome.x, outcome.result, outcome.stats), where


def conversions_of(problem: Sampling) -> tuple[str, ...]:
    """The columns of a `Row` that the problem's guidance and corrector read."""
    tilted = isinstance(problem.guidance, ClassifierGuidance)
    if problem.corrector is None and not tilted:
        return ("direct",)
    return ("to_data", "from_data", "tilt") if tilted else ("to_data", "from_data")


def settle_denoiser(problem: Sampling, x_T: Any, foreign: bool) -> tuple[Denoiser, Any]:
    """The denoiser and the condition with everything that may change as array values of the batch's size."""
    guidance, condition = problem.guidance, problem.condition
    if isinstance(guidance, ClassifierGuidance) and foreign:
        raise TypeError("ClassifierGuidance differentiates the classifier and needs a JAX model and x_T as a JAX array")
    if isinstance(guidance, ClassifierFree) and _is_one(guidance.scale):
        guidance = None
    condition = spread_condition("condition", condition, x_T)
    if isinstance(guidance, ClassifierFree):
        unconditional = spread_condition("guidance.unconditional", guidance.unconditional, x_T)
        shapes, others = ([leaf.shape for leaf in jax.tree.leaves(tree)] for tree in (condition, unconditional))
        if shapes != others:
            raise ValueError(
                f"guidance.unconditional must have the shapes of condition over the batch, {shapes}, got {others}"
            )
        guidance = ClassifierFree(guidance.scale, unconditional)
    guidance = guidance if foreign else as_values(guidance, x_T.dtype)
    return Denoiser(problem.model, guidance, problem.corrector), condition


def _is_one(scale: Any) -> bool:
    return not isinstance(scale, Tracer) and float(scale) == 1.0


def _result_of(first_nonfinite: Any, stages: int) -> Result:
    if isinstance(first_nonfinite, jax.Array):
        return Result.where(first_nonfinite <= stages, Result.nonfinite, Result.successful)
    return Result.nonfinite if first_nonfinite <= stages else Result.successful


def _where(first_nonfinite: Any, compiled: Plan) -> str:
    if isinstance(first_nonfinite, Tracer) or int(first_nonfinite) > compiled.evaluations:
        return ""
    stage = int(first_nonfinite)
    if stage == compiled.evaluations:
        return " in the result, after finite outputs at every stage"
    return f" at stage {stage} of {compiled.evaluations} (time {compiled.times[stage]:.6g})"
