"""The options that commands share, and what is asked of their values.

Nothing heavy is imported here, so that a wrong value is told at once.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option(
        help="module:callable, called as model(x, time[, condition]); or digits, digits-mixture, mnist.",
        show_default=False,
    ),
]
Process = Annotated[
    str | None,
    typer.Option(help="vp-linear (default), vp-cosine, discrete:TABLE.npy (of alphas_cumprod), ve, edm or flow."),
]
ProcessOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the process, such as beta_max=15.")
]
Prediction = Annotated[
    str | None, typer.Option(help="What the model predicts: epsilon (default), data, velocity, score or flow.")
]
Shape = Annotated[str | None, typer.Option(help="Shape of one sample, such as 3,32,32.")]
Condition = Annotated[
    str | None, typer.Option(help="An .npy file with one row per sample, or integers such as 3 or 0,1,2; used in turn.")
]
Unconditional = Annotated[str | None, typer.Option(help="The condition that stands for none; needed for guidance.")]
Guidance = Annotated[float, typer.Option(help="Scale of classifier-free guidance; 1 is none.")]
Threshold = Annotated[str, typer.Option(help="Correction of the data prediction: none, dynamic or clip.")]
Grid = Annotated[str | None, typer.Option(help="Where the steps are: logsnr, time, quadratic or karras.")]
Final = Annotated[str | None, typer.Option(help="End with a step to noise zero, or at the smallest time: zero or eps.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the random numbers.")]
Framework = Annotated[str, typer.Option(help="Arrays that the model takes: jax (compiled), numpy or torch.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check_writable(option: str, path: Path) -> None:
    """Refuse an output that could not be written, before anything is computed."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "is a folder" if path.is_dir() else "lies in a folder that does not exist"
        raise ValueError(f"{option} {path} {what}")


def choose(option: str, word: str, choices: Iterable[str]) -> str:
    """The choice that a word names. Raises `ValueError` with the option and all choices."""
    names = list(choices)
    if word in names:
        return word
    longer = [name for name in names if word and name.startswith(f"{word}-")]
    if len(longer) == 1:
        return longer[0]
    raise ValueError(f"{option} must be one of {', '.join(names)}, got {word!r}")


def check_file(option: str, path: Path) -> None:
    """Refuse an input that is no file."""
    if not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")


def parse_numbers(option: str, text: str) -> list[float]:
    """`0.5,1` as a list of finite numbers."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{option} must be numbers separated by commas, got {text!r}")
    return values


def parse_integers(option: str, text: str, minimum: int | None = None) -> list[int]:
    """`3,32,32` as a list of integers."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be integers separated by commas, got {text!r}") from None
    if minimum is not None and min(values) < minimum:
        raise ValueError(f"{option} must be {minimum} or more, got {text!r}")
    return values


def parse_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """`["a=1", "b=2"]` as a dictionary."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name or not value:
            raise ValueError(f"{option} must be written as name=value, got {pair!r}")
        parsed[name] = value
    return parsed
