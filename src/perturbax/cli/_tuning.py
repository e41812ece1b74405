"""`perturbax optimize tune`: solve matrices in files one after the other, and learn the relaxation on the way."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_file, check_writable, choose, parse_numbers


def tune(
    matrices: Annotated[
        list[Path],
        typer.Argument(help="Matrices in the order of solution: .mtx (Matrix Market) or .npz (scipy.sparse)."),
    ],
    context: Annotated[
        Path | None,
        typer.Option(
            help="A .csv with the column context, a number for each matrix; in their order, or by a column "
            "matrix with the names of the files."
        ),
    ] = None,
    rights: Annotated[
        Path | None, typer.Option(help="A folder with NAME.npy for each matrix NAME; standard normal numbers without.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="chebcb (default with --context), tsallis-inf-rv (default without), tsallis-inf, binned, exp3, "
            "ucb1 or fixed."
        ),
    ] = None,
    solver: Annotated[str, typer.Option(help="sor, or ssor-cg for symmetric positive definite matrices.")] = "ssor-cg",
    grid: Annotated[str, typer.Option(help="Relaxations to choose from: first,last,count.")] = "1,1.95,20",
    omega: Annotated[float, typer.Option(help="The relaxation of --method fixed.")] = 1.0,
    interval: Annotated[
        str | None, typer.Option(help="Smallest and largest context, such as 0,10; those of --context by default.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="A .npz file of what was learned: read when it is there, written at the end.")
    ] = None,
    tol: Annotated[float, typer.Option(help="Relative residual to reach.")] = 1e-8,
    max_steps: Annotated[int, typer.Option(min=1, help="Largest number of iterations of a solve.")] = 10_000,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .csv file to write the choices to.")] = Path(
        "omegas.csv"
    ),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Solve A x = b for every matrix, choose omega for each from the iterations of those before, and write the choices.

    A state that is read goes on learning, with its own method and grid.
    """
    import jax
    import pandas as pd

    from perturbax import optimize
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import print_json, print_table

    for option, path in (("--out", out), ("--state", state)):
        if path is not None:
            check_writable(option, path)
    for path in matrices:
        check_file("MATRICES", path)
    if rights is not None and not rights.is_dir():
        raise ValueError(f"--rights: there is no folder {rights}")
    contexts = None if context is None else _contexts(context, matrices)
    make = _solver(solver, tol, max_steps)
    chosen = _method(method, _grid(grid), omega, _interval(interval, contexts), contexts is not None)
    tuner = optimize.Tuner(chosen, key=jax.random.key(seed))
    if state is not None and state.is_file():
        tuner = optimize.Tuner.load(state)
        if method is not None and type(tuner.method) is not type(chosen):
            raise ValueError(f"--state: {state} holds {type(tuner.method).__name__}, not --method {method}")
    enable_compilation_cache()
    rows: list[dict[str, Any]] = []
    try:
        for t, path in enumerate(matrices):
            where = None if contexts is None else contexts[t]
            rows.append({"matrix": path.name, "context": where, **_solve(path, rights, tuner, where, make, seed + t)})
    finally:
        # What was learned before an error or Ctrl-C is kept.
        if state is not None:
            tuner.save(state)
    write_atomic(out, pd.DataFrame(rows).to_csv(index=False).encode())
    total, failed = sum(row["iterations"] for row in rows), sum(not row["converged"] for row in rows)
    summary = {
        "out": str(out),
        "state": None if state is None else str(state),
        "method": type(tuner.method).__name__,
        "rounds": tuner.rounds,
        "iterations": total,
        "failed": failed,
        "clipped": tuner.clipped,
    }
    if as_json:
        print_json({**summary, "instances": rows})
        return
    columns = {"matrix": "fold", "context": "right", "omega": "right", "iterations": "right"}
    cells = [
        (
            row["matrix"],
            "" if row["context"] is None else f"{row['context']:.4g}",
            f"{row['omega']:.3g}",
            str(row["iterations"]) + ("" if row["converged"] else " (did not converge)"),
        )
        for row in rows[-20:]
    ]
    caption = f"{total} iterations for {len(rows)} matrices, {failed} did not converge"
    print_table(f"The last choices of {summary['method']}", columns, cells, caption=caption)
    print(out)


