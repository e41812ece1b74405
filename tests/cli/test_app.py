"""The command line as a whole: it starts fast, and no input ends in a traceback."""

import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perturbax.cli import main
from perturbax.cli._app import _COMMANDS

_WORDS = [
    *("study", "systems", "cache", "show", "run", "record", "list", "dpm-solver", "x:y", "x.py", "", "--", "-", "nan"),
    *("--preset", "smoke", "--seeds", "0", "-1", "--store", "/dev/null/x", "--jobs", "--backend", "spark", "--json"),
]


@given(arguments=st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=8)), max_size=6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_command_line_ends_in_an_error_of_the_program(arguments, capfd):
    # A store that cannot be used: a line that is right by chance must run and record nothing.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTURBAX_STORE", "/dev/null/x")
        assert main(arguments) in (0, 2)
    assert "Type-check error" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["study"],
        ["study", "nonsense"],
        ["study", "run"],
        ["study", "run", "no-such-study"],
        ["study", "run", "no_such_module:STUDY"],
        ["study", "run", "no_such_file.py"],
        ["study", "show", "no-such-study"],
        ["systems", "extra"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_short_message(arguments, capfd):
    assert main(arguments) == 2
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert captured.err.strip() or captured.out.strip()


def test_help_and_version_answer_at_once_and_without_jax():
    probe = (
        "import sys, perturbax.cli as c; code = c.main(['--help']) or c.main(['--version']); "
        "print(code, 'jax' in sys.modules, 'pandas' in sys.modules)"
    )
    began = time.perf_counter()
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "0 False False"
    assert "study" in answer.stdout
    assert time.perf_counter() - began < 10


def test_commands_and_what_they_share_load_without_jax():
    shared = ("_arrays", "_callable", "_console", "_options", "_points", "_tables")
    modules = [f"perturbax.cli.{name}" for name in (*_COMMANDS, *shared)]
    probe = f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; print('jax' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_the_module_is_the_command():
    answer = subprocess.run(
        [sys.executable, "-m", "perturbax", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("perturbax ")


def test_an_error_of_the_program_is_exit_code_1_and_debug_shows_where(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("raise RuntimeError('on purpose')\n")
    assert main(["study", "show", str(tmp_path / "broken.py")]) == 1
    error = capsys.readouterr().err
    assert "RuntimeError: on purpose" in error
    assert "Traceback" not in error
    assert main(["--debug", "study", "show", str(tmp_path / "broken.py")]) == 1
    assert "Traceback" in capsys.readouterr().err
