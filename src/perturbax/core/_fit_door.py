"""The door of `fit`: every argument is checked and settled before anything is compiled."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ._check import check_array, check_integer, check_number
from ._shuffle import round_keys
from ._training import Start, Training


def settle(
    loss: Any,
    model: Any,
    data: Any,
    key: Any,
    batch_size: Any,
    optimizer: Any,
    ema: Any,
    chunk: Any,
    validation: Any,
    has_aux: bool,
    filter_spec: Any,
    devices: Sequence[Any] | None,
) -> tuple[Training, Start, Any]:
    """What is trained, what it starts from, and the parameters."""
    if not callable(loss):
        raise TypeError(f"loss must be callable as loss(model, batch, key), got {type(loss).__name__}")
    if not (callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))):
        raise TypeError(f"optimizer must be an Optax transformation such as optax.adam(1e-3), got {optimizer!r}")
    keys = settle_keys("key", key)
    seeds = len(keys) if keys.ndim else None
    params, frozen = _partition(model, filter_spec, seeds)
    data, batch_size = _settle_data(data, batch_size)
    if validation is not None and not callable(validation):
        validation = _settle_arrays("validation", validation)
        if not callable(data) and jax.tree.structure(validation) != jax.tree.structure(data):
            raise ValueError("validation must be a pytree of the same structure as data")
    start = Start(frozen, *(_keys(keys) if seeds is None else jax.vmap(_keys)(keys)))
    one_start, one_params = (start, params) if seeds is None else _first((start, params))
    batch = _batch_shapes(data, batch_size, one_start)
    returns = _returns(loss, has_aux, one_params, batch, one_start)
    mesh = _mesh(devices, batch)
    if mesh is not None:
        everywhere = NamedSharding(mesh, PartitionSpec())
        start, params, data, validation = _put((start, params, data, validation), everywhere)
    training = Training(
        loss=loss,
        returns=returns,
        optimizer=optimizer,
        data=data,
        batch_size=batch_size,
        validation=validation,
        decay=None if ema is None else check_number("ema", ema, minimum=0.0, maximum=1.0),
        chunk=check_integer("chunk", chunk, minimum=1),
        mesh=mesh,
        seeds=seeds,
    )
    return training, start, params


def settle_keys(name: str, value: Any) -> jax.Array:
    """A typed key, or a batch of them with one axis."""
    wanted = f"{name} must be a JAX PRNG key such as jax.random.key(0), or a batch such as jax.random.split(key, 5)"
    if not isinstance(value, jax.Array):
        raise TypeError(f"{wanted}, got {type(value).__name__}")
    if value.dtype == np.uint32 and value.ndim and value.shape[-1] == 2:
        value = jax.random.wrap_key_data(value)
    if not jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        raise TypeError(f"{wanted}, got an array of dtype {value.dtype} and shape {value.shape}")
    if value.ndim > 1 or value.size == 0:
        raise ValueError(f"{wanted}, got shape {value.shape}")
    return value


def settle_path(value: Any) -> Path:
    """A path in a folder that exists, so that a long run does not find out at its end."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path, got {type(value).__name__}")
    path = Path(value)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"checkpoint {path} must be in a folder that exists")
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint {path} must be a file, got a folder")
    return path


def _partition(model: Any, filter_spec: Any, seeds: int | None) -> tuple[Any, Any]:
    model = jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, model)
    chosen = model if filter_spec is None else eqx.filter(model, filter_spec)
    params = eqx.filter(chosen, eqx.is_inexact_array)
    leaves = jax.tree.leaves_with_path(params)
    if not leaves:
        raise ValueError("model must have floating arrays to train, got none (is filter_spec False everywhere?)")
    for path, leaf in leaves:
        check_array(f"model{jax.tree_util.keystr(path)}", leaf, kind="number", nonempty=False)
    for path, leaf in jax.tree.leaves_with_path(eqx.filter(model, eqx.is_array)):
        if seeds is not None and leaf.shape[:1] != (seeds,):
            name = f"model{jax.tree_util.keystr(path)}"
            raise ValueError(f"{name} must have a leading axis of {seeds}, one per key, got shape {leaf.shape}")
    frozen = jax.tree.map(lambda x, p: x if p is None else None, model, params, is_leaf=lambda x: x is None)
    return params, frozen


def _settle_data(data: Any, batch_size: Any) -> tuple[Any, int | None]:
    if callable(data):
        if batch_size is not None:
            raise ValueError(f"batch_size must be None when data is a function, got {batch_size!r}")
        return data, None
    data = _settle_arrays("data", data)
    size = jax.tree.leaves(data)[0].shape[0]
    if batch_size is not None:
        batch_size = check_integer("batch_size", batch_size, minimum=1, maximum=size)
    return data, None if batch_size == size else batch_size


def _settle_arrays(name: str, tree: Any) -> Any:
    leaves = jax.tree.leaves_with_path(tree)
    if not leaves:
        raise ValueError(f"{name} must be a pytree of arrays or a function, got none")
    sizes = {}
    for path, leaf in leaves:
        leaf_name = f"{name}{jax.tree_util.keystr(path)}"
        array = check_array(leaf_name, leaf, kind="any")
        if array.dtype.kind != "b":
            check_array(leaf_name, array, kind="number")
        if array.ndim == 0:
            raise ValueError(f"{leaf_name} must have a leading axis of the samples, got a scalar")
        sizes[leaf_name] = array.shape[0]
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{name} must have one leading axis, got {sizes}")
    return jax.tree.map(jnp.asarray, tree)


def _keys(key: jax.Array) -> tuple[jax.Array, ...]:
    shuffle, *rest = jax.random.split(key, 4)
    return round_keys(shuffle), *rest


def _first(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, tree)


def _batch_shapes(data: Any, batch_size: int | None, start: Start) -> Any:
    if callable(data):
        return eqx.filter_eval_shape(data, start.batch_key)

    def part(x: jax.Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((batch_size or x.shape[0], *x.shape[1:]), x.dtype)

    return jax.tree.map(part, data)


def _returns(loss: Any, has_aux: bool, params: Any, batch: Any, start: Start) -> Any:
    def value_of(params: Any, batch: Any) -> Any:
        return loss(eqx.combine(params, start.frozen), batch, start.loss_key)

    returns = eqx.filter_eval_shape(value_of, params, batch)
    if has_aux and not (isinstance(returns, tuple) and len(returns) == 2):
        raise TypeError(f"loss must return a pair (value, aux) with loss_has_aux, got {type(returns).__name__}")
    value, aux = returns if has_aux else (returns, None)
    if not isinstance(value, jax.ShapeDtypeStruct):
        raise ValueError(f"loss must return a real scalar array, got {type(value).__name__}")
    if value.shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(f"loss must return a real scalar array, got {value.dtype}{list(value.shape)}")
    for leaf in jax.tree.leaves(aux):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            raise TypeError(f"loss must return arrays as auxiliary values, got {type(leaf).__name__}")
    return returns


def _mesh(devices: Sequence[Any] | None, batch: Any) -> Mesh | None:
    chosen = jax.local_devices() if devices is None else list(devices)
    if not chosen:
        raise ValueError("devices must not be empty")
    sizes = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(batch)}
    size = sizes.pop() if len(sizes) == 1 else 0
    if size == 0 or size % len(chosen):
        if devices is not None:
            raise ValueError(f"devices must divide the batch, got {len(chosen)} devices for a batch of {size}")
        return None
    return None if devices is None and len(chosen) == 1 else Mesh(np.asarray(chosen), ("batch",))


def _put(tree: Any, sharding: NamedSharding) -> Any:
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, sharding), rest)
