"""`perturbax optimize sharpness`: how sharp the minimum of a model is, and with which rates SGD can stay there."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options


def sharpness(
    model: Annotated[
        str, typer.Option(help="module:callable, called as apply(params, x) for one input, with JAX's functions.")
    ],
    params: Annotated[
        Path, typer.Option(help="A .safetensors or .npz file; apply gets a dict of its arrays by their names.")
    ],
    data: Annotated[Path, typer.Option(help="A .npz file with inputs and targets, a row for each sample.")],
    learning_rate: Annotated[float, typer.Option(help="Of the SGD that is asked about.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Of the SGD that is asked about, with replacement.")] = 1,
    full_batch: Annotated[bool, typer.Option("--full-batch", help="Ask about gradient descent on all data.")] = False,
    probes: Annotated[
        int | None,
        typer.Option(min=2, help="Estimate by so many random products, where gradients of all samples do not fit."),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="The loss up to which a point is a minimum.")] = 1e-5,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Measure trace, norm and largest eigenvalue of the Gauss-Newton matrix of a least-squares fit, and compare the
    learning rate with what stability allows.

    The exact second moment and the bound on the Frobenius norm need the gradients of all samples.
    """
    import jax

    from perturbax import optimize
    from perturbax.core import enable_compilation_cache

    from ._callable import find_callable
    from ._console import note, print_json, print_table
    from ._parameters import load_parameters

    apply = find_callable("--model", model, "apply(params, x)")
    arrays, samples = load_parameters(params), _data(data)
    enable_compilation_cache()
    problem = optimize.LeastSquares(arrays, samples["inputs"], samples["targets"], apply)
    methods: dict[str, Any] = {
        "sharp form": optimize.SharpBound(),
        "trace": optimize.TraceBound(),
        "largest eigenvalue": optimize.TopEigenvalueBound(),
    }
    at: Any = problem
    if probes is None:
        methods = {"exact second moment": optimize.ExactSecondMoment(), **methods}
        methods["Frobenius norm"] = optimize.FrobeniusBound()
    else:
        method = optimize.ProbedSharpness(probes=probes, steps=min(30, problem.size))
        at = optimize.sharpness(problem, method, key=jax.random.key(seed))
    asked = optimize.LinearisedSGD(at, learning_rate, None if full_batch else batch_size, tolerance=tolerance)
    found = {name: optimize.stability(asked, method) for name, method in methods.items()}
    first = next(iter(found.values()))
    measures = {name: float(getattr(first.sharpness, name)) for name in ("trace", "frobenius", "top")}
    summary = {
        "loss": first.loss,
        "valid": first.valid,
        "samples": asked.samples,
        "parameters": problem.size,
        **measures,
        "learning_rate": learning_rate,
        "batch_size": asked.batch_size,
        "rho": first.rho,
        "largest_rates": {name: one.bound for name, one in found.items()},
        "stable": {name: one.stable for name, one in found.items()},
    }
    if not first.valid:
        note(
            f"the loss is {first.loss:.3g}, above --tolerance {tolerance:g}: this is no minimum of loss zero, and what "
            "follows says nothing certain of SGD"
        )
    if as_json:
        print_json(summary)
        return
    rows = [(name, f"{one.bound:.4g}", "yes" if one.stable else "no") for name, one in found.items()]
    caption = ", ".join(f"{name} {value:.4g}" for name, value in measures.items())
    columns = {"condition": "left", "largest learning rate": "right", f"holds at {learning_rate:g}": "right"}
    print_table(f"{asked.samples} samples, {problem.size} parameters", columns, rows, caption=caption)


def _data(path: Path) -> dict[str, Any]:
    from ._arrays import load_npz

    arrays = load_npz("--data", path)
    missing = [name for name in ("inputs", "targets") if name not in arrays]
    if missing:
        raise ValueError(f"--data: {path} must hold inputs and targets, it has {', '.join(arrays) or 'nothing'}")
    return arrays
