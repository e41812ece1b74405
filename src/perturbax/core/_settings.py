"""Methods in files: the name of a class and the values of its fields, from which no code is loaded."""

import dataclasses
from typing import Any


def settings_of(part: Any, *bases: type) -> Any:
    """A method as dictionaries, lists and plain values, for files.

    **Arguments:** `part`: a method, whose fields may be others; `bases`: the classes of what is taken apart. Other
    values stay as they are, tuples become lists.

    **Returns:** `{"class": name, "settings": {field: value}}`.

    **Raises:** `TypeError` for a method that holds a function.

    >>> from perturbax import stats
    >>> settings_of(stats.GaussianNoise(0.1), stats.AbstractQueryMethod)["class"]
    'GaussianNoise'
    """
    if isinstance(part, bases):
        fields: Any = dataclasses.fields(part)
        return {
            "class": type(part).__name__,
            "settings": {field.name: settings_of(getattr(part, field.name), *bases) for field in fields},
        }
    if callable(part):
        raise TypeError("a method that holds a function cannot be saved")
    return list(part) if isinstance(part, tuple) else part


def from_settings(code: Any, *bases: type) -> Any:
    """What `settings_of` took apart. Only subclasses of `bases` that are loaded can be named.

    **Arguments:** `code`: what `settings_of` returned; `bases`: the same as there.

    **Returns:** the method.

    **Raises:** `ValueError` for another class; `KeyError`, or what the class itself raises, for settings that are not
    its own.

    >>> from perturbax import stats
    >>> from_settings({"class": "GaussianNoise", "settings": {"sigma": 0.1}}, stats.AbstractQueryMethod).sigma
    0.1
    """
    if not isinstance(code, dict):
        return code
    known = {cls.__name__: cls for base in bases for cls in _subclasses(base)}
    if code.get("class") not in known:
        raise ValueError(f"the file names the method {code.get('class')!r}, which is not among {sorted(known)}")
    return known[code["class"]](**{name: from_settings(value, *bases) for name, value in code["settings"].items()})


def _subclasses(base: type) -> list[type]:
    return [found for cls in base.__subclasses__() for found in (cls, *_subclasses(cls))]
