"""`perturbax transport trajectories`: from snapshots in a file to paths, with a refined reference."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_writable, choose, parse_numbers


def trajectories(
    snapshots: Annotated[Path, typer.Argument(help="A .csv table or an .h5ad file, one row a point.")],
    volatility: Annotated[float, typer.Option(help="Standard deviation of the noise per root of time.")],
    time: Annotated[str, typer.Option(help="The column, or entry of obs, that holds the time.")] = "time",
    family: Annotated[
        str,
        typer.Option(
            help="lotka-volterra, repressilator, elliptic-vortex, lamb-oseen, linear, gradient, brownian, or "
            "module:callable, called as drift(x, t), whose arrays are its parameters."
        ),
    ] = "gradient",
    fixed: Annotated[bool, typer.Option("--fixed/--refine", help="Take the reference as it is.")] = False,
    iterations: Annotated[int, typer.Option(min=1, help="Refinements at most.")] = 10,
    inner: Annotated[int, typer.Option(min=1, help="Iterations of each bridge.")] = 10,
    steps: Annotated[int, typer.Option(min=1, help="Steps of Euler's method between two snapshots.")] = 50,
    t: Annotated[
        str | None, typer.Option("--t", help="Times to write, separated by commas; all steps by default.")
    ] = None,
    forecast: Annotated[
        str | None, typer.Option(help="Times after the last snapshot, separated by commas, written too.")
    ] = None,
    obsm: Annotated[str, typer.Option(help="Which array of an .h5ad file.")] = "X_pca",
    out: Annotated[Path, typer.Option("--out", "-o", help="The .csv file to write.")] = Path("trajectories.csv"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Infer the paths of a population from snapshots of it, refining a family of reference processes.

    The table holds the time, the number of the path and its state. A forecast follows the reference alone, with paths
    of its own.
    """
    import jax
    import numpy as np

    from perturbax import transport
    from perturbax.core import enable_compilation_cache, float64, write_atomic

    from ._console import note, print_json
    from ._snapshots import encode_paths, load_snapshots

    times = None if t is None else _times("--t", t)
    later = [] if forecast is None else _times("--forecast", forecast)
    if out.suffix != ".csv":
        raise ValueError(f"--out {out} must end with .csv")
    check_writable("--out", out)
    samples, when, names = load_snapshots("SNAPSHOTS", snapshots, time, obsm)
    if times is not None and not when[0] <= times[0] <= times[-1] <= when[-1]:
        raise ValueError(f"--t must lie between the snapshots, in [{when[0]:g}, {when[-1]:g}], got {t!r}")
    if later and later[0] <= when[-1]:
        raise ValueError(f"--forecast must be after the last snapshot, {when[-1]:g}, got {forecast!r}")
    with float64():
        family_key, solve_key, later_key = jax.random.split(jax.random.key(seed), 3)
        reference = _reference(family, samples[0].shape[1], family_key)
        enable_compilation_cache()
        bridges = transport.PiecewiseIPF(inner, steps=steps)
        refit = transport.Adam() if family == "gradient" else transport.GaussNewton()
        method = (
            transport.FixedReference(bridges)
            if fixed or family == "brownian"
            else transport.SBIRR(iterations, bridges, refit)
        )
        problem = transport.Snapshots(samples, when, volatility, reference)
        found = transport.infer_trajectories(problem, method, key=solve_key)
        written = found.times if times is None else np.asarray(times)
        tables = [encode_paths(written, np.stack([np.asarray(found.at(at)) for at in written]), time, names)]
        if later:
            ahead = encode_paths(np.asarray(later), np.asarray(found.forecast(later_key, later)), time, names)
            tables.append(ahead.split(b"\n", 1)[1])
    write_atomic(out, b"".join(tables))
    facts: dict[str, Any] = {
        "method": type(method).__name__,
        "family": family,
        "snapshots": dict(zip(map(float, when), map(len, samples), strict=True)),
        "paths": len(found.paths),
        "parameters": _parameters(found.reference) if family != "gradient" else None,
        "divergences": found.divergences.tolist(),
        "undetermined": np.asarray(found.stats.get("null_directions", [])).tolist(),
        "restarts": found.stats["restarts"],
    }
    if as_json:
        print_json({"out": str(out), **facts})
        return
    note(f"{facts['paths']} paths through {len(when)} snapshots, KL divergence {found.divergences[-1]:.4g} nats")
    if facts["parameters"]:
        note("  ".join(f"{name} {value}" for name, value in facts["parameters"].items()))
    if facts["undetermined"]:
        note(f"{len(facts['undetermined'])} combinations of parameters are not determined by the paths")
    print(out)


def _times(option: str, text: str) -> list[float]:
    times = parse_numbers(option, text)
    if sorted(set(times)) != times:
        raise ValueError(f"{option} must increase, got {text!r}")
    return times


def _reference(word: str, size: int, key: Any) -> Any:
    from perturbax import systems, transport

    from ._callable import find_callable

    if ":" in word:
        return transport.DriftReference(find_callable("--family", word, "drift(x, t)"))
    fields: dict[str, Any] = {
        "lotka-volterra": (2, lambda: systems.LotkaVolterra(*[1e-5] * 4)),
        "repressilator": (3, lambda: systems.Repressilator(1e-5, 1.0, 1.0, 1e-5)),
        "elliptic-vortex": (2, lambda: systems.EllipticVortex(rate=1e-2)),
        "lamb-oseen": (2, lambda: systems.LambOseen(circulation=1e-2)),
        "linear": (size, lambda: _linear(size)),
        "gradient": (size, lambda: transport.GradientField(size, key=key)),
        "brownian": (size, None),
    }
    chosen = choose("--family", word, fields)
    wanted, make = fields[chosen]
    if wanted != size:
        raise ValueError(f"--family {chosen} needs {wanted} coordinates, got {size}")
    if chosen == "brownian":
        return transport.Brownian()
    return transport.DriftReference(make())


def _linear(size: int) -> Any:
    """The family `matrix x + offset`, from no drift at all."""
    import jax
    import jax.numpy as jnp

    parameters = {"matrix": jnp.zeros((size, size)), "offset": jnp.zeros(size)}
    return jax.tree_util.Partial(_affine, parameters)


def _affine(parameters: Any, x: Any, t: Any) -> Any:
    return x @ parameters["matrix"].T + parameters["offset"]


def _parameters(reference: Any) -> dict[str, Any]:
    """Each array of the reference by the last name of its path."""
    import jax
    import numpy as np

    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(reference)[0]:
        if hasattr(leaf, "dtype"):
            name = str(getattr(path[-1], "name", getattr(path[-1], "key", path[-1])))
            found[name] = np.round(np.asarray(leaf, float), 6).tolist()
    return found
