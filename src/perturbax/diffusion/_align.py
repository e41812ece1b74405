"""`align`: fine-tune a diffusion model on preferences. The verb, its solution, and what its methods share.

At a time `t` of the process, with one noise `z` for both images of a pair, `x_t^* = alpha_t x^* + sigma_t z`, and the
error of an image under a caption is that of the network's own output against what would have been right,

    E(x, c) = w(t) mean_pixels |target - f(x_t, t, c)|^2,

with `E_ref` the error of the frozen reference. A method says which captions the two images have, and what the loss of
the four errors is. Errors are computed in float32 at least, whatever the network computes in.
"""

import abc
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Fit, Method, Result, check_instance, check_integer, check_key, check_number
from ..core import fit as run_fit
from ..nn import EDMPreconditioned
from . import losses
from ._captions import AbstractCaptions, Prompts
from ._denoise import call_model, checked_output
from ._door import check_callable
from ._fit import check_options
from ._levels import AbstractNoiseLevels
from ._prediction import AbstractPrediction
from ._preference import AlignmentProblem
from ._process import AbstractProcess
from .losses import Errors


class AbstractAlignmentMethod(Method):
    """A method of `diffusion.align`: the captions of the two images, and the loss of their errors."""

    captions: eqx.AbstractVar[AbstractCaptions]

    needs_reference: ClassVar[bool] = True

    @abc.abstractmethod
    def loss(self, errors: Errors) -> Float[Array, ""]:
        """The loss of a batch of pairs from their errors, each of shape `(pairs,)`."""


class Aligned(eqx.Module):
    """What `align` returns.

    - `model`: fine-tuned; `ema_model`: the same with averaged parameters, or `None`.
    - `losses`: of each step, shape `(steps,)`.
    - `errors`: of each step the mean errors of winners and losers under the model, and under the reference where the
      method has one. Watch `errors.winner - errors.reference_winner`: preference losses can raise it.
    - `implicit_accuracy`: of each step, the share of pairs that the model, relative to the reference, prefers the
      winner of. At the start, where model and reference are one, only rounding decides. `None` for methods without a
      reference.
    - `result`: successful; diverged when the winners' error exceeded its limit and the run was ended; nonfinite.
    - `stats`: `"evaluations"` of images by networks, `"pairs"`, `"dropped"` pairs of equal images, pairs with
      `"equal_captions"`, `"steps"`, `"seconds"`, `"devices"`.
    """

    model: Any
    ema_model: Any
    losses: np.ndarray
    errors: Errors
    implicit_accuracy: np.ndarray | None
    result: Any
    stats: dict[str, Any]

    @property
    def kl_proxy(self) -> np.ndarray:
        """`E - E_ref` of each step, the mean over winners and losers: a bound of the divergence from the reference is
        proportional to it.

        **Raises:** `ValueError` for methods without a reference.
        """
        if self.errors.reference_winner is None:
            raise ValueError("kl_proxy needs a method with a reference")
        errors = self.errors
        return 0.5 * (errors.winner - errors.reference_winner + errors.loser - errors.reference_loser)


