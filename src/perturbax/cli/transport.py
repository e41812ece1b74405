"""`perturbax transport`: bridges, interpolants and paths through snapshots in files, and optimal maps onto points."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _interpolant, _semidiscrete, _trajectories
from . import _options as options
from ._options import check_writable, choose, parse_numbers

if TYPE_CHECKING:
    from perturbax import transport

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _transport() -> None:
    """Schrödinger bridges and interpolants between samples, paths through snapshots, optimal maps onto points."""


@app.command()
def bridge(
    first: Annotated[Path, typer.Argument(help="The samples at time 0: .npy, .csv or .h5ad, one row a point.")],
    second: Annotated[Path, typer.Argument(help="The samples at time 1, in any order and number.")],
    epsilon: Annotated[
        float, typer.Option("--eps", help="Variance of the noise per unit of time, in the squared unit of the data.")
    ],
    method: Annotated[
        str, typer.Option(help="light-sb, light-sbm, sinkhorn, gaussian, ipf or bridge-matching.")
    ] = "light-sb",
    potentials: Annotated[int, typer.Option(min=1, help="Components of light-sb and light-sbm.")] = 50,
    covariance: Annotated[str, typer.Option(help="Covariances of light-sb: diagonal or full.")] = "diagonal",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of training, or iterations.", show_default=False)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At the beginning.", show_default=False)] = None,
    t: Annotated[str, typer.Option("--t", help="Times in [0, 1], separated by commas; 1 is the end.")] = "1",
    starts: Annotated[Path | None, typer.Option(help="Points to carry over in the place of the first samples.")] = None,
    obsm: Annotated[str, typer.Option(help="Which array of an .h5ad file.")] = "X_pca",
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npy or .csv file to write.")] = Path("bridge.npy"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Join two samples by a Schrödinger bridge, and write where a path from each start is at the given times.

    For one time the file holds an array of shape (n, d), for several one of shape (times, n, d).
    """
    import jax
    import numpy as np

    from perturbax import transport
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json
    from ._points import check_points_file, encode_points, load_points

    times = _times(t)
    chosen = _method(method, potentials, covariance, steps, learning_rate)
    check_writable("--out", out)
    check_points_file("--out", out, len(times))
    x0, x1 = load_points("FIRST", first, obsm), load_points("SECOND", second, obsm)
    x = x0 if starts is None else load_points("--starts", starts, obsm)
    if len({points.shape[1] for points in (x0, x1, x)}) > 1:
        found = ", ".join(str(points.shape[1]) for points in (x0, x1, x))
        raise ValueError(f"FIRST, SECOND and --starts must have one number of columns, got {found}")
    enable_compilation_cache()
    solve_key, path_key = jax.random.split(jax.random.key(seed))
    solved = transport.bridge(transport.BridgeProblem(x0, x1, epsilon), chosen, key=solve_key)
    states = np.asarray(solved.path(path_key, x, times))
    write_atomic(out, encode_points(out, states[0] if len(times) == 1 else states))
    facts: dict[str, Any] = {
        "method": type(chosen).__name__,
        "epsilon": epsilon,
        "times": times,
        "points": len(x),
        "transport_cost": solved.transport_cost(x, path_key),
        **solved.stats,
    }
    if as_json:
        print_json({"out": str(out), **facts})
        return
    note(f"{len(x)} points of {x.shape[1]} dimensions by {facts['method']}, cost {facts['transport_cost']:.4g}")
    if solved.stats.get("dead_components"):
        note(f"{solved.stats['dead_components']} of {solved.stats['components']} components are not used")
    if solved.stats.get("collapsed_components"):
        note(f"{solved.stats['collapsed_components']} components collapsed to the smallest variance: a larger --eps?")
    print(out)


app.command("semidiscrete")(_semidiscrete.semidiscrete)
app.command("trajectories")(_trajectories.trajectories)
app.command("train-interpolant")(_interpolant.train_interpolant)
app.command("draw")(_interpolant.draw)


def _times(text: str) -> list[float]:
    times = parse_numbers("--t", text)
    if any(not 0.0 <= time <= 1.0 for time in times) or sorted(set(times)) != times:
        raise ValueError(f"--t must increase within [0, 1], got {text!r}")
    return times


def _method(
    word: str, potentials: int, covariance: str, steps: int | None, learning_rate: float | None
) -> "transport.AbstractBridgeMethod":
    from perturbax import transport

    families = {"diagonal": transport.Diagonal, "full": transport.Full}
    family = families[choose("--covariance", covariance, families)]()
    length: dict[str, Any] = {} if steps is None else {"steps": steps}
    rate: dict[str, Any] = {} if learning_rate is None else {"learning_rate": learning_rate}
    makers: dict[str, Any] = {
        "light-sb": lambda: transport.LightSB(potentials, family, **length, **rate),
        "light-sbm": lambda: transport.LightSBM(potentials, **length, **rate),
        "sinkhorn": lambda: transport.Sinkhorn() if steps is None else transport.Sinkhorn(max_iterations=steps),
        "gaussian": transport.GaussianBridge,
        "ipf": lambda: transport.IPF() if steps is None else transport.IPF(iterations=steps),
        "bridge-matching": lambda: transport.BridgeMatching(**length, **rate),
    }
    return makers[choose("--method", word, makers)]()
