"""`perturbax pde`: a partial differential equation of the catalogue or of a user's Python file, solved and written."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._interfaces import tune_interface
from ._options import check_writable, choose
from ._python_file import from_file

app = typer.Typer(no_args_is_help=True)
app.command("tune-interface")(tune_interface)

_METHODS = (
    "pig",
    "fixed-gaussians",
    "pinn",
    "modified-pinn",
    "fourier-pinn",
    "spinn",
    "pixel",
    "random-features",
    "gp-hm",
    "chebyshev",
    "barron-flow",
    "l2-gradient-flow",
    "spectral-newton",
)


@app.callback()
def _pde() -> None:
    """Solve partial differential equations by networks, Gaussians, random features, Gaussian processes, plane waves."""


@app.command()
def solve(
    problem: Annotated[
        str,
        typer.Argument(
            help="A name of the catalogue, such as helmholtz; or a .py file that defines `problem`, a pde.PDEProblem "
            "(FILE.py:NAME for another name). The file is executed."
        ),
    ],
    method: Annotated[str, typer.Option(help=", ".join(_METHODS) + ".")] = "pig",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=NUMBER",
            help="An argument of the method, such as grid=400 or kernel.frequency=5; repeat it.",
        ),
    ] = None,
    optimiser: Annotated[str, typer.Option(help="Of networks: lm, engd, lbfgs or adam.")] = "lm",
    steps: Annotated[int, typer.Option(min=1, help="Of the optimiser, of methods that have steps.")] = 100,
    interior: Annotated[int, typer.Option(min=1, help="Points inside, of networks.")] = 1000,
    boundary: Annotated[int, typer.Option(min=1, help="Points of each condition, of networks.")] = 200,
    modes: Annotated[
        int | None,
        typer.Option(min=1, help="Of methods for energies: waves along each axis of a grid; else sparse plane waves."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A number of a problem of the catalogue; repeat it."),
    ] = None,
    grid: Annotated[int, typer.Option(min=2, help="Points along each axis of the grid that is written.")] = 64,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file for the solution on a grid: .npz with axis_0, axis_1, ... and u, which is NaN outside of "
            "the domain; or .vtu for ParaView.",
        ),
    ] = Path("solution.npz"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Solve a partial differential equation in float64, and write the solution on a grid.

    Tells its error where the exact solution is known, and what it leaves of the equation and of each condition.
    """
    import jax
    import numpy as np

    from perturbax import pde
    from perturbax.core import enable_compilation_cache
    from perturbax.interop import write_mesh

    from ._console import note, print_json

    kinds: dict[str, Any] = {
        "pig": pde.PIG,
        "fixed-gaussians": pde.FixedGaussians,
        "pinn": pde.PINN,
        "modified-pinn": pde.ModifiedPINN,
        "fourier-pinn": pde.FourierPINN,
        "spinn": pde.SPINN,
        "pixel": pde.PIXEL,
        "random-features": pde.RandomFeatures,
        "gp-hm": pde.GPHM,
        "chebyshev": pde.ChebyshevCollocation,
        "barron-flow": pde.BarronFlow,
        "l2-gradient-flow": pde.L2GradientFlow,
        "spectral-newton": pde.SpectralNewton,
    }
    optimisers: dict[str, Any] = {"lm": pde.LM, "engd": pde.EnergyNaturalGradient, "lbfgs": pde.LBFGS, "adam": pde.Adam}
    kind = kinds[choose("--method", method, kinds)]
    rule = optimisers[choose("--optimiser", optimiser, optimisers)]
    check_writable("--out", out)
    if out.suffix not in (".npz", ".vtu"):
        raise ValueError(f"--out {out} must end with .npz or .vtu")
    stated = _problem(problem, parameter or [])
    if grid**stated.dimension > 10_000_000:
        raise ValueError(f"--grid must give at most 10 million points, got {grid}^{stated.dimension}")
    if out.suffix == ".vtu" and stated.dimension > 3:
        raise ValueError(f"--out {out} must end with .npz: a mesh has at most three axes, got {stated.dimension}")
    chosen = _method(method, kind, rule(steps), pde.FixedPoints(interior, boundary), modes, option or [])
    enable_compilation_cache()
    solution = pde.solve(stated, chosen, key=jax.random.key(seed))
    error = pde.solution_error(solution)
    if out.suffix == ".vtu":
        write_mesh(out, pde.as_mesh(solution, grid))
    else:
        _write_npz(out, solution, grid)
    facts = {
        "out": str(out),
        "method": type(chosen).__name__,
        "relative_l2": error.relative_l2,
        "relative_max": error.relative_max,
        "residual_rms": error.residual_rms,
        "condition_rms": list(error.condition_rms),
        "unknown": {name: np.asarray(value).tolist() for name, value in solution.unknown.items()},
        **solution.stats,
    }
    if as_json:
        print_json(facts)
        return
    if stated.exact is not None:
        note(f"relative L2 error {error.relative_l2:.3g}, largest {error.relative_max:.3g}")
    left = ", ".join(f"{rms:.3g}" for rms in error.condition_rms)
    note(f"root mean squares: equation {error.residual_rms:.3g}, conditions {left or 'none'}")
    for name, value in facts["unknown"].items():
        note(f"{name} = {value}")
    print(out)


