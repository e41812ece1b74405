"""`perturbax stats robust-subset`: which variables of a table are safe to predict from in a new environment."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._tables import read_table


def robust_subset(
    table: Annotated[Path, typer.Argument(help="A .csv file with a header; all columns but --env are numbers.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    env: Annotated[str, typer.Option(help="The column that says the environment, such as hospital.")],
    edge: Annotated[
        list[str] | None,
        typer.Option(metavar="CAUSE>EFFECT", help="An edge of the causal graph; once for each. Discovered by default."),
    ] = None,
    mutable: Annotated[
        str | None, typer.Option(help="With --edge: the columns whose mechanisms change, separated by commas.")
    ] = None,
    discrete: Annotated[bool, typer.Option("--discrete", help="All variables have few values: count tables.")] = False,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Search greedily, for graphs with too many classes.")
    ] = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Choose the stable variables whose worst environment is best, and print what was compared.

    Hidden common causes are not modelled: the answer is as good as the graph.
    """
    import jax

    from perturbax import stats
    from perturbax.core import enable_compilation_cache

    from ._console import print_json

    frame = read_table(table)
    given: dict[str, Any] = {}
    if edge:
        names = [str(name) for name in frame if name != env]
        given["graph"] = stats.CausalGraph([_ends(text) for text in edge], names)
        given["mutable"] = [name.strip() for name in (mutable or "").split(",") if name.strip()]
    elif mutable is not None:
        raise ValueError("--mutable needs the graph: give --edge, once for each edge")
    problem = stats.Environments.from_frame(frame, target=target, env=env, **given)
    method = stats.CausalMinimax(
        mechanisms=stats.Tabular() if discrete else stats.Additive(),
        search=stats.Greedy() if greedy else stats.Classes(),
    )
    enable_compilation_cache()
    found = stats.robust_subset(problem, method, key=jax.random.key(seed))
    summary = {
        "subset": list(found.subset),
        "mutable": list(found.mutable or ()),
        "worst_risk": found.worst_risk,
        "condition_holds": found.condition_holds,
        "edges": [list(pair) for pair in found.graph.edges] if found.graph else [],
        "compared": found.table().to_dict("records"),
    }
    if as_json:
        print_json(summary)
    else:
        _tell(summary)


def _ends(text: str) -> tuple[str, str]:
    cause, arrow, effect = text.partition(">")
    if not (cause.strip() and arrow and effect.strip()):
        raise ValueError(f"--edge must be CAUSE>EFFECT, got {text!r}")
    return cause.strip(), effect.strip()


def _tell(summary: dict[str, Any]) -> None:
    from ._console import print_table

    rows = [(row["subset"], f"{row['worst_risk']:.4g}", f"{row['gap']:.2g}") for row in summary["compared"][:20]]
    print_table(
        "Worst-case risk of subsets of stable variables",
        {"subset": "fold", "worst risk": "right", "gap of restarts": "right"},
        rows,
        caption=f"mutable: {', '.join(summary['mutable'])}; {len(summary['compared'])} classes compared",
    )
    print(f"predict from: {', '.join(summary['subset']) or '(the mean only)'}, and the mutable variables")
    if summary["condition_holds"]:
        print("the graph alone proves that all stable variables together are best")
