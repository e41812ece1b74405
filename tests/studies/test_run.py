"""The engine: nothing is lost, nothing runs twice, and failures stay where they happened."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from perturbax.studies import StoreError, Trial, find_study, finished_run, run_study

_COMMAND = [sys.executable, "-m", "perturbax", "study", "run"]


def _start(study, store, *options, **environment):
    return subprocess.Popen(
        [*_COMMAND, study, "--store", str(store), *options],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_until(condition, process=None, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert process is None or process.poll() is None, f"ended early: {process.communicate()[1]}"
        time.sleep(0.02)


def _same(left, right):
    pd.testing.assert_frame_equal(left.drop(columns="x"), right.drop(columns="x"), check_exact=True)
    assert [value.tobytes() for value in left["x"]] == [value.tobytes() for value in right["x"]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The table of an uninterrupted run."""
    path = str(Path(__file__).parent / "fixtures.py")
    return run_study(path, backend="sequential", store=tmp_path_factory.mktemp("reference") / "s.sqlite").table


def test_a_run_gives_one_row_per_trial_in_the_order_of_the_grid(study, store, reference):
    run = run_study(study, backend="sequential", store=store)
    declared = find_study(study).study
    trials = declared.trials(declared.presets["small"])
    assert [tuple(row) for row in run.table[["method", "size", "seed"]].itertuples(index=False)] == [
        (*trial.cell.values(), trial.seed) for trial in trials
    ]
    assert set(run.table["dtype"]) == {"float64"}
    assert (run.new, run.reused, run.met, run.failures) == (12, 0, True, ())
    kept = finished_run(study, store)
    _same(run.table, reference)
    assert kept is not None
    assert (kept.new, kept.reused, kept.met) == (0, 12, True)
    _same(kept.table, run.table)


def test_a_run_that_is_not_finished_is_none_and_runs_nothing(study, store):
    assert finished_run(study, store) is None
    assert run_study(study, backend="sequential", store=store).new == 12
    with pytest.raises(ValueError, match="preset must be one of"):
        finished_run(study, store, "huge")


def test_trials_with_one_seed_share_their_random_numbers_across_cells(reference):
    plain, scaled = (reference[reference["method"] == method] for method in ("plain", "scaled"))
    ratio = scaled["mean"].to_numpy() / plain["mean"].to_numpy()
    assert abs(ratio - 1 / 3).max() < 1e-12
    assert plain["mean"].nunique() == len(plain)


def test_what_is_in_the_store_is_not_run_again(study, store, log):
    run_study(study, "smoke", backend="sequential", store=store)
    assert len(log()) == 2
    run = run_study(study, "small", backend="sequential", store=store)
    assert (run.new, run.reused) == (10, 2)
    assert set(Counter(log()).values()) == {1}
    assert len(log()) == 12


def test_seeds_can_be_added_to_what_is_there(study, store):
    run_study(study, "small", backend="sequential", store=store)
    run = run_study(study, "small", seeds=4, backend="sequential", store=store)
    assert (run.new, run.reused) == (4, 12)
    assert sorted(set(run.table["seed"])) == [0, 1, 2, 3]


def test_smoke_gives_no_verdict(study, store, monkeypatch):
    monkeypatch.setenv("FIXTURE_BAR", "0.1")
    assert run_study(study, "smoke", backend="sequential", store=store).met is None
    assert run_study(study, "small", backend="sequential", store=store).met is False


def test_a_failing_trial_is_told_with_its_cell_and_loses_no_other(study, store, log, monkeypatch):
    label = "method=scaled size=8 seed=1"
    monkeypatch.setenv("FIXTURE_FAIL", label)
    run = run_study(study, backend="sequential", store=store)
    assert [failure.trial.label for failure in run.failures] == [label]
    assert "FloatingPointError: asked to fail" in run.failures[0].error
    assert (len(run.table), run.met, run.bars) == (11, None, ())
    monkeypatch.delenv("FIXTURE_FAIL")
    assert len(run_study(study, backend="sequential", store=store).failures) == 1
    again = run_study(study, backend="sequential", store=store, retry=True)
    assert (again.failures, again.new, again.met) == ((), 1, True)
    assert Counter(log())[label] == 2