def _contexts(path: Path, matrices: list[Path]) -> list[float]:
    import numpy as np

    from ._tables import read_table

    check_file("--context", path)
    table = read_table(path)
    if "context" not in table:
        raise ValueError(f"--context: {path} must have the column context, it has {', '.join(map(str, table))}")
    if "matrix" in table:
        known = dict(zip(table["matrix"].astype(str), table["context"], strict=True))
        absent = [matrix.name for matrix in matrices if matrix.name not in known]
        if absent:
            raise ValueError(f"--context: {path} must have a row for each matrix, {absent[0]} has none")
        values = [known[matrix.name] for matrix in matrices]
    else:
        values = list(table["context"])
        if len(values) != len(matrices):
            raise ValueError(
                f"--context: {path} must have {len(matrices)} rows, one for each matrix, got {len(values)}"
            )
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise ValueError(f"--context: {path} must hold numbers in the column context") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"--context: {path} must hold finite numbers in the column context")
    return numbers


def _numbers(option: str, text: str, count: int) -> list[float]:
    found = parse_numbers(option, text)
    if len(found) != count:
        raise ValueError(f"{option} must be {count} numbers separated by commas, got {text!r}")
    return found


def _grid(text: str) -> Any:
    import numpy as np

    first, last, count = _numbers("--grid", text, 3)
    if not (0.0 < first < last < 2.0) or count != int(count) or count < 2:
        raise ValueError(f"--grid must be first,last,count with 0 < first < last < 2 and count >= 2, got {text!r}")
    return np.linspace(first, last, int(count)).round(12)


def _interval(text: str | None, contexts: list[float] | None) -> tuple[float, float] | None:
    if text is not None:
        low, high = _numbers("--interval", text, 2)
        if not low < high:
            raise ValueError(f"--interval must be the smaller number first, got {text!r}")
        return low, high
    if contexts is None:
        return None
    low, high = min(contexts), max(contexts)
    # One context only: any interval around it does.
    return (low, high) if low < high else (low - 1.0, low + 1.0)


def _method(word: str | None, grid: Any, omega: float, interval: Any, contextual: bool) -> Any:
    from perturbax import optimize

    makers: dict[str, Any] = {
        "chebcb": lambda: optimize.ChebCB(interval, grid=grid),
        "tsallis-inf-rv": lambda: optimize.TsallisINF(grid=grid, estimator=optimize.ReducedVariance()),
        "tsallis-inf": lambda: optimize.TsallisINF(grid=grid),
        "binned": lambda: optimize.Binned(optimize.TsallisINF(grid=grid), interval),
        "exp3": lambda: optimize.Exp3(grid=grid),
        "ucb1": lambda: optimize.UCB1(grid=grid),
        "fixed": lambda: optimize.Fixed(omega),
    }
    name = choose("--method", word or ("chebcb" if contextual else "tsallis-inf-rv"), makers)
    if name in ("chebcb", "binned") and not contextual:
        raise ValueError(f"--context must be given for --method {name}")
    return makers[name]()


def _solver(word: str, tol: float, max_steps: int) -> Any:
    from perturbax import linalg

    makers: dict[str, Any] = {
        "sor": lambda omega: linalg.Stationary(linalg.SOR(omega), tol=tol, max_steps=max_steps, history=False),
        "ssor-cg": lambda omega: linalg.PCG(linalg.SSOR(omega), tol=tol, max_steps=max_steps, history=False),
    }
    make = makers[choose("--solver", word, makers)]
    make(1.0)
    return make


def _solve(path: Path, rights: Path | None, tuner: Any, context: float | None, make: Any, seed: int) -> dict[str, Any]:
    import numpy as np

    from perturbax import linalg
    from perturbax.core import Result

    from ._arrays import load_npy, read_matrix

    operator = read_matrix("MATRICES", path)
    row, column, entries = operator.rows.listed()
    if np.count_nonzero(entries[row == column]) < operator.size:
        raise ValueError(f"MATRICES: {path} must have no zero on its diagonal, relaxation divides by it")
    if rights is None:
        b = np.random.default_rng(seed).normal(size=operator.shape)
    else:
        b = load_npy("--rights", rights / f"{path.name.split('.')[0]}.npy", "biuf").astype(np.float64)
    choice = tuner.ask(context)
    omega = float(choice.value)
    method = make(omega)
    solved = linalg.solve(linalg.LinearSystem(operator, b), method, throw=False)
    converged = bool(solved.result == Result.successful)
    iterations = max(int(solved.iterations), 1) if converged else method.max_steps
    if b.any():
        tuner.tell(choice, iterations)
    return {"omega": round(omega, 12), "iterations": iterations, "converged": converged}
