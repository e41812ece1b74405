"""`perturbax optimize quantize`: a network of a user in integers, with the bits that a budget allows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_file

_BUDGETS = {"size": "bytes", "bit_operations": "bit operations", "latency": "ms"}


def quantize(
    model: Annotated[
        str, typer.Option(help="module:callable, called as apply(params, x) for one input; or an .onnx file.")
    ],
    data: Annotated[Path, typer.Option(help="An .npz file with inputs, a row for each sample, and targets if asked.")],
    out: Annotated[Path, typer.Option(help="The .npz file for the network in integers.")],
    params: Annotated[
        Path | None,
        typer.Option(help="A .safetensors or .npz file; apply gets a dict of its arrays by their names."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="hawq, divergence, top-eigenvalue, largest-first, random, or uniform for no budget.")
    ] = "hawq",
    bits: Annotated[str, typer.Option(help="The widths that there are, of which uniform takes the first.")] = "4,8",
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="size, bit_operations or latency: up to 1 the share of the way from the cheapest network to the "
            "dearest one, above 1 bytes, operations of one input, or ms.",
        ),
    ] = None,
    latencies: Annotated[Path | None, typer.Option(help="A .csv file layer,bits,ms measured on your device.")] = None,
    free: Annotated[bool, typer.Option("--free", help="Let the first and the last layer have fewer bits too.")] = False,
    probes: Annotated[int, typer.Option(min=2, help="Products with the Hessian at most, of hawq.")] = 64,
    percentile: Annotated[float, typer.Option(help="Of activations, up to which they are represented.")] = 100.0,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Choose the bits of every layer within a budget, and write the network as a program of integers.

    The file runs with optimize.load_quantized, without the model. hawq and top-eigenvalue look at the cross entropy
    with the targets.
    """
    import jax
    import numpy as np

    from perturbax import optimize
    from perturbax.core import enable_compilation_cache

    from ._console import print_json, print_table

    options.check_writable("--out", out)
    arrays, apply, samples = _network(model, params, data)
    widths = _widths(bits)
    settled = _method(method, widths, probes)
    limits = _limits(budget, latencies, needed=method != "uniform")
    enable_compilation_cache()
    problem = optimize.QuantizationProblem(
        arrays,
        samples["inputs"],
        samples.get("targets"),
        apply=apply,
        bits=widths,
        budget=limits,
        fixed={} if free else None,
    )
    quantized = optimize.quantize(problem, settled, key=jax.random.key(seed), percentile=percentile)
    optimize.save_quantized(out, quantized)
    exact = np.asarray(jax.vmap(lambda x: problem.network(problem.weights, x))(problem.inputs[:1000]))
    ours = np.asarray(quantized(problem.inputs[:1000]))
    deviation = float(np.sqrt(np.mean((ours - exact) ** 2) / max(float(np.mean(exact**2)), 1e-30)))
    summary: dict[str, Any] = {
        "bits": quantized.bits,
        "size": quantized.size,
        "float32_size": 4 * sum(layer.parameters for layer in quantized.layers),
        "bit_operations": quantized.bit_operations,
        "perturbation": {layer.name: layer.perturbation for layer in quantized.layers},
        "relative_deviation": deviation,
        "evaluations": quantized.stats["evaluations"],
        "out": str(out),
    }
    if as_json:
        print_json(summary)
        return
    rows = [
        (q.name, str(q.bits), f"{q.size:,.0f}", "" if q.perturbation is None else f"{q.perturbation:.3g}")
        for q in quantized.layers
    ]
    caption = (
        f"{quantized.size:,.0f} bytes of weights, {summary['float32_size']:,} in float32; outputs deviate by "
        f"{100 * deviation:.2g} % of their root mean square on the calibration data; written to {out}"
    )
    columns = {"layer": "left", "bits": "right", "bytes": "right", "Omega": "right"}
    print_table(f"{type(settled).__name__}: {len(rows)} layers", columns, rows, caption=caption)


def _network(model: str, params: Path | None, path: Path) -> tuple[Any, Any, dict[str, Any]]:
    """The parameters, the function of one input, and the data."""
    from ._arrays import load_npz
    from ._callable import find_callable
    from ._parameters import load_parameters

    data = load_npz("--data", path)
    if "inputs" not in data:
        raise ValueError(f"--data: {path} must hold inputs, it has {', '.join(data) or 'nothing'}")
    if not model.endswith(".onnx"):
        if params is None:
            raise ValueError("--params must name the file of the arrays that the model takes")
        return load_parameters(params), find_callable("--model", model, "apply(params, x)"), data
    if params is not None:
        raise ValueError("--params is not for .onnx files, which hold theirs")
    check_file("--model", Path(model))
    from perturbax import interop

    function, arrays = interop.read_onnx(model)
    shape = function.inputs[0].shape
    if len(function.inputs) == 1 and shape is not None and len(shape) == data["inputs"].ndim:
        # The first axis of the network is that of a batch, here of one.
        data["inputs"] = data["inputs"][:, None]
    return arrays, function, data


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(width) for width in text.split(",")}))
    except ValueError:
        raise ValueError(f"--bits must be widths such as 4,8, got {text!r}") from None


def _method(name: str, widths: tuple[int, ...], probes: int) -> Any:
    from perturbax import optimize

    methods = {
        "hawq": lambda: optimize.Hawq(trace_probes=probes),
        "divergence": optimize.DivergenceBits,
        "top-eigenvalue": optimize.TopEigenvalueBits,
        "largest-first": optimize.LargestFirstBits,
        "random": optimize.RandomBits,
        "uniform": lambda: optimize.UniformBits(widths[0]),
    }
    return methods[options.choose("--method", name, methods)]()


def _limits(given: list[str] | None, latencies: Path | None, *, needed: bool) -> Any:
    from perturbax import optimize

    found: dict[str, Any] = {}
    for text in given or []:
        name, separator, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            separator = ""
        if not separator or name not in _BUDGETS or name in found:
            raise ValueError(f"--budget must be one of {', '.join(_BUDGETS)} with a number, once each, got {text!r}")
        found[name] = optimize.Share(number) if number <= 1.0 else number
    if latencies is not None:
        check_file("--latencies", latencies)
        found["latencies"] = optimize.read_latencies(latencies)
    if needed and not found:
        raise ValueError("--budget must say what the network may cost, such as size=0.5; or take --method uniform")
    return optimize.Budget(**found) if found else None
