"""Traces of Hessians against curvlinops and PyHessian, and what tracking the sharpness adds to training.

`python benchmarks/sharpness.py`. The same network, data and number of probes, in float64; what is compared runs in turn
in one process, and medians are printed.
"""

import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

import curvlinops
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pyhessian
import torch

from _timing import medians
from perturbax import core, data, linalg, nn, optimize

WIDTH, SAMPLES, PROBES = 128, 300, 60


def _problem() -> tuple[optimize.LeastSquares, Any, Any, Any]:
    """A network with its data, and the same in torch."""
    digits = data.digits()
    x, y = digits.flat[:SAMPLES].astype(np.float64), (digits.labels[:SAMPLES, None] / 9.0).astype(np.float64)
    network = nn.MLP(64, (WIDTH, WIDTH), 1, key=jax.random.key(0), activation=jnp.tanh)
    layers: list[Any] = []
    for layer in network.layers:
        linear = torch.nn.Linear(*layer.weight.shape).double()
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(np.asarray(layer.weight, np.float64).T))
            linear.bias.copy_(torch.tensor(np.asarray(layer.bias, np.float64)))
        layers += [linear, torch.nn.Tanh()]
    return optimize.LeastSquares(network, x, y), torch.nn.Sequential(*layers[:-1]), torch.tensor(x), torch.tensor(y)


def traces() -> None:
    """Hutchinson's and Hutch++'s trace of the Gauss-Newton matrix, and Hutchinson's of the Hessian."""
    problem, model, x, y = _problem()
    key, parameters = jax.random.key(1), [p for p in model.parameters() if p.requires_grad]
    loss = torch.nn.MSELoss()
    ggn = curvlinops.GGNLinearOperator(model, loss, parameters, [(x, y)], check_deterministic=False)
    peer = pyhessian.hessian(model, loss, data=(x, y), cuda=False)
    product, hessian = problem.gauss_newton(), problem.hessian()
    found: dict[str, list[float]] = {}

    def kept(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            value = call()
            # Their loss has no factor 1/2.
            found.setdefault(name, []).append(float(value) / (1.0 if name.startswith("ours") else 2.0))

        return run

    calls = {
        "ours Hutchinson": lambda: linalg.trace(product, linalg.Hutchinson(PROBES), key=key).value,
        "curvlinops Hutchinson": lambda: curvlinops.hutchinson_trace(ggn, PROBES),
        "ours Hutch++": lambda: linalg.trace(product, linalg.HutchPP(PROBES), key=key).value,
        "curvlinops Hutch++": lambda: curvlinops.hutchpp_trace(ggn, PROBES),
        "ours Hessian": lambda: linalg.trace(hessian, linalg.Hutchinson(PROBES), key=key).value,
        "PyHessian Hessian": lambda: np.mean(peer.trace(maxIter=PROBES, tol=0.0)),
    }
    took = medians({name: kept(name, call) for name, call in calls.items()}, repeats=3)
    exact = float(optimize.sharpness(problem, optimize.ExactSharpness(), key=key).trace)
    error = {
        "Hutchinson": float(linalg.trace(product, linalg.Hutchinson(PROBES), key=key).standard_error),
        "Hutch++": float(linalg.trace(product, linalg.HutchPP(PROBES), key=key).standard_error),
        "Hessian": float(linalg.trace(hessian, linalg.Hutchinson(PROBES), key=key).standard_error),
    }
    print(f"{problem.size} parameters, {SAMPLES} samples, {PROBES} probes; exact trace of Gauss-Newton {exact:.4f}")
    for ours, theirs in zip(list(calls)[::2], list(calls)[1::2], strict=True):
        library, what = theirs.split(" ", 1)
        package = {"curvlinops": "curvlinops-for-pytorch", "PyHessian": "pyhessian"}[library]
        # The peer draws other probes each time, we the same.
        apart = abs(found[ours][0] - np.mean(found[theirs])) / error[what]
        print(
            f"{what}: ours {1e3 * took[ours]:.0f} ms, {library} {importlib.metadata.version(package)} (torch "
            f"{torch.__version__}) {1e3 * took[theirs]:.0f} ms: {took[theirs] / took[ours]:.1f}x faster (wanted 2); "
            f"{found[ours][0]:.4f} and {np.mean(found[theirs]):.4f}, {apart:.1f} standard errors apart (wanted 3)"
        )


def product() -> None:
    """A product with the Gauss-Newton matrix in forward passes."""
    problem, *_ = _problem()
    vector = jax.random.normal(jax.random.key(0), (problem.size,))
    inputs = jnp.asarray(problem.inputs, jnp.float32)
    operator = problem.gauss_newton()
    took = medians(
        {"product": lambda: _apply(operator, vector), "forward": lambda: _forward(problem.model, inputs)}, repeats=100
    )
    print(f"a product costs {took['product'] / took['forward']:.1f} forward passes (wanted 3)")


def tracking(chunk: int = 500, steps: int = 5000) -> None:
    """What a tracker adds to training in float32, with a measurement every 500 steps."""
    digits = data.digits()
    x, y = digits.flat[:200], (digits.labels[:200, None] / 9.0).astype(np.float32)
    network = nn.MLP(64, (100,), 1, key=jax.random.key(0), activation=jax.nn.relu)
    optimizer, draw = optax.sgd(0.005), optimize.DrawWithReplacement((x, y), 32)

    def fit(callback: Any) -> Any:
        options = {"steps": steps, "chunk": chunk, "optimizer": optimizer, "progress": False}
        return core.fit(_loss, network, draw, key=jax.random.key(0), callback=callback, **options).model

    methods = {"exact": optimize.ExactSharpness(), "probed": optimize.ProbedSharpness(probes=10, steps=20)}
    calls: dict[str, Callable[[], Any]] = {"without": lambda: fit(None)}
    for name, method in methods.items():
        calls[name] = lambda method=method: fit(optimize.SharpnessTracker(x, y, method=method))
    took = medians(calls, repeats=3)
    for name in methods:
        share = took[name] / took["without"] - 1.0
        # Measurements cost the same however large a step is, so their cost is told in steps of this small network.
        cost = share * chunk
        print(
            f"tracking, {name}: adds {100.0 * share:.0f} % to {steps} steps of {1e6 * took['without'] / steps:.0f} "
            f"microseconds when measured every {chunk}; a measurement costs {cost:.0f} steps, so 5 % are one every "
            f"{20.0 * cost:.0f} (wanted 5 %)"
        )


@eqx.filter_jit
def _apply(operator: Any, vector: Any) -> Any:
    return operator(vector)


@eqx.filter_jit
def _forward(model: Any, inputs: Any) -> Any:
    return model(inputs)


def _loss(model: Any, batch: Any, key: Any) -> Any:
    return 0.5 * jnp.mean((model(batch[0]) - batch[1]) ** 2)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", module="torch")
    core.enable_compilation_cache()
    traces()
    product()
    tracking()