def align(
    problem: AlignmentProblem,
    method: AbstractAlignmentMethod,
    *,
    key: Any,
    steps: int,
    batch_size: int,
    optimizer: Any,
    reference: Callable | None = None,
    cached_draws: int | None = None,
    winner_limit: float | int | None = 2.0,
    filter_spec: Any = None,
    ema: float | None = None,
    **options: Any,
) -> Aligned:
    """Fine-tune a diffusion model on preference pairs.

    **Arguments:**

    - `problem`: model, process and pairs. Pairs of two equal images are left out.
    - `method`: such as `DCPO(Hybrid(perturbation))` or `DiffusionDPO()`.
    - `key`: PRNG key.
    - `steps`, `batch_size` (in pairs, half as many as images), `optimizer` (of Optax), `ema`: as for `core.fit`. To
      accumulate gradients over `k` batches: `optax.MultiSteps(optimizer, k).gradient_transformation()`.
    - `reference`: the model that the reward is relative to; by default the problem's model as it is now.
    - `cached_draws`: draw so many times and noises per pair, once; the reference's errors at them are computed before
      the training, which is faster when `steps * batch_size` is larger than pairs times draws. `None` draws anew at
      every step.
    - `winner_limit`: end the run when the error of the winners, over a chunk of steps, is more than so many times the
      reference's, with the model as it was a chunk before. `None` goes on.
    - `filter_spec`: pytree of booleans over the model, `False` for what is not trained, as in `equinox.partition`: for
      adapters, or parts of a network. By default all floating arrays but the centres of `nn.EDMPreconditioned`.
    - `options`: `checkpoint`, `resume`, `progress`, `chunk`, `devices`, `callback`, `throw`, `checkpoint_seconds` of
      `core.fit`.

    **Returns:** `Aligned`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite. Warns
    when pairs are left out, when most pairs have one caption for both images though the method is to give them two,
    and when the winners' error ended the run.

    Source: Wallace et al. 2024; Saeidi et al. 2025.

    >>> import optax
    >>> from perturbax import diffusion, nn
    >>> model = nn.EDMPreconditioned(nn.ResidualMLP(2, width=8, blocks=1, key=jax.random.key(0)), 1.0)
    >>> pairs = diffusion.PreferencePairs(np.ones((16, 2)), -np.ones((16, 2)))
    >>> problem = diffusion.AlignmentProblem(model, diffusion.EDM(), pairs, diffusion.Data(),
    ...     levels=diffusion.LogNormalLevels())
    >>> done = diffusion.align(problem, diffusion.DiffusionDPO(beta=10.0), key=jax.random.key(1), steps=30,
    ...     batch_size=16, optimizer=optax.adam(1e-3))
    >>> bool(done.losses[0].round(4) == 0.6931), bool(done.implicit_accuracy[-1] > 0.9)
    (True, True)
    """
    check_instance("problem", problem, AlignmentProblem, "a diffusion.AlignmentProblem")
    check_instance("method", method, AbstractAlignmentMethod, "a method such as DiffusionDPO()")
    check_options("diffusion.align", options)
    caption_key, draw_key, fit_key = jax.random.split(check_key("key", key), 3)
    if winner_limit is not None:
        check_number("winner_limit", winner_limit, minimum=1.0)
    if reference is not None:
        check_callable("reference", reference, "reference(x, time, condition)")
    draws = 1 if cached_draws is None else check_integer("cached_draws", cached_draws, minimum=1)
    objective, facts = _objective(problem, method, reference, caption_key, draw_key)
    check_integer("batch_size", batch_size, minimum=1, maximum=facts["pairs"])
    if cached_draws is not None:
        objective = objective.with_cache(draws, batch_size)
    watch = _Watch((problem.model, None if ema is None else problem.model), winner_limit, options.pop("callback", None))
    done = run_fit(
        objective,
        problem.model,
        np.arange(facts["pairs"] * draws, dtype=np.int32),
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        key=fit_key,
        ema=ema,
        filter_spec=_trainable(problem.model) if filter_spec is None else filter_spec,
        loss_has_aux=True,
        callback=watch,
        **options,
    )
    networks = 1 + (method.needs_reference and objective.cache is None)
    kept = 0 if objective.cache is None else objective.cache.errors.size
    facts["evaluations"] = 2 * batch_size * networks * done.steps + kept
    errors, accuracy = done.aux
    return Aligned(
        *(watch.healthy if watch.ended else (done.model, done.ema_model)),
        losses=done.losses,
        errors=errors,
        implicit_accuracy=accuracy,
        result=Result.diverged if watch.ended else done.result,
        stats={**done.stats, **facts, "steps": done.steps},
    )


class _Pairs(eqx.Module):
    """Images and conditions of pairs, each with a leading axis of the pairs."""

    winner: Array
    loser: Array
    winner_condition: Any
    loser_condition: Any


class _Cache(eqx.Module):
    """Times and noises that are drawn once, `draws` of each pair: row `i` is a draw of pair `i // draws`."""

    draws: int
    errors: Float[Array, "rows 2"]


class _Objective(eqx.Module):
    """The loss of a batch of rows, in the form that `core.fit` takes."""

    method: AbstractAlignmentMethod
    process: AbstractProcess
    prediction: AbstractPrediction
    levels: AbstractNoiseLevels
    pairs: _Pairs
    reference: Callable
    draw_key: Any
    cache: _Cache | None = None

    def __call__(self, model: Callable, rows: Array, key: Any) -> tuple[Float[Array, ""], Any]:
        keys = jax.random.split(key, rows.shape[0]) if self.cache is None else self._row_keys(rows)
        both = self._errors(model, rows, keys)
        references: tuple[Any, ...] = (None, None)
        if self.method.needs_reference:
            found = self._errors(self.reference, rows, keys) if self.cache is None else self.cache.errors[rows]
            references = (found[:, 0], found[:, 1])
        errors = Errors(both[:, 0], both[:, 1], *references)
        accuracy = losses.implicit_accuracy(*errors) if self.method.needs_reference else None
        return self.method.loss(errors), (jax.tree.map(jnp.mean, errors), accuracy)

    @eqx.filter_jit
    def with_cache(self, draws: int, batch_size: int) -> "_Objective":
        """The same with the reference's errors at `draws` fixed times and noises of each pair."""
        empty = _Cache(draws, jnp.zeros((0, 2)))
        fixed = eqx.tree_at(lambda o: o.cache, self, empty, is_leaf=lambda leaf: leaf is None)

        def errors(row: Array) -> Array:
            rows = row[None]
            return fixed._errors(self.reference, rows, self._row_keys(rows))[0]

        rows = jnp.arange(self.pairs.winner.shape[0] * draws if self.method.needs_reference else 0)
        found = jax.lax.map(errors, rows, batch_size=batch_size)
        return eqx.tree_at(lambda o: o.cache.errors, fixed, found)

    def _row_keys(self, rows: Array) -> Array:
        return jax.vmap(lambda row: jax.random.fold_in(self.draw_key, row))(rows)

    def _errors(self, model: Callable, rows: Array, keys: Array) -> Float[Array, "rows 2"]:
        """The errors of winner and loser of each row."""
        index = rows if self.cache is None else rows // self.cache.draws
        pairs = jax.tree.map(lambda leaf: leaf[index], self.pairs)
        x_0 = _stacked(pairs.winner, pairs.loser)
        condition = jax.tree.map(_stacked, pairs.winner_condition, pairs.loser_condition)

        def of_pair(x_0: Array, condition: Any, key: Any) -> Array:
            level_key, noise_key = jax.random.split(key)
            # One time and one noise for both images: what differs between their errors is what differs between them.
            t = self.levels.time(level_key, self.process).astype(x_0.dtype)
            z = self.process.noise(noise_key, x_0.shape[1:], x_0.dtype)
            alpha, sigma = self.process.alpha(t), self.process.sigma(t)
            x_t = alpha * x_0 + sigma * z
            output = checked_output("model", call_model(model, x_t, self.process.model_time(t), condition), x_t)
            target = self.prediction.target(x_0, z, alpha, sigma)
            weight = self.levels.weight(self.prediction, alpha, sigma)
            return weight * jnp.square(output - target).reshape(2, -1).mean(axis=1)

        return jax.vmap(of_pair)(x_0, condition, keys)


