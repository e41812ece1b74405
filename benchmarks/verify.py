"""Bounds against auto_LiRPA and immrax: the same network, boxes and methods, their values and their seconds.

`python benchmarks/verify.py`. Calls are made in turn in one process; medians are printed. auto_LiRPA 0.3 is from 2022,
the last on the package index. What immrax calls CROWN are linear bounds in one forward pass.
"""

import importlib.metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import _auto_lirpa
import _immrax
from _timing import medians
from perturbax import core, nn, verify

EPSILON = 0.01


def as_torch(network: nn.MLP) -> torch.nn.Module:
    """The same perceptron in PyTorch."""
    layers: list[torch.nn.Module] = []
    for layer in network.layers:
        linear = torch.nn.Linear(*layer.weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(layer.weight.T)))
            linear.bias.copy_(torch.from_numpy(np.array(layer.bias)))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def compare(hidden: tuple[int, ...], batch: int) -> None:
    peer = _auto_lirpa.load()
    network = nn.MLP(784, hidden, 10, key=jax.random.key(0), activation=jax.nn.relu)
    x = np.random.default_rng(0).uniform(size=(batch, 784)).astype(np.float32)
    theirs = peer.BoundedModule(as_torch(network), torch.from_numpy(x))
    perturbed = peer.BoundedTensor(torch.from_numpy(x), peer.PerturbationLpNorm(norm=np.inf, eps=EPSILON))
    ball = verify.Ball(x, EPSILON)
    methods = {"IBP": verify.IBP(), "CROWN-IBP": verify.CROWN(verify.IBP()), "CROWN": verify.PlainCROWN()}
    version = importlib.metadata.version("auto-lirpa")
    for name, method in methods.items():

        def ours(method: Any = method) -> Any:
            return jax.block_until_ready(verify.bound(network, ball, method, batched=True).lower)

        def other(name: str = name) -> Any:
            with torch.no_grad():
                return theirs.compute_bounds(x=(perturbed,), method=name)[0]

        difference = np.abs(np.asarray(ours()) - other().detach().numpy()).max()
        scale = np.abs(other().detach().numpy()).max()
        took = medians({"ours": ours, "auto_LiRPA": other}, repeats=9)
        print(
            f"784-{'-'.join(map(str, hidden))}-10, batch {batch}, {name}: auto_LiRPA {version} takes "
            f"{took['auto_LiRPA'] / took['ours']:.2f}x ours ({1e3 * took['ours']:.1f} ms, wanted 1 to 3x); "
            f"bounds differ by {difference / scale:.1e} (wanted 1e-5)"
        )


def compare_forward(hidden: tuple[int, ...], batch: int) -> None:
    peer = _immrax.load()
    network = nn.MLP(784, hidden, 10, key=jax.random.key(0), activation=jax.nn.relu)
    x = np.random.default_rng(0).uniform(size=(batch, 784)).astype(np.float32)
    ball = verify.Ball(x, EPSILON)

    # immrax has no rule for the derivative of jax.nn.relu, nor for a vector times a matrix.
    def written_for_immrax(x: jax.Array) -> jax.Array:
        for layer in network.layers[:-1]:
            x = jnp.maximum(layer.weight.T @ x + layer.bias, 0.0)
        return network.layers[-1].weight.T @ x + network.layers[-1].bias

    def intervals(lower: jax.Array, upper: jax.Array) -> Any:
        return peer.natif(written_for_immrax)(peer.interval(lower, upper)).lower

    def planes(lower: jax.Array, upper: jax.Array) -> Any:
        box = peer.interval(lower, upper)
        return peer.crown(written_for_immrax)(box)(box).lower

    ends = jnp.asarray(x - EPSILON), jnp.asarray(x + EPSILON)
    version = importlib.metadata.version("immrax")
    for name, method, function in (
        ("intervals", verify.IBP(), intervals),
        ("forward linear bounds", verify.ForwardLinear(), planes),
    ):
        compiled = jax.jit(jax.vmap(function))

        def ours(method: Any = method) -> Any:
            return jax.block_until_ready(verify.bound(network, ball, method, batched=True).lower)

        def other(compiled: Any = compiled) -> Any:
            return jax.block_until_ready(compiled(*ends))

        theirs = np.asarray(other())
        difference = np.abs(np.asarray(ours()) - theirs).max() / np.abs(theirs).max()
        took = medians({"ours": ours, "immrax": other}, repeats=9)
        print(
            f"784-{'-'.join(map(str, hidden))}-10, batch {batch}, {name}: immrax {version} takes "
            f"{took['immrax'] / took['ours']:.2f}x ours ({1e3 * took['ours']:.1f} ms, wanted 3x); "
            f"bounds differ by {difference:.1e} (wanted 1e-4)"
        )
    sharper = verify.bound(network, ball, verify.CROWN(), batched=True)
    wide = verify.bound(network, ball, verify.ForwardLinear(), batched=True)
    ratio = float(jnp.mean(wide.upper - wide.lower) / jnp.mean(sharper.upper - sharper.lower))
    print(f"784-{'-'.join(map(str, hidden))}-10: forward linear bounds are {ratio:.2f}x as wide as CROWN's")


def growth(widths: tuple[int, ...] = (64, 128, 256, 512)) -> None:
    """CROWN has a row for each neuron, each at the cost of the layers before it: cubic in the width."""
    calls, box = {}, verify.Box(np.zeros(64, np.float32), np.ones(64, np.float32))
    for width in widths:
        network = nn.MLP(64, (width, width, width), 10, key=jax.random.key(0), activation=jax.nn.relu)
        calls[str(width)] = lambda network=network: jax.block_until_ready(
            verify.bound(network, box, verify.CROWN()).lower
        )
    took = medians(calls, repeats=5)
    print("CROWN, three hidden layers:", ", ".join(f"width {w} {1e3 * t:.1f} ms" for w, t in took.items()))


if __name__ == "__main__":
    core.enable_compilation_cache()
    for hidden, batch in (((256, 256), 1), ((256, 256), 32), ((64, 64, 64, 64), 32)):
        compare(hidden, batch)
    for batch in (1, 32):
        compare_forward((256, 256), batch)
    growth()
