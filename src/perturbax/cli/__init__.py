"""The `perturbax` command. A sub-command `perturbax NAME` is the typer app called `app` in `perturbax/cli/NAME.py`."""

from ._app import main as main

__all__ = ["main"]