def _write_npz(out: Path, solution: Any, grid: int) -> None:
    import numpy as np

    from perturbax.core import float64, write_atomic
    from perturbax.pde import Box

    domain = solution.problem.domain
    lower, upper = (np.asarray(corner, np.float64) for corner in (domain.lower, domain.upper))
    axes = [np.linspace(a, b, grid) for a, b in zip(lower, upper, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    u = np.asarray(solution(x))
    if not isinstance(domain, Box):
        with float64():
            u = np.where(np.asarray(domain.contains(x))[:, None], u, np.nan)
    arrays = {**{f"axis_{k}": axis for k, axis in enumerate(axes)}, "u": u.reshape(*[grid] * len(axes), -1)}
    write_atomic(out, lambda file: np.savez(file, allow_pickle=False, **arrays))


def _problem(text: str, parameters: list[str]) -> Any:
    from perturbax import pde

    path, _, name = text.partition(":")
    if not path.endswith(".py"):
        maker = getattr(pde.catalogue, choose("PROBLEM", text, pde.catalogue.__all__))
        numbers = _numbers("--parameter", parameters)
        try:
            return maker(**numbers)
        except TypeError as error:
            raise ValueError(f"--parameter of {text}: {error}") from None
    if parameters:
        raise ValueError("--parameter has no meaning for a file, which states its own numbers")
    found = from_file("PROBLEM", Path(path), name or "problem")
    if not isinstance(found, pde.PDEProblem):
        raise ValueError(f"PROBLEM: {name or 'problem'} of {path} must be a pde.PDEProblem, got {type(found).__name__}")
    return found


def _method(word: str, kind: Any, optimiser: Any, points: Any, modes: int | None, pairs: list[str]) -> Any:
    """A method with what of the general options it has, and with numbers for others of its arguments."""
    import dataclasses

    from perturbax import pde

    names = {field.name for field in dataclasses.fields(kind) if field.init}
    general: dict[str, Any] = {"optimiser": optimiser, "points": points, "steps": optimiser.steps}
    if modes is not None:
        # The energy of a grid needs no bound of its curvature.
        general |= {"representation": pde.SpectralGrid(modes), "step": pde.Backtracking()}
    made = kind(**{name: value for name, value in general.items() if name in names})
    for name, number in _numbers("--option", pairs).items():
        made = _replaced(word, made, name.split("."), number)
    return made


def _replaced(word: str, part: Any, path: list[str], number: float | int) -> Any:
    """A method, or a part of one, with another number where a path such as `kernel.frequency` leads."""
    import dataclasses

    known = getattr(part, "__dataclass_fields__", None)
    if known is None:
        raise ValueError(f"--option of {word} has no {path[0]} in {part!r}")
    fields = [field.name for field in known.values() if field.init]
    if path[0] not in fields:
        raise ValueError(f"--option of {word} must be one of {', '.join(sorted(fields))}, got {path[0]}")
    now = getattr(part, path[0])
    value = _replaced(word, now, path[1:], number) if path[1:] else float(number) if isinstance(now, float) else number
    return dataclasses.replace(part, **{path[0]: value})


def _numbers(option: str, pairs: list[str]) -> dict[str, float | int]:
    numbers: dict[str, float | int] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        try:
            numbers[name] = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            separator = ""
        if not separator or not name:
            raise ValueError(f"{option} must be written as name=number, got {pair!r}")
    return numbers
