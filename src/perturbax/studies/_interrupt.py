"""Ctrl-C that is not lost.

Python raises `KeyboardInterrupt` wherever the program is. Inside a callback of the garbage collector, of which JAX has
one, the exception is printed and dropped, and the program goes on.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def interrupts() -> Iterator[Callable[[], None]]:
    """Gives a function that raises `KeyboardInterrupt` if one was raised since the beginning and was dropped.

    Outside of the main thread, or where someone else handles the signal, nothing is changed.
    """
    seen = threading.Event()
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )

    def handle(number: int, frame: Any) -> None:
        seen.set()
        raise KeyboardInterrupt

    def check() -> None:
        if seen.is_set():
            raise KeyboardInterrupt

    if ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
