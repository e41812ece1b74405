"""The options that the commands of `perturbax diffusion` share."""

from collections.abc import Iterable
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
