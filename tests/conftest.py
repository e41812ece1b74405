"""What every test stands on: warm compilations, float32 by default, hypothesis without a clock."""

import gc
import itertools
import os
import signal
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("PERTURBAX_PROGRESS", "0")
os.environ.setdefault("MPLBACKEND", "Agg")

hypothesis.settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
hypothesis.settings.register_profile("thorough", max_examples=200, deadline=None)
hypothesis.settings.load_profile("quick")


def pytest_sessionstart(session: pytest.Session) -> None:
    # Not at the top of the module: jaxtyping's import hook is only in place once pytest is configured.
    from perturbax import core

    core.enable_compilation_cache()
    # A shell starts its background jobs with Ctrl-C ignored; tests send it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the examples of methods that the conformance suite runs in this session too, and by themselves."""
    tried = {item.name[:-1].partition("[")[2] for item in items if item.name.startswith("test_example_runs[")}

    def again(item: pytest.Item) -> bool:
        module, _, last = item.name.rpartition(".")
        return isinstance(item, pytest.DoctestItem) and f"{module.split('.')[1]}.{last}" in tried

    twice = [item for item in items if again(item)]
    config.hook.pytest_deselected(items=twice)
    items[:] = [item for item in items if item not in twice]


@pytest.fixture(autouse=True)
def float32_by_default():
    """A test that leaves float64 switched on would change the meaning of all tests after it."""
    import jax

    yield
    leaked = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    assert not leaked, "this test left jax_enable_x64 switched on; use perturbax.core.float64()"


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Thousands of compiled programs take gigabytes and, in the end, all the memory maps that Linux gives a process."""
    import jax

    if next(_ended) % _EACH == 0 and _crowded():
        jax.clear_caches()
        gc.collect()


_ended = itertools.count(1)
# Looking takes some milliseconds, and no test compiles hundreds of programs.
_EACH = 20


def _crowded() -> bool:
    """Whether compiled programs have taken a sixth of the 65530 maps that Linux allows (1.5 GB); elsewhere, always.

    Forgetting takes a second and more, and what is forgotten is compiled anew.
    """
    maps = Path("/proc/self/maps")
    return not maps.exists() or maps.read_bytes().count(b"\n") > 11_000


@pytest.fixture
def without_type_checks():
    """So that what a door says of wrong types is seen, and not the type checker of the tests."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
