"""The compiled part of `fit`: a step, a chunk of steps and an evaluation, for one run or for many seeds at once."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Int, Key, PRNGKeyArray, UInt32

from ._shuffle import shuffled


class Start(eqx.Module):
    """What a run is given and never changes: the leaves of the model that are not trained, and its keys."""

    frozen: Any
    shuffle: UInt32[Array, "*seeds rounds"]
    batch_key: Key[Array, "*seeds"]
    loss_key: Key[Array, "*seeds"]
    validation_key: Key[Array, "*seeds"]


class State(eqx.Module):
    """What a step changes."""

    step: Int[Array, "*seeds"]
    params: Any
    opt_state: Any
    ema: Any


class Training(eqx.Module):
    """What is trained and how. Its methods are pure; `seeds` adds a leading axis to every `Start` and `State`.

    `returns` is what the loss returns, as shapes: a scalar, or a pair of it and of auxiliary values.
    """

    loss: Callable
    returns: Any
    optimizer: optax.GradientTransformation
    data: Any
    batch_size: int | None
    validation: Any
    decay: float | None
    chunk: int
    mesh: Mesh | None
    seeds: int | None

    @property
    def records(self) -> tuple[Any, Any]:
        """The shapes of the loss and of the auxiliary values."""
        return self.returns if isinstance(self.returns, tuple) else (self.returns, None)

    @property
    def devices(self) -> int:
        """Over how many devices a batch is split."""
        return 1 if self.mesh is None else self.mesh.size

    @eqx.filter_jit
    def begin(self, params: Any) -> State:
        """The state before the first step."""

        def begin(params: Any) -> State:
            opt_state = jax.tree.map(jnp.asarray, self.optimizer.init(params))
            return State(jnp.zeros((), jnp.int32), params, opt_state, None if self.decay is None else params)

        return self._each_seed(begin, eqx.if_array(0))(params)

    @eqx.filter_jit
    def advance(self, start: Start, state: State, count: Int[Array, "*seeds"]) -> tuple[State, Any, Any, Any]:
        """`count` steps, at most `chunk`, in one program for every count; per seed when `count` has that axis.

        Returns the state, losses and auxiliary values with an axis of `chunk`, and whether all parameters are finite.
        """

        def advance(start: Start, state: State, count: Array) -> tuple[State, Any, Any, Any]:
            records = jax.tree.map(lambda one: jnp.zeros((self.chunk, *one.shape), one.dtype), self.records)

            def body(carry: Any) -> Any:
                i, state, records = carry
                state, record = self._step(start, state)
                return i + 1, state, jax.tree.map(lambda all_, one: all_.at[i].set(one), records, record)

            _, state, (losses, aux) = jax.lax.while_loop(lambda carry: carry[0] < count, body, (0, state, records))
            return state, losses, aux, all_finite(state.params)

        return self._each_seed(advance, eqx.if_array(0), eqx.if_array(0), 0 if count.ndim else None)(
            start, state, count
        )

    @eqx.filter_jit
    def validate(self, start: Start, state: State) -> Any:
        """The loss on the validation data, of the averaged model where there is one."""

        def validate(start: Start, state: State) -> Any:
            model = eqx.combine(state.params if state.ema is None else state.ema, start.frozen)
            if callable(self.validation):
                return self.validation(model, start.validation_key)
            return self._loss(model, self.validation, start.validation_key)[0]

        return self._each_seed(validate, eqx.if_array(0), eqx.if_array(0))(start, state)

    def batch(self, start: Start, step: Int[Array, ""]) -> Any:
        """The batch of a step: drawn by the user's function, all data, or the next part of this epoch's shuffle."""
        if callable(self.data):
            batch = self.data(jax.random.fold_in(start.batch_key, step))
        elif self.batch_size is None:
            batch = self.data
        else:
            size = jax.tree.leaves(self.data)[0].shape[0]
            epoch, part = jnp.divmod(step, size // self.batch_size)
            place = part * self.batch_size + jnp.arange(self.batch_size, dtype=jnp.int32)
            index = shuffled(start.shuffle, epoch, place, size)
            batch = jax.tree.map(lambda x: x.at[index].get(mode="promise_in_bounds"), self.data)
        return self._spread(batch, PartitionSpec("batch"))

    def _step(self, start: Start, state: State) -> tuple[State, Any]:
        batch = self.batch(start, state.step)
        loss_key = jax.random.fold_in(start.loss_key, state.step)

        def objective(params: Any) -> tuple[Array, Any]:
            return self._loss(eqx.combine(params, start.frozen), batch, loss_key)

        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        # Optax descends along the conjugate of what JAX calls the gradient in a complex parameter.
        gradient = jax.tree.map(jnp.conj, gradient)
        # Line searches and plateau schedules ask for these; all other transformations ignore them.
        extra = {"value": loss, "grad": gradient, "value_fn": lambda params: objective(params)[0]}
        optimizer = optax.with_extra_args_support(self.optimizer)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params, **extra)
        params = optax.apply_updates(state.params, updates)
        state = State(state.step + 1, params, opt_state, self._average(state, params))
        return self._spread(state, PartitionSpec()), (loss, aux)

    def _loss(self, model: Any, batch: Any, key: PRNGKeyArray) -> tuple[Array, Any]:
        value = self.loss(model, batch, key)
        return value if isinstance(self.returns, tuple) else (value, None)

    def _average(self, state: State, params: Any) -> Any:
        if self.decay is None:
            return None
        # Early on the decay is smaller, or the average would remember the initial parameters for 1 / (1 - decay) steps.
        decay = jnp.minimum(self.decay, (1.0 + state.step) / (10.0 + state.step))
        return jax.tree.map(lambda new, old: (old + (1.0 - decay) * (new - old)).astype(old.dtype), params, state.ema)

    def _spread(self, tree: Any, spec: PartitionSpec) -> Any:
        if self.mesh is None:
            return tree
        return eqx.filter_shard(tree, NamedSharding(self.mesh, spec))

    def _each_seed(self, function: Callable, *in_axes: Any) -> Callable:
        return function if self.seeds is None else eqx.filter_vmap(function, in_axes=in_axes)


def all_finite(tree: Any) -> Bool[Array, ""]:
    """Whether every number in the tree is finite.

    >>> bool(all_finite({"a": jnp.array([1.0, jnp.inf])}))
    False
    """
    return jnp.array(
        [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))]
    ).all()
