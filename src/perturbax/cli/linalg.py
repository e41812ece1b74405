"""`perturbax linalg`: linear systems of a user's files, and networks for them."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_file, check_writable, choose

if TYPE_CHECKING:
    from perturbax import linalg

app = typer.Typer(no_args_is_help=True)

_Matrix = Annotated[
    Path,
    typer.Argument(
        help="A symmetric matrix: .mtx (Matrix Market) or .npz (scipy.sparse); or cells of a MAC grid for its Poisson "
        "equation: .npy of integers, 0 solid, 1 fluid, 2 air."
    ),
]
_Mask = Annotated[
    Path | None, typer.Option(help="A .npy of booleans: the grid cells that the rows of the matrix are, in C order.")
]
# Kinds of NumPy of what is a number here, booleans too.
_NUMBERS = "biuf"

_Weights = Annotated[Path | None, typer.Option(help="A network that `perturbax linalg fit` wrote.")]


@app.callback()
def _linalg() -> None:
    """Solve sparse linear systems, and train networks that speed them up."""


@app.command()
def solve(
    matrix: _Matrix,
    right: Annotated[Path, typer.Argument(help="The right side: .npy, flat or of the shape of the grid.")],
    mask: _Mask = None,
    method: Annotated[str, typer.Option(help="cg, jacobi, ssor, ic, amg, deflated, sor or dcdm.")] = "ic",
    weights: _Weights = None,
    compare: Annotated[str | None, typer.Option(help="Further methods to run, separated by commas.")] = None,
    tol: Annotated[float, typer.Option(help="Relative residual to reach.")] = 1e-6,
    max_steps: Annotated[int, typer.Option(min=1, help="Largest number of iterations.")] = 1000,
    omega: Annotated[float, typer.Option(help="Relaxation of ssor and sor.")] = 1.5,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npy file to write the solution to.")] = Path("x.npy"),
    as_json: options.Json = False,
) -> None:
    """Solve A x = b in float64, and write x in the shape of b. Methods to compare start from the same b."""
    import numpy as np

    from perturbax import linalg
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._arrays import load_npy
    from ._console import print_json, print_table

    check_writable("--out", out)
    words = [method, *(word.strip() for word in (compare or "").split(",") if word.strip())]
    chosen = {word: _method(word, weights, tol, max_steps, omega) for word in dict.fromkeys(words)}
    operator = _operator(matrix, mask)
    b = load_npy("RIGHT", right, _NUMBERS).astype(np.float64)
    system = linalg.LinearSystem(operator, _on_grid(b, operator))
    enable_compilation_cache()
    solved = linalg.solve(system, chosen[words[0]])
    x = np.asarray(solved.x)
    x = x if b.shape == x.shape else _off_grid(x, b, operator)
    write_atomic(out, lambda file: np.save(file, x))
    rows = [_summary(words[0], solved, system)]
    rows += [_summary(word, linalg.solve(system, chosen[word], throw=False), system) for word in list(chosen)[1:]]
    if as_json:
        print_json({"out": str(out), "unknowns": operator.size, "tol": tol, "methods": rows})
        return
    columns = {"method": "left", "iterations": "right", "residual": "right", "setup s": "right", "solve s": "right"}
    cells = [
        (
            row["method"] + ("" if row["converged"] else " (did not converge)"),
            str(row["iterations"]),
            f"{row['residual']:.2g}",
            f"{row['setup_seconds']:.3g}",
            f"{row['seconds']:.3g}",
        )
        for row in rows
    ]
    print_table(f"{operator.size} unknowns to {tol:g}", columns, cells, caption="seconds contain compilation")
    print(out)


@app.command()
def fit(
    matrix: _Matrix,
    mask: _Mask = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npz file to write the network to.")] = Path(
        "network.npz"
    ),
    weights: Annotated[Path | None, typer.Option(help="A network to go on from.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of Adam.")] = 900,
    ritz: Annotated[int, typer.Option(min=2, help="Ritz vectors of the training set.")] = 400,
    vectors: Annotated[int, typer.Option(min=1, help="Vectors of the training set.")] = 2000,
    width: Annotated[int, typer.Option(min=1, help="Channels of the network.")] = 12,
    levels: Annotated[int, typer.Option(min=0, help="How often the network halves the grid.")] = 2,
    learning_rate: Annotated[float, typer.Option(help="At the beginning.")] = 2e-3,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Train a network for DCDM on one matrix whose unknowns lie on a grid of two or three dimensions."""
    import jax
    import optax

    from perturbax import linalg, nn
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json

    check_writable("--out", out)
    operator = _operator(matrix, mask)
    if len(operator.shape) not in (2, 3):
        raise ValueError("--mask must be given: the network needs the grid that the rows of MATRIX lie on")
    enable_compilation_cache()
    model_key, fit_key = jax.random.split(jax.random.key(seed))
    if weights is None:
        network = nn.ResidualUNet(len(operator.shape), width=width, levels=levels, key=model_key)
    else:
        network = _network(weights)
    done = linalg.fit(
        operator,
        linalg.DCDM(network),
        data=linalg.RitzMixtures(vectors=vectors, ritz=ritz),
        key=fit_key,
        steps=steps,
        batch_size=min(16, vectors),
        optimizer=optax.adam(optax.cosine_decay_schedule(learning_rate, steps)),
    )
    linalg.save_network(out, done.method.network)
    loss = float(done.losses[-50:].mean())
    if as_json:
        print_json({"out": str(out), "unknowns": operator.size, "steps": steps, "loss": loss, **done.stats})
        return
    note(f"loss {loss:.3g} after {steps} steps; above about 0.05 expect little gain over conjugate gradients")
    print(out)


