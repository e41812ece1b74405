"""`import perturbax` is light, and no package does work when it is imported."""

import subprocess
import sys

import pytest

import perturbax


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_importing_perturbax_imports_neither_jax_nor_a_package():
    done = run(
        "import sys, perturbax; loaded = set(sys.modules)\n"
        "heavy = {'jax', 'numpy', 'equinox', 'pandas', 'matplotlib', 'rich', 'typer'} & loaded\n"
        "rooms = {name for name in loaded if name.startswith('perturbax.')} - {'perturbax._version'}\n"
        "assert not heavy and not rooms, (heavy, rooms)\n"
        "perturbax.core.Paper; assert 'jax' in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_no_package_computes_or_configures_anything_on_import(tmp_path):
    """No backend is started, no flag is set, no file is written: what importing JAX alone leaves is what is left."""
    done = run(
        "import importlib, importlib.util, jax, os, perturbax\n"
        "os.environ['PERTURBAX_CACHE'] = " + repr(str(tmp_path / "cache")) + "\n"
        "before = dict(jax.config.values)\n"
        "for name in perturbax.__all__:\n"
        "    if not name.startswith('_'): getattr(perturbax, name)\n"
        "changed = {k: v for k, v in jax.config.values.items() if before.get(k, v) != v}\n"
        "assert not changed, changed\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized(), 'a package computes at import'\n"
        "assert not os.path.exists(os.environ['PERTURBAX_CACHE'])"
    )
    assert done.returncode == 0, done.stderr


def test_every_listed_package_exists_and_no_other_name_does():
    assert set(perturbax.__all__) <= set(dir(perturbax))
    for name in perturbax.__all__:
        assert getattr(perturbax, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
        _ = perturbax.nowhere
