"""The content of files that may be packed by gzip."""

import gzip
import zlib
from pathlib import Path


def read_packed(path: Path) -> bytes:
    """The bytes of a file, unpacked when its name ends with `.gz`.

    **Raises:** `ValueError` when it is cut short or altered, `OSError` when it cannot be read.
    """
    raw = path.read_bytes()
    if path.suffix != ".gz":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is no intact gzip file: {error}") from None
