"""`perturbax pde tune-interface`: which interface conditions suit which problem of a family."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_writable, choose
from ._python_file import from_file

_CONDITIONS = ("value", "average", "residual", "residual-jump", "flux", "tangential", "gradient", "slope", "curvature")
_RULES = ("ucb", "thompson", "optimistic", "greedy", "linear", "random")


def tune_interface(
    family: Annotated[
        str,
        typer.Argument(
            help="A name of the catalogue, such as poisson_family; or a .py file that defines `family`, a pde.Family "
            "(FILE.py:NAME for another name). The file is executed."
        ),
    ],
    plays: Annotated[int, typer.Option(min=1, help="Trainings.")] = 100,
    conditions: Annotated[str, typer.Option(help="To choose from: " + ",".join(_CONDITIONS) + ".")] = (
        "value,flux,residual,residual-jump,tangential"
    ),
    rule: Annotated[str, typer.Option(help=", ".join(_RULES) + ".")] = "ucb",
    width: Annotated[int, typer.Option(min=1, help="Of the two hidden layers of each network.")] = 12,
    steps: Annotated[int, typer.Option(min=1, help="Of Levenberg-Marquardt.")] = 50,
    interior: Annotated[int, typer.Option(min=1, help="Points inside.")] = 160,
    boundary: Annotated[int, typer.Option(min=1, help="Points of each condition of the problem.")] = 80,
    interface: Annotated[int, typer.Option(min=1, help="Points of each interface.")] = 20,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .csv file for the plays: numbers, conditions, error.")
    ] = Path("interfaces.csv"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Train networks on subdomains for problems of a family, and learn which interface conditions to ask for.

    Prints the conditions that are best at the ends and in the middle of the range, and writes all plays.
    """
    import jax
    import numpy as np
    import pandas as pd

    from perturbax import optimize, pde
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json

    rules: dict[str, Any] = {
        "ucb": optimize.GPBandit(),
        "thompson": optimize.GPBandit(optimize.Thompson()),
        "optimistic": optimize.GPBandit(optimize.Optimistic()),
        "greedy": optimize.GPBandit(optimize.Greedy()),
        "linear": optimize.EpsilonGreedy(),
        "random": optimize.RandomArm(),
    }
    kinds: dict[str, Any] = dict(zip(_CONDITIONS, pde.ALL_CONDITIONS, strict=True))
    bandit = rules[choose("--rule", rule, rules)]
    names = [choose("--conditions", word.strip(), kinds) for word in conditions.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"--conditions must differ, got {conditions}")
    check_writable("--out", out)
    if out.suffix != ".csv":
        raise ValueError(f"--out {out} must end with .csv")
    stated = _family(family)
    enable_compilation_cache()
    solver = pde.XPINN(
        stated.partition,
        tuple(kinds[name] for name in names),
        (width, width),
        pde.LM(steps),
        pde.FixedPoints(interior, boundary),
        interface_points=interface,
    )
    policy = pde.tune_interface(stated, pde.METALIC(solver, bandit, plays), key=jax.random.key(seed))
    subsets, played = optimize.all_subsets(len(names)), policy.plays
    table = pd.DataFrame(played.contexts, columns=[f"number_{k}" for k in range(played.contexts.shape[1])])
    for name, bits in zip(names, subsets[played.arms[:, 0]].T, strict=True):
        table[name] = bits.astype(int)
    table["error"] = 10.0 ** -played.rewards[:, 0]
    write_atomic(out, lambda file: file.write(table.to_csv(index=False).encode()))
    low, high = np.asarray(stated.lower, np.float64), np.asarray(stated.upper, np.float64)
    advice = []
    for place in (low, 0.5 * (low + high), high):
        asked = policy(place)
        advice.append(
            {"numbers": place.tolist(), "conditions": [n for n, bit in zip(names, asked, strict=True) if bit]}
        )
    tail = max(1, plays // 3)
    facts = {
        "out": str(out),
        "plays": plays,
        "failures": len(policy.failures),
        "first_error": float(np.median(table["error"][:tail])),
        "last_error": float(np.median(table["error"][-tail:])),
        "advice": advice,
    }
    if as_json:
        print_json(facts)
        return
    note(f"median error of the first {tail} plays {facts['first_error']:.3g}, of the last {facts['last_error']:.3g}")
    for one in advice:
        note(f"{one['numbers']}: {', '.join(one['conditions']) or 'none'}")
    print(out)


def _family(text: str) -> Any:
    from perturbax import pde

    path, _, name = text.partition(":")
    if not path.endswith(".py"):
        known = [name for name in pde.catalogue.__all__ if name.endswith("_family")]
        return getattr(pde.catalogue, choose("FAMILY", text, known))()
    found = from_file("FAMILY", Path(path), name or "family")
    if not isinstance(found, pde.Family):
        raise ValueError(f"FAMILY: {name or 'family'} of {path} must be a pde.Family, got {type(found).__name__}")
    return found
