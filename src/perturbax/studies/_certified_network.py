"""The parts of the study of auto_LiRPA that train networks on MNIST."""

import time
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float

from perturbax import core, data, nn, verify

from ._random_functions import extremes
from .auto_lirpa import EPSILONS, methods

CERTIFIED_RADIUS, RELATIVE = 0.1, 0.01


class CertifiedCNN(eqx.Module):
    """Two convolutions of stride 2 and two dense layers with ReLUs, for pictures of 10 x 10 pixels."""

    first: Float[Array, "8 1 3 3"]
    second: Float[Array, "16 8 3 3"]
    biases: tuple[Array, Array]
    dense: nn.MLP

    def __init__(self, *, key: Any):
        a, b, c = jax.random.split(key, 3)
        self.first = jax.random.normal(a, (8, 1, 3, 3)) * (2.0 / 9) ** 0.5
        self.second = jax.random.normal(b, (16, 8, 3, 3)) * (2.0 / 72) ** 0.5
        self.biases = (jnp.zeros((8, 1, 1)), jnp.zeros((16, 1, 1)))
        self.dense = nn.MLP(144, (64,), 10, key=c, activation=jax.nn.relu)

    def __call__(self, x: Float[Array, "10 10"]) -> Float[Array, "10"]:
        y = x[None, None]
        for kernel, bias in zip((self.first, self.second), self.biases, strict=True):
            y = jax.nn.relu(lax.conv_general_dilated(y, kernel, (2, 2), "SAME") + bias)
        return self.dense(y.reshape(-1))


class MeanLoss(eqx.Module):
    """The cross entropy of a batch as a function of the network."""

    x: Array
    labels: Array

    def __call__(self, network: Any) -> Float[Array, ""]:
        scores = network(self.x)
        at_label = jnp.take_along_axis(scores, self.labels[:, None], 1)
        return jnp.mean(jax.nn.logsumexp(scores - at_label, 1))


def ordinary_loss(network: Any, batch: Any, key: Any) -> Float[Array, ""]:
    """The cross entropy of a batch, as `core.fit` takes it."""
    return MeanLoss(*batch)(network)


def flat_loss(network: Any, batch: Any, key: Any) -> Float[Array, ""]:
    """The largest that it can be in a ball around each array of weights."""
    return verify.bound(MeanLoss(*batch), verify.weight_balls(network, RELATIVE), verify.CROWN()).upper


def images() -> tuple[Any, Any, Any, Any]:
    """Training and test pictures of MNIST in [0, 1] at 10 x 10 pixels, with labels."""

    def shrunk(part: Any) -> Any:
        x = 0.5 + 0.5 * part.images
        return np.asarray(jax.image.resize(x, (len(x), 10, 10), "linear"), np.float32).clip(0.0, 1.0)

    train, test = data.reference_split("mnist")
    return shrunk(train), np.asarray(train.labels), shrunk(test), np.asarray(test.labels)


def _certified(network: Any, x: Any, labels: Any, radius: float) -> float:
    """The share of pictures whose label is proved on the box, cut to [0, 1]."""
    box = verify.Box(jnp.clip(x - radius, 0.0, 1.0), jnp.clip(x + radius, 0.0, 1.0))
    rows = verify.margins(labels, 10)
    found = verify.bound(network, box, verify.CROWN(verify.IBP()), specification=rows, batched=True)
    return float((found.lower > 0).all(1).mean())


def train(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Natural and certified accuracy after training."""
    x, labels, x_test, labels_test = images()
    x_test, labels_test = x_test[: cell["tested"]], labels_test[: cell["tested"]]
    model_key, fit_key = jax.random.split(key)
    method = verify.MarginTraining() if cell["method"] == "margins" else verify.LossFusion()
    done = verify.fit(
        CertifiedCNN(key=model_key),
        (x, labels),
        method,
        radius=0.0 if cell["method"] == "natural" else CERTIFIED_RADIUS,
        steps=cell["steps"],
        batch_size=64,
        optimizer=optax.adam(2e-3),
        key=fit_key,
        domain=(0.0, 1.0),
        ema=0.98,
        progress=False,
    )
    scores = np.asarray(jax.vmap(done.network)(x_test))
    return {
        "accuracy": float((scores.argmax(1) == labels_test).mean()),
        "certified": _certified(done.network, x_test, labels_test, CERTIFIED_RADIUS),
        "seconds": done.stats["seconds"],
        "losses": done.losses.astype(np.float32),
    }


def time_gradients(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Seconds of a gradient of the loss of a batch, with the loss in the bounded function and without, in turn."""
    x, labels, *_ = images()
    network = CertifiedCNN(key=key)
    x, labels = jnp.asarray(x[:64]), jnp.asarray(labels[:64])

    @eqx.filter_jit
    def gradient(network: Any, method: Any) -> Any:
        def loss(network: Any) -> Any:
            return jax.vmap(lambda x, y: method.worst(network, verify.Box(x - 0.1, x + 0.1), y))(x, labels).mean()

        return eqx.filter_grad(loss)(network)

    both = {"fused": verify.LossFusion(), "margins": verify.MarginTraining()}
    seconds: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(cell["repeats"] + 1):
        for name, method in both.items():
            start = time.perf_counter()
            jax.block_until_ready(jax.tree.leaves(eqx.filter(gradient(network, method), eqx.is_array)))
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(taken[1:])) for name, taken in seconds.items()}
    return {"fused seconds": medians["fused"], "margins seconds": medians["margins"]}


