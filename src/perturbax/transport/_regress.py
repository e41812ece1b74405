"""What the interpolant methods share: the network, its loss, and its training."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import adam, check_instance, check_integer, check_number, fit
from ..nn import MLP
from ._coupling import Coupling, PairBatches, Pairs, check_coupling
from ._door import settle
from ._fields import NetworkFields, TimeNetwork, knows_score
from ._fit_interpolant import Trained
from ._path import AbstractPath, check_path
from ._targets import AbstractTarget, DataVelocity, Velocity

# Times of training: the network is asked for what is finite at the ends only, but where the path is rough its targets
# are not.
_FIRST = 1e-4


def check_training(method: Any) -> None:
    """Checks of the hyper-parameters that all methods have."""
    check_instance("hidden", method.hidden, tuple, "a tuple of widths such as (96, 96, 96)")
    for i, width in enumerate(method.hidden):
        check_integer(f"hidden[{i}]", width, minimum=1)
    if not method.hidden:
        raise ValueError("hidden must name at least one layer, got none")
    check_integer("steps", method.steps, minimum=1)
    check_integer("batch_size", method.batch_size, minimum=1)
    check_number("learning_rate", method.learning_rate, minimum=0.0, exclusive=True)


def check_targets(path: AbstractPath, targets: Any) -> None:
    """Refuse targets from which no velocity follows, or that the path has not."""
    check_instance("targets", targets, tuple, "a tuple of targets such as (Velocity(), Denoiser())")
    for i, target in enumerate(targets):
        check_instance(f"targets[{i}]", target, AbstractTarget, "a target such as Velocity()")
    kinds = [type(target) for target in targets]
    if len(set(kinds)) < len(kinds):
        raise ValueError("targets must differ from each other")
    if not path.noisy and any(target.needs_noise for target in targets):
        raise ValueError("targets must be Velocity() alone on a path without noise, which has no denoiser")
    scored = knows_score(path, targets)
    if not (Velocity in kinds or (scored and (path.one_sided or DataVelocity in kinds))):
        raise ValueError("targets must give the velocity: Velocity(), or DataVelocity() with Denoiser() or Score()")


def train(
    method: Any,
    path: AbstractPath,
    targets: tuple[AbstractTarget, ...],
    problem: Coupling,
    key: Any,
    progress: bool | None,
) -> Trained:
    """Regress the targets by a perceptron with the layers `method.hidden`."""
    check_path(path)
    check_targets(path, targets)
    check_coupling(problem, path)
    unit_key, network_key, fit_key = jax.random.split(key, 3)
    centre, scale = problem.units(unit_key)
    known = 0 if problem.condition is None else problem.condition.shape[1]
    rows = MLP(
        problem.size + 1 + known,
        method.hidden,
        len(targets) * problem.size,
        key=network_key,
        activation=jax.nn.silu,
    )
    fields = NetworkFields(
        network=TimeNetwork(rows), centre=settle(centre), scale=settle(scale), path=path, targets=targets
    )
    frozen = jax.tree.map(lambda _: False, fields)
    done = fit(
        Matching(),
        fields,
        PairBatches(problem.ends, problem.pairing, method.batch_size),
        steps=method.steps,
        optimizer=adam(method.learning_rate, method.steps, clip=1.0),
        key=fit_key,
        filter_spec=eqx.tree_at(lambda f: f.network, frozen, True),
        chunk=min(method.steps, 250),
        progress=progress,
        throw=False,
    )
    stats = {
        "evaluations": done.steps,
        "antithetic": any(target.rough(path) for target in targets),
        "seconds": done.stats["seconds"],
    }
    return Trained(done.model, done.losses, done.result, stats)


class Matching(eqx.Module):
    """The loss of all targets together, `mean_t sum 1/2 |f|^2 - y . f`, each in its own unit."""

    def __call__(self, fields: NetworkFields, batch: Pairs, key: Any) -> Float[Array, ""]:
        time_key, noise_key = jax.random.split(key)
        n, dtype = batch.x1.shape[0], batch.x1.dtype
        # One time in each of n equal intervals: uniform, with less variance.
        t = (jnp.arange(n, dtype=dtype) + jax.random.uniform(time_key, (n,), dtype)) / n
        t = _FIRST + (1.0 - 2.0 * _FIRST) * t
        z = jax.random.normal(noise_key, batch.x1.shape, dtype)
        value = self.of(fields, batch, t, z)
        if any(target.rough(fields.path) for target in fields.targets):
            value = 0.5 * (value + self.of(fields, batch, t, -z))
        return value

    def of(self, fields: NetworkFields, batch: Pairs, t: Array, z: Array) -> Float[Array, ""]:
        """The loss at given times and noise."""
        x = fields.path.state(t, batch.x0, batch.x1, z)
        losses = []
        for target, found in zip(fields.targets, fields.outputs(x, t, batch.condition), strict=True):
            unit = target.unit(fields.scale)
            y, f = target.value(fields.path, t, batch.x0, batch.x1, z) / unit, found / unit
            losses.append((0.5 * jnp.square(f) - y * f).sum(-1).mean())
        return sum(losses, jnp.zeros((), x.dtype))