def _objective(
    problem: AlignmentProblem,
    method: AbstractAlignmentMethod,
    reference: Callable | None,
    caption_key: Any,
    draw_key: Any,
) -> tuple[_Objective, dict[str, Any]]:
    """The loss with everything settled, and facts about the pairs."""
    pairs = problem.pairs.distinct()
    dropped = problem.pairs.count - pairs.count
    if dropped:
        warnings.warn(f"{dropped} of {problem.pairs.count} pairs hold two equal images and are left out", stacklevel=3)
    captions = method.captions.of(pairs, caption_key)
    if isinstance(method.captions, Prompts):
        winner = loser = problem.conditions("prompt", captions[0], pairs.count)
    else:
        winner = problem.conditions("the captions of the winners", captions[0], pairs.count)
        loser = problem.conditions("the captions of the losers", captions[1], pairs.count)
    equal = _count_equal(winner, loser, pairs.count)
    if 2 * equal > pairs.count and not isinstance(method.captions, Prompts):
        warnings.warn(
            f"{equal} of {pairs.count} pairs have one caption for both images, so that two captions do nothing; is the "
            "perturbation too weak?",
            stacklevel=3,
        )
    images = [
        jnp.asarray(np.asarray(x), jax.dtypes.canonicalize_dtype(np.float64)) for x in (pairs.winner, pairs.loser)
    ]
    objective = _Objective(
        method,
        problem.process,
        problem.prediction,
        problem.levels,
        _Pairs(images[0], images[1], winner, loser),
        problem.model if reference is None else reference,
        draw_key,
    )
    return objective, {"pairs": pairs.count, "dropped": dropped, "equal_captions": equal}


def _stacked(winner: Array, loser: Array) -> Array:
    return jnp.stack((winner, loser), axis=1)


def _count_equal(first: Any, second: Any, count: int) -> int:
    if jax.tree.structure(first) != jax.tree.structure(second):
        raise ValueError("the captions of winners and losers must be pytrees of one structure")
    equal: Any = np.ones(count, bool)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        if a.shape != b.shape:
            raise ValueError(f"the captions of winners and losers must have one shape, got {a.shape} and {b.shape}")
        equal = equal & np.asarray(a == b).reshape(len(a), -1).all(axis=1)
    return int(np.sum(equal))


def _trainable(model: Any) -> Any:
    """All floating arrays, but not what says where the data of a denoiser lie."""

    def is_denoiser(node: Any) -> bool:
        return isinstance(node, EDMPreconditioned)

    def spec(node: Any) -> Any:
        trained = jax.tree.map(eqx.is_inexact_array, node)
        return eqx.tree_at(lambda d: d.centre, trained, False) if is_denoiser(node) else trained

    return jax.tree.map(spec, model, is_leaf=is_denoiser)


class _Watch:
    """Ends a run whose winners are denoised worse and worse, and keeps model and averaged model from before that."""

    def __init__(self, models: tuple[Any, Any], limit: float | int | None, callback: Callable[[Fit], Any] | None):
        self.healthy, self.ended = models, False
        self._limit, self._callback, self._seen = limit, callback, 0

    def __call__(self, so_far: Fit) -> bool:
        errors: Errors = so_far.aux[0]
        if self._limit is not None and errors.reference_winner is not None:
            chunk = slice(self._seen, None)
            ratio = errors.winner[chunk].mean() / errors.reference_winner[chunk].mean()
            if ratio > self._limit:
                self.ended = True
                warnings.warn(
                    f"align ended at step {so_far.steps}: the winners' error is {ratio:.3g} times the reference's and "
                    f"winner_limit is {self._limit:g}; lower the learning rate or raise beta",
                    stacklevel=2,
                )
                return True
        self._seen = so_far.steps
        self.healthy = (so_far.model, so_far.ema_model)
        return self._callback is not None and bool(self._callback(so_far))
