"""Tables of a user."""

from pathlib import Path
from typing import Any


def read_table(path: Path) -> Any:
    """A .csv file with a header. Raises `ValueError` that names the file when it is none."""
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no table in CSV: {error}") from None