@pytest.mark.slow
def test_a_trial_that_takes_its_process_down_is_a_failed_trial(study, store, monkeypatch, tmp_path):
    label = "method=plain size=8 seed=0"
    monkeypatch.setenv("FIXTURE_DIE", label)
    path = tmp_path / "threads.txt"
    monkeypatch.setenv("FIXTURE_LOG", str(path))
    run = run_study(study, "smoke", backend="loky", jobs=2, store=store)
    assert [failure.trial.label for failure in run.failures] == [label]
    assert "WorkerDied" in run.failures[0].error
    assert len(run.table) == 1
    # Workers share the cores: with two of them, XLA's threads in each are half of the cores.
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert {int(line.split("|")[2]) for line in path.read_text().splitlines()} <= {share, 2 * share}


def test_killed_in_the_middle_and_started_again_every_finished_trial_is_kept(study, store, log, tmp_path, reference):
    killed = _start(study, store, "--jobs", "2", FIXTURE_SLEEP="0.3")
    _wait_until(lambda: len(log()) >= 5, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    _wait_until(lambda: not _alive(tmp_path / "log.txt"))
    finished = _finished(store)
    assert 1 <= len(finished) < 12
    begun = Counter(log())
    assert set(finished) <= set(begun)
    # At most the trial in flight of each worker is lost.
    assert len(begun) - len(finished) <= 2
    run = run_study(study, backend="sequential", store=store)
    assert (run.new, run.reused) == (12 - len(finished), len(finished))
    _same(run.table, reference)
    after = Counter(log())
    assert len(after) == 12
    assert all(after[label] == 1 for label in finished)


def test_two_runners_on_one_store_neither_repeat_nor_lose_a_trial(study, store, log, reference):
    options = ("--backend", "sequential")
    runners = [_start(study, store, *options, FIXTURE_SLEEP="0.1") for _ in range(2)]
    messages = [runner.communicate()[1] for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0], messages
    assert set(Counter(log()).values()) == {1}
    assert len(log()) == 12
    run = run_study(study, backend="sequential", store=store)
    assert (run.new, run.reused) == (0, 12)
    _same(run.table, reference)


def test_ctrl_c_ends_at_once_and_keeps_what_is_finished(study, store, log):
    stopped = _start(study, store, "--jobs", "2", FIXTURE_SLEEP="0.5")
    _wait_until(lambda: len(_finished(store)) >= 1, stopped)
    stopped.send_signal(signal.SIGINT)
    began = time.monotonic()
    message = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 130
    assert "Traceback" not in message
    assert time.monotonic() - began < 25
    run = run_study(study, backend="sequential", store=store)
    assert run.reused >= 1
    assert run.met


def test_an_edited_study_is_run_anew_and_an_edited_picture_is_not(study, store, tmp_path):
    mine = tmp_path / "mine.py"
    text = Path(study).read_text()
    mine.write_text(text)
    run_study(str(mine), "smoke", backend="sequential", store=store)
    mine.write_text(text.replace("figsize=(4, 3)", "figsize=(5, 3)"))
    assert run_study(str(mine), "smoke", backend="sequential", store=store).reused == 2
    mine.write_text(text.replace("1.0 / 3.0", "1.0 / 4.0"))
    edited = run_study(str(mine), "smoke", backend="sequential", store=store)
    assert edited.new == 2
    assert edited.bars[0].measured == pytest.approx(0.25)


@pytest.mark.parametrize(
    "options",
    [{"preset": "tiny"}, {"backend": "threads"}, {"seeds": 0}, {"jobs": 0}, {"seeds": True}, {"store": ""}],
)
def test_wrong_options_are_refused_before_anything_runs(study, store, log, options):
    with pytest.raises((ValueError, TypeError)):
        run_study(study, **{"backend": "sequential", "store": store, **options})
    assert log() == []


def test_a_damaged_store_stops_the_run_before_it_starts(study, store, log):
    store.write_bytes(b"not a database at all")
    with pytest.raises(StoreError, match="untouched"):
        run_study(study, backend="sequential", store=store)
    assert store.read_bytes() == b"not a database at all"
    assert log() == []


def _finished(store):
    """The labels of the finished trials, read without the engine."""
    if not store.exists() or store.stat().st_size == 0:
        return []
    with contextlib.closing(sqlite3.connect(store, timeout=30)) as connection:
        tables = connection.execute("select name from sqlite_master where name = 'perturbax_trials'").fetchall()
        if not tables:
            return []
        rows = connection.execute("select cell, seed from perturbax_trials where status = 'done'").fetchall()
    return [Trial(json.loads(cell), seed).label for cell, seed in rows]


def _alive(log):
    pids = {int(line.split("|")[1]) for line in log.read_text().splitlines()} - {os.getpid()}
    return [pid for pid in pids if _runs(pid)]


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
