"""The root of the command line: sub-commands found by name, loaded when they are called, and one policy for errors.

`perturbax --help` must answer at once, so the root knows only the names and one line of help of its sub-commands; the
module `perturbax.cli.NAME` (and with it JAX) is imported when `perturbax NAME ...` is really called. Such a module
holds a `typer.Typer` called `app`; with a single command in it, `perturbax NAME` is that command itself.

Exit codes: 0 well; 1 an error; 2 wrong usage or wrong input, told in one line; 3 a study ran and missed a bar;
10 and 20 the answers of `perturbax verify`.
"""

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# The order is the order of `perturbax --help`.
_COMMANDS = {
    "systems": "The 72 published systems: what is built, what was measured, what is stale.",
    "study": "Check a published claim: list, show, run and record studies.",
    "report": "Write the static site from recorded studies.",
    "tour": "One quick real result from every package, ending with the site.",
    "diffusion": "Fast samplers for diffusion models.",
    "transport": "Schrödinger bridges, interpolants and optimal-transport maps between samples.",
    "pde": "Partial differential equations of the catalogue or of your file, by networks and Gaussians.",
    "linalg": "Linear systems from files, by classical solvers and by trained networks, side by side.",
    "verify": "Safety properties of neural networks, proved or refuted; certificates of images by smoothing.",
    "approximate": "Random nets for tables, and short programs for functions, with proved errors.",
    "rom": "Reduced bases of your simulations: POD, local bases, and whether they are worth it.",
    "chromatogram": "Peaks of gas chromatograms: rates fitted to a trace, traces predicted for a column.",
    "dynamics": "Neural collapse of the features of your network, layer by layer, and a model that explains it.",
    "optimize": "Relaxation, learned; sharpness of a model; a network in integers; a tumour from its masks.",
    "stats": "Excursions, reusable holdouts, robust subsets and distributions near a manifold.",
    "nn": "Initial values and spectra of state-space layers.",
    "data": "The real data sets and the reference models trained on them.",
    "cache": "Size and location of the cache folder, and emptying it.",
}


@dataclass
class _Settings:
    """Options of the root that outlive it: what `--debug` said, for the error that may come later."""

    debug: bool = False


_settings = _Settings()


class _LazyGroup(TyperGroup):
    """A group that lists its sub-commands without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in _COMMANDS if find_spec(f"perturbax.cli.{name}") is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        return TyperCommand(cmd_name, help=_COMMANDS[cmd_name], callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name in _COMMANDS:
            command = typer.main.get_command(import_module(f"perturbax.cli.{name}").app)
            command.name = name
        return name, command, rest


_root = typer.Typer(
    cls=_LazyGroup,
    name="perturbax",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from perturbax._version import __version__

        typer.echo(f"perturbax {__version__}")
        raise typer.Exit
    return wanted


@_root.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """State a problem, choose a method, get a solution: 72 published systems about perturbation, in JAX."""
    _settings.debug = debug


def main(args: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    **Arguments:**

    - `args`: the arguments after the program's name; those of the process when `None`.

    **Returns:**

    0 when all went well, 1 after an error, 2 for wrong usage or wrong input, 3 when a study missed a bar, 10 and 20 for
    the answers of `perturbax verify`, 130 when stopped by Ctrl-C.
    """
    _settings.debug = False
    command = typer.main.get_command(_root)
    try:
        command.main(args=None if args is None else list(args), prog_name="perturbax", standalone_mode=True)
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _report(error, _settings.debug)
    return 0


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)
    return 1


def _report(error: Exception, debug: bool) -> int:
    """Tells an error: in one line and with code 2 when the user's input caused it, with code 1 otherwise."""
    by_user = isinstance(error, ValueError | TypeError) or (isinstance(error, OSError) and error.filename is not None)
    if debug:
        traceback.print_exception(error)
    elif by_user:
        print(f"perturbax: {_one_line(error)}", file=sys.stderr)
    else:
        name = type(error).__name__
        print(f"perturbax: {name}: {_one_line(error)} (perturbax --debug ... shows where)", file=sys.stderr)
    return 2 if by_user else 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
