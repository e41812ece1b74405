"""From the words of a command line to the objects of `perturbax.diffusion`: processes, grids, methods.

The words are the names of the exported classes in lower case (`DPMSolverPP` is `dpm-solver-pp`), so that a new method
or process can be called as soon as it is exported. A beginning of a name, up to a hyphen, will do when it is the only
one: `adaptive` is `adaptive-dpm-solver`.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import equinox as eqx

from perturbax import core, diffusion

from ._arrays import load_array
from ._options import choose, parse_pairs

# Fields of a method that have an option of their own.
_OPTION_OF = {
    "steps": "--nfe",
    "max_evaluations": "--nfe",
    "order": "--order",
    "stepping": "--stepping",
    "grid": "--grid",
    "solver_type": "--solver-type",
    "stochastic": "--stochastic",
    "final": "--final",
}
_STEPPINGS = {
    "multistep": diffusion.Multistep,
    "singlestep": diffusion.Singlestep,
    "fixed": diffusion.FixedSinglestep,
}
_GRIDS = {
    "logsnr": diffusion.LogSNR,
    "time": diffusion.TimeUniform,
    "quadratic": diffusion.TimePower,
    "karras": diffusion.Karras,
}
_FINALS = ("zero", "eps")
_AMPLE_STEPS = 10_000


def methods() -> dict[str, type[diffusion.AbstractSampler]]:
    """All samplers by their words, from the registry of methods; what prepares a start for another one, or needs a file
    of its own, is an option."""
    found = core.registered_methods().values()
    samplers = [cls for cls in found if issubclass(cls, diffusion.AbstractSampler)]
    return {_word(cls): cls for cls in samplers if not issubclass(cls, diffusion.AbstractPrepared | diffusion.USF)}


def processes() -> dict[str, type[diffusion.AbstractProcess]]:
    """All processes by their words."""
    return _exported(diffusion.AbstractProcess)


def predictions() -> dict[str, type[diffusion.AbstractPrediction]]:
    """All prediction types by their words."""
    return _exported(diffusion.AbstractPrediction)


def build_process(word: str, settings: Mapping[str, str]) -> diffusion.AbstractProcess:
    """The process of `--process` and `--process-option`."""
    name, _, table = word.partition(":")
    cls = processes()[choose("--process", name, processes())]
    if cls is diffusion.Discrete:
        if not table:
            raise ValueError("--process discrete needs its table of alphas_cumprod: --process discrete:TABLE.npy")
        defaults: dict[str, Any] = {"round_time": False}
        fixed = {"alphas_cumprod": load_array("--process", table)}
    else:
        if table:
            raise ValueError(f"--process {name} takes no file, got {table!r}")
        defaults, fixed = _defaults(cls), {}
    values = {}
    for key, text in settings.items():
        if key not in defaults:
            raise ValueError(f"--process-option of {name} must be one of {', '.join(defaults)}, got {key!r}")
        values[key] = _parse_value("--process-option", key, text, defaults[key])
    return _construct(cls, {**fixed, **values}, f"--process {name}")


def build_method(
    word: str,
    *,
    nfe: int | None = None,
    order: float | int | None = None,
    stepping: str | None = None,
    grid: str | None = None,
    final: str | None = None,
    solver_type: str | None = None,
    stochastic: float | int | None = None,
    settings: Mapping[str, str] | None = None,
) -> diffusion.AbstractSampler:
    """The method of `--method` and the options that shape it; `None` leaves the method's own default.

    `settings` name further fields of the method, of its stepping or of its grid (`eta`, `third`, `rho` ...).
    """
    name = choose("--method", word, methods())
    cls = methods()[name]
    fields = _defaults(cls)
    settings = dict(settings or {})
    simple = {"order": order, "solver_type": solver_type, "stochastic": stochastic}
    values: dict[str, Any] = {field: value for field, value in simple.items() if value is not None}
    if order is not None and isinstance(fields.get("order"), int):
        if order != int(order):
            raise ValueError(f"--order must be an integer for --method {name}, got {order:g}")
        values["order"] = int(order)
    if solver_type is not None and "solver_type" in fields:
        choose("--solver-type", solver_type, _words_of(cls)["solver_type"])
    wanted = [*values, *(["stepping"] if stepping is not None else []), *(["grid"] if grid is not None else [])]
    for field in wanted:
        if field not in fields:
            raise ValueError(f"{_OPTION_OF[field]} has no meaning for --method {name}")
    if final is not None and "grid" not in fields:
        raise ValueError(f"--final has no meaning for --method {name}")

    if "stepping" in fields:
        step = type(fields["stepping"]) if stepping is None else _STEPPINGS[choose("--stepping", stepping, _STEPPINGS)]
        values["stepping"] = _construct(step, _claim(settings, step), "--method-option")
    if "grid" in fields:
        where = type(fields["grid"]) if grid is None else _GRIDS[choose("--grid", grid, _GRIDS)]
        ends = {} if final is None else {"final": choose("--final", final, _FINALS)}
        values["grid"] = _construct(where, {**_claim(settings, where), **ends}, "--method-option")
    if "churn" in fields and settings.keys() & {"churn"}:
        amount = _parse_value("--method-option", "churn", settings.pop("churn"), 0.0)
        values["churn"] = _construct(diffusion.Churn, {"amount": amount}, "--method-option churn")
    values |= _claim(settings, cls)
    if settings:
        parts = [type(values[part]) for part in ("stepping", "grid") if part in values]
        known = [field for part in (cls, *parts) for field in _scalars(part)]
        known += ["churn"] if "churn" in fields else []
        raise ValueError(f"--method-option of {name} must be one of {', '.join(known)}, got {next(iter(settings))!r}")
    return _with_budget(name, cls, values, nfe)


def _with_budget(name: str, cls: type, values: dict[str, Any], nfe: int | None) -> diffusion.AbstractSampler:
    if not issubclass(cls, diffusion.AbstractPlanned):
        budget = {} if nfe is None else {"max_evaluations": nfe}
        return _construct(cls, {**values, **budget}, f"--method {name}")
    ample = _construct(cls, {**values, "steps": _AMPLE_STEPS}, f"--method {name}")
    steps = 20 if nfe is None else nfe
    if steps < ample.minimum_steps:
        raise ValueError(f"--nfe must be at least {ample.minimum_steps} for --method {name} as given, got {steps}")
    return dataclasses.replace(ample, steps=steps)


def parse_method(text: str) -> tuple[str, dict[str, Any]]:
    """`NAME:option=value:...` as the name and the keywords of `build_method`."""
    name, *pairs = text.split(":")
    settings: dict[str, Any] = parse_pairs(f"--methods {name}", pairs)
    keywords: dict[str, Any] = {}
    for option in ("stepping", "grid", "final", "solver_type"):
        if option in settings:
            keywords[option] = settings.pop(option)
    for option, example in (("order", 1.0), ("stochastic", 0.0)):
        if option in settings:
            keywords[option] = _parse_value(f"--methods {name}", option, settings.pop(option), example)
    return name, {**keywords, "settings": settings}


def _word(cls: type) -> str:
    return "-".join(re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+", cls.__name__)).lower()


def _exported(base: type) -> dict[str, Any]:
    values = (getattr(diffusion, name) for name in diffusion.__all__ if not name.startswith("Abstract"))
    return {_word(cls): cls for cls in values if isinstance(cls, type) and issubclass(cls, base)}


def _defaults(cls: type) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(cls) if field.init}


def _scalars(cls: type) -> dict[str, Any]:
    """The fields that are numbers, words or switches and have no option of their own."""
    return {
        name: default
        for name, default in _defaults(cls).items()
        if isinstance(default, bool | int | float | str) and name not in _OPTION_OF
    }


def _claim(settings: dict[str, str], cls: type) -> dict[str, Any]:
    """Take from the settings those that are fields of a class."""
    scalars = _scalars(cls)
    names = [name for name in settings if name in scalars]
    words = _words_of(cls)
    return {
        name: choose(f"--method-option {name}", settings.pop(name), words[name])
        if name in words
        else _parse_value("--method-option", name, settings.pop(name), scalars[name])
        for name in names
    }


def _words_of(cls: type) -> dict[str, tuple[str, ...]]:
    """The choices of the fields that are one of a few words."""
    return {field.name: get_args(field.type) for field in dataclasses.fields(cls) if get_origin(field.type) is Literal}


def _parse_value(option: str, name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return choose(f"{option} {name}", text, ("true", "false")) == "true"
    if isinstance(default, str):
        return text
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        wanted = "an integer" if isinstance(default, int) else "a number"
        raise ValueError(f"{option} {name} must be {wanted}, got {text!r}") from None


def _construct(cls: type, values: dict[str, Any], context: str) -> Any:
    """An object, with errors that name the option instead of the field."""
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        field = str(error).split(" ", 1)[0]
        raise type(error)(f"{_OPTION_OF.get(field, context)}: {error}") from None


def describe(thing: eqx.Module) -> str:
    """An object in the words of Python, for the record of a run."""
    return eqx.tree_pformat(thing, short_arrays=True, width=10_000)