def widths(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Widths of scores over the radius, and the share of test pictures that are proved, of an ordinary network."""
    x, labels, x_test, labels_test = images()
    flat, count = x_test.reshape(len(x_test), -1), min(20, cell["tested"])
    model_key, fit_key, search_key = jax.random.split(key, 3)
    network = nn.MLP(100, (64, 64), 10, key=model_key, activation=jax.nn.relu)
    pairs = (jnp.asarray(x.reshape(len(x), -1)), jnp.asarray(labels.astype(np.int32)))
    settings = {"steps": cell["steps"], "batch_size": 64, "optimizer": optax.adam(2e-3), "progress": False}
    network = core.fit(ordinary_loss, network, pairs, key=fit_key, **settings).model
    chosen = np.linspace(0, len(flat) - 1, count).astype(int)
    x, rows = flat[chosen], verify.margins(labels_test[chosen], 10)
    record: dict[str, Any] = {}

    def margins_of(key: Any, region: Any, rows: Any) -> Any:
        return extremes(lambda x: rows @ network(x), key, region, 1000)

    search = jax.jit(jax.vmap(margins_of))
    bounds: dict[str, Any] = {}
    for epsilon in EPSILONS:
        region = verify.Box(np.clip(x - epsilon, 0.0, 1.0), np.clip(x + epsilon, 0.0, 1.0))
        for name, method in methods().items():
            found = verify.bound(network, region, method, specification=rows, batched=True)
            record[f"width {name} {epsilon}"] = float((found.upper - found.lower).mean())
            record[f"proved {name} {epsilon}"] = float((found.lower > 0).all(1).mean())
            bounds[name] = found.lower
        record[f"worse {epsilon}"] = int((bounds["CROWN"] > bounds["alpha-CROWN"] + 1e-4).sum())
        low, high = search(jax.random.split(search_key, count), jax.tree.map(jnp.asarray, region), rows)
        record[f"width samples {epsilon}"] = float((high - low).mean())
    return record


def perturb_weights(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Ordinary training and training on the bound: the bound on test pictures, and losses of sampled weights."""
    x, labels, x_test, labels_test = images()
    x, x_test = (jnp.asarray(part.reshape(len(part), -1)) for part in (x, x_test))
    labels, labels_test = (jnp.asarray(part.astype(np.int32)) for part in (labels, labels_test))
    model_key, fit_key, sample_key = jax.random.split(key, 3)
    network = nn.MLP(100, (16,), 10, key=model_key, activation=jax.nn.relu)
    chosen = np.linspace(0, len(x_test) - 1, 32).astype(int)
    loss = MeanLoss(x_test[chosen], labels_test[chosen])
    record: dict[str, Any] = {}
    for name, objective in (("ordinary", ordinary_loss), ("flat", flat_loss)):
        done = core.fit(
            objective,
            network,
            (x, labels),
            steps=cell["steps"],
            batch_size=16,
            optimizer=optax.adam(2e-3),
            key=fit_key,
            progress=False,
        )
        balls = verify.weight_balls(done.model, RELATIVE)
        record[name] = float(verify.bound(loss, balls, verify.CROWN()).upper)
        record[f"{name} loss"] = float(loss(done.model))
        reached = float(jax.jit(_largest)(loss, balls, sample_key))
        record[f"{name} reached"] = reached
        record[f"above {name}"] = max(0.0, reached - record[name])
    record["flat ratio"] = record["flat"] / record["ordinary"]
    return record


def _largest(loss: MeanLoss, balls: Any, key: Any) -> Array:
    """The largest loss over random members of the balls."""

    def is_ball(leaf: Any) -> bool:
        return isinstance(leaf, verify.Ball)

    count = len([leaf for leaf in jax.tree.leaves(balls, is_leaf=is_ball) if is_ball(leaf)])

    def one(key: Any) -> Array:
        keys = iter(jax.random.split(key, count))
        members = jax.tree.map(lambda s: s.sample(next(keys)) if is_ball(s) else s, balls, is_leaf=is_ball)
        return loss(members)

    return jnp.max(lax.map(one, jax.random.split(key, 1000)))