def _operator(path: Path, mask: Path | None) -> "linalg.AbstractOperator":
    import numpy as np

    from perturbax import linalg

    from ._arrays import load_npy, read_matrix

    check_file("MATRIX", path)
    if path.suffix == ".npy":
        if mask is not None:
            raise ValueError("--mask must not be given with cells of a MAC grid, which say where the fluid is")
        cells = load_npy("MATRIX", path, _NUMBERS)
        if cells.dtype.kind not in "iu" or not np.isin(cells, (0, 1, 2)).all():
            raise ValueError(f"MATRIX: {path} must hold integers, 0 solid, 1 fluid, 2 air")
        return linalg.Poisson(cells == 1, cells == 2)
    if not path.name.endswith((".mtx", ".mtx.gz", ".npz")):
        raise ValueError(f"MATRIX: {path} must end with .mtx, .mtx.gz, .npz or .npy")
    inside = None if mask is None else load_npy("--mask", mask, _NUMBERS).astype(bool)
    return read_matrix("MATRIX", path, inside)


def _inside(operator: Any) -> Any:
    import numpy as np

    active = operator.active()
    return np.ones(operator.shape, bool) if active is None else np.asarray(active)


def _on_grid(b: Any, operator: Any) -> Any:
    """Flat values of the active cells, in their places."""
    import numpy as np

    inside = _inside(operator)
    if b.shape == operator.shape or b.shape != (inside.sum(),):
        return b
    field = np.zeros(operator.shape)
    field[inside] = b
    return field


def _off_grid(x: Any, b: Any, operator: Any) -> Any:
    return x[_inside(operator)].reshape(b.shape)


def _network(path: Path) -> Any:
    from perturbax import linalg

    check_file("--weights", path)
    return linalg.load_network(path)


def _method(word: str, weights: Path | None, tol: float, max_steps: int, omega: float) -> Any:
    from perturbax import linalg

    makers: dict[str, Any] = {
        "cg": lambda: linalg.CG(),
        "jacobi": lambda: linalg.PCG(linalg.Jacobi()),
        "ssor": lambda: linalg.PCG(linalg.SSOR(omega)),
        "ic": lambda: linalg.PCG(linalg.IncompleteCholesky()),
        "amg": lambda: linalg.PCG(linalg.AMG()),
        "deflated": lambda: linalg.DeflatedPCG(),
        "sor": lambda: linalg.Stationary(linalg.SOR(omega)),
        "dcdm": lambda: linalg.DCDM(_network(_needed(weights))),
    }
    return dataclasses.replace(makers[choose("--method", word, makers)](), tol=tol, max_steps=max_steps)


def _needed(weights: Path | None) -> Path:
    if weights is None:
        raise ValueError("--weights must be given for dcdm: a network that `perturbax linalg fit` wrote")
    return weights


def _summary(word: str, solved: Any, system: Any) -> dict[str, Any]:
    import numpy as np

    from perturbax.core import Result

    norm = float(np.linalg.norm(system.b))
    return {
        "method": word,
        "iterations": int(solved.iterations),
        "converged": bool(solved.result == Result.successful),
        "residual": float(solved.residual_norms[int(solved.iterations)]) / (norm or 1.0),
        "fallbacks": int(solved.stats.get("fallbacks", 0)),
        "setup_seconds": solved.stats["setup_seconds"],
        "seconds": solved.stats["seconds"],
    }
