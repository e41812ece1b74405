"""`perturbax transport train-interpolant` and `draw`: interpolants between samples in files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_file, check_writable, choose, parse_integers

if TYPE_CHECKING:
    from perturbax import transport


def train_interpolant(
    samples: Annotated[
        list[Path], typer.Argument(help="One file, reached from noise, or two: from the first to the second.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write the model to.")] = Path("interpolant.npz"),
    path: Annotated[
        str, typer.Option(help="Between two files linear, trigonometric or encoding-decoding; else linear or vp.")
    ] = "linear",
    noise: Annotated[
        str,
        typer.Option(help="Between two files, not for encoding-decoding: bridge, parabolic, sine, sigmoid or none."),
    ] = "bridge",
    pairing: Annotated[str, typer.Option(help="Of two files: independent, given (row by row) or optimal.")] = (
        "independent"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 2500,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs in a step.")] = 512,
    hidden: Annotated[str, typer.Option(help="Widths of the network, separated by commas.")] = "96,96,96",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learn to carry noise, or a first sample, to a second one. Files are .npy or .csv, one row a point."""
    import jax

    from perturbax import transport
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json
    from ._points import load_points

    check_writable("--out", out)
    if len(samples) > 2:
        raise ValueError(f"SAMPLES must be one file or two, got {len(samples)}")
    rows = [load_points("SAMPLES", file) for file in samples]
    if len({points.shape[1] for points in rows}) > 1:
        found = ", ".join(str(points.shape[1]) for points in rows)
        raise ValueError(f"SAMPLES must have one number of columns, got {found}")
    chosen = _path(path, noise, len(rows))
    coupling = transport.Coupling(rows[0] if len(rows) == 2 else None, rows[-1], _pairing(pairing))
    targets = (transport.Velocity(), transport.Denoiser()) if chosen.noisy else (transport.Velocity(),)
    method = transport.StochasticInterpolant(
        chosen, targets, tuple(parse_integers("--hidden", hidden)), steps, batch_size
    )
    enable_compilation_cache()
    solved = transport.fit_interpolant(coupling, method, key=jax.random.key(seed))
    solved.save(out)
    facts: dict[str, Any] = {
        "out": str(out),
        "path": type(chosen).__name__,
        "from_noise": len(rows) == 1,
        "dimensions": coupling.size,
        "loss": float(solved.losses[-100:].mean()),
        **solved.stats,
    }
    if as_json:
        print_json(facts)
        return
    note(f"{facts['path']} in {coupling.size} dimensions, loss {facts['loss']:.4g} at the end")
    print(out)


def draw(
    model: Annotated[Path, typer.Argument(help="A file of `train-interpolant`.")],
    count: Annotated[
        int | None, typer.Option("-n", min=1, help="Points to draw from noise.", show_default=False)
    ] = None,
    starts: Annotated[
        Path | None, typer.Option(help="Points to carry, .npy or .csv, of models of two samples.")
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Carry the points from the second sample to the first.")] = False,
    scale: Annotated[
        float, typer.Option("--eps", help="Diffusion, as a multiple of the noise of the path; 0 takes the ODE.")
    ] = 0.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the SDE.")] = 200,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npy or .csv file to write.")] = Path("drawn.npy"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Draw new points by the ODE or SDE of a trained interpolant, or carry given ones."""
    import jax
    import numpy as np

    from perturbax import transport
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json
    from ._points import check_points_file, encode_points, load_points

    check_writable("--out", out)
    check_points_file("--out", out, 1)
    check_file("MODEL", model)
    solved = transport.Interpolation.load(model)
    method = transport.ODE() if scale == 0.0 else transport.SDE(transport.Proportional(scale), steps=steps)
    if (count is None) == (starts is None):
        raise ValueError("one of -n and --starts must be given")
    start_key, key = jax.random.split(jax.random.key(seed))
    if starts is not None:
        x = load_points("--starts", starts)
    elif back or not solved.path.one_sided:
        raise ValueError("--starts must be given: only paths from noise draw their own starts, and only forwards")
    else:
        x = solved.starts(start_key, count or 0)
    enable_compilation_cache()
    carried = (solved.reverse if back else solved.forward)(x, method, key=key)
    write_atomic(out, encode_points(out, np.asarray(carried.x)))
    facts = {"out": str(out), "points": len(x), "method": type(method).__name__, **carried.stats}
    if as_json:
        print_json(facts)
        return
    note(f"{len(x)} points by {facts['evaluations']} evaluations of the network")
    print(out)


def _path(word: str, noise: str, files: int) -> "transport.AbstractPath":
    from perturbax import transport

    if files == 1:
        return {"linear": transport.OneSidedLinearPath, "vp": transport.VariancePreservingPath}[
            choose("--path", word, ("linear", "vp"))
        ]()
    noises: dict[str, Any] = {
        "bridge": transport.BridgeNoise,
        "parabolic": transport.ParabolicNoise,
        "sine": transport.SineNoise,
        "sigmoid": transport.SigmoidNoise,
        "none": transport.NoNoise,
    }
    latent = noises[choose("--noise", noise, noises)]()
    makers: dict[str, Any] = {
        "linear": lambda: transport.LinearPath(latent),
        "trigonometric": lambda: transport.TrigonometricPath(latent),
        "encoding-decoding": transport.EncodingDecodingPath,
    }
    return makers[choose("--path", word, makers)]()


def _pairing(word: str) -> "transport.AbstractPairing":
    from perturbax import transport

    makers = {"independent": transport.Independent, "given": transport.Paired, "optimal": transport.OptimalTransport}
    return makers[choose("--pairing", word, makers)]()
