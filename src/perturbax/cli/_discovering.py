"""`perturbax approximate discover`: short programs for a function, as source in C, Python or JAX."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

_NAMED = ("exp2", "exp", "log2", "log", "tanh", "sqrt", "erf", "log1p", "expm1")
_LANGUAGES = {"c": ".c", "python": ".py", "jax": ".py", "latex": ".tex"}


def discover(
    function: Annotated[str, typer.Argument(help=f"{', '.join(_NAMED)}; or module:callable, a function in JAX.")],
    interval: Annotated[tuple[float, float], typer.Option(help="Its ends.")],
    ops: Annotated[str, typer.Option(help="Operations, separated by commas.")] = "add,sub,mul,div",
    max_ops: Annotated[int, typer.Option(min=1, help="Most operations of a program.")] = 6,
    dtype: Annotated[str, typer.Option(help="In which the programs will run: f64 or f32.")] = "f64",
    error: Annotated[str, typer.Option(help="relative, absolute or ulp.")] = "relative",
    generations: Annotated[int, typer.Option(min=1, help="Length of the search.")] = 200,
    language: Annotated[str, typer.Option(help=f"Of the source: {', '.join(_LANGUAGES)}.")] = "c",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file for the most accurate program.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Evolve programs from nothing, with a proved bound of the error of each."""
    import jax

    from perturbax import approximate
    from perturbax.core import MissingRuleError, enable_compilation_cache, write_atomic

    from ._console import print_json, print_table

    kind = options.choose("--dtype", dtype, ("f64", "f32"))
    written = options.choose("--language", language, _LANGUAGES)
    if out is not None:
        options.check_writable("--out", out)
    word = options.choose("--error", error, ("relative", "absolute", "ulp"))
    unit: Any = {
        "relative": approximate.RelativeError(),
        "absolute": approximate.AbsoluteError(),
        "ulp": approximate.ULPError(24 if kind == "f32" else 53, at=None),
    }[word]
    names = tuple(name.strip() for name in ops.split(","))
    method = approximate.Evolution(operations=names, max_operations=max_ops, generations=generations)
    fn = _function(function)
    target = approximate.Target(fn, *interval, unit=unit, dtype={"f64": "float64", "f32": "float32"}[kind])
    enable_compilation_cache()
    front = approximate.discover(target, method, key=jax.random.key(seed))

    def bound(program: approximate.Program) -> float:
        try:
            return approximate.certify(program, target).bound
        except (MissingRuleError, TypeError):
            return float("nan")

    rows = front.table().to_dict("records")
    for row, program in zip(rows, front.programs, strict=True):
        row["bound"] = bound(program)
    best = front.best(max_ops)
    source = {
        "c": lambda: best.to_c("approximation", target.dtype),
        "python": best.to_python,
        "jax": best.to_jax,
        "latex": best.to_latex,
    }[written]()
    if out is not None:
        write_atomic(out, source.encode())
    if as_json:
        print_json(
            {"function": function, "front": rows, "source": source, "out": str(out) if out else None, **front.stats}
        )
        return
    cells = [(str(r["operations"]), f"{r['error']:.3g}", f"{r['bound']:.3g}", r["latex"]) for r in rows]
    columns = {"operations": "right", "error": "right", "proved": "right", "program": "fold"}
    caption = f"{word} error in {dtype} on a grid; proved for real arithmetic on the whole interval"
    print_table(f"{function} on [{interval[0]:g}, {interval[1]:g}]", columns, cells, caption=caption)
    print(source if out is None else out)


def _function(text: str) -> Any:
    import jax
    import jax.numpy as jnp

    if ":" in text:
        from ._callable import find_callable

        return find_callable("FUNCTION", text, "f(x)")
    if text not in _NAMED:
        raise ValueError(f"FUNCTION must be one of {', '.join(_NAMED)}, or module:callable, got {text!r}")
    return jax.scipy.special.erf if text == "erf" else getattr(jnp, text)
