"""Every backend and every database gives the same table."""

import importlib.util
import os
from collections import Counter

import pandas as pd
import pytest

from perturbax.studies import Store, StoreError, run_study


def _table(run):
    assert run.failures == ()
    return run.table.assign(x=[value.tobytes() for value in run.table["x"]])


@pytest.fixture
def reference(study, tmp_path):
    return _table(run_study(study, backend="sequential", store=tmp_path / "reference.sqlite"))


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "needs"), [("loky", "joblib"), ("dask", "distributed"), ("ray", "ray")])
def test_a_local_cluster_gives_the_same_table(study, store, reference, log, backend, needs):
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    run = run_study(study, backend=backend, jobs=2, store=store)
    assert (run.new, run.reused, run.met) == (12, 0, True)
    pd.testing.assert_frame_equal(_table(run), reference, check_exact=True)
    again = run_study(run.study, backend=backend, jobs=2, store=store)
    assert (again.new, again.reused) == (0, 12)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_an_absent_engine_is_an_error_that_names_the_extra(study, store, monkeypatch, backend):
    import sys

    for name in ("dask", "distributed", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"perturbax\[{backend}\]"):
        run_study(study, "smoke", backend=backend, store=store)


def test_a_store_may_be_any_sqlite_url(study, store, reference, tmp_path):
    run = run_study(study, backend="sequential", store=f"sqlite:///{tmp_path}/second.sqlite")
    pd.testing.assert_frame_equal(_table(run), reference, check_exact=True)
    assert run_study(study, backend="sequential", store=tmp_path / "second.sqlite").new == 0
    assert not store.exists()


@pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="needs the driver of the extra postgres")
def test_a_server_that_does_not_answer_is_told_without_the_password():
    with pytest.raises(StoreError) as caught:
        Store("postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_store_may_be_a_postgresql_server(study, reference, log, monkeypatch):
    url = os.environ.get("PERTURBAX_TEST_POSTGRES")
    if not url:
        pytest.skip("PERTURBAX_TEST_POSTGRES gives no database URL")
    # A study of its own name, so that a database that is used again has none of its trials.
    label = "method=plain size=8 seed=0"
    monkeypatch.setenv("FIXTURE_FAIL", label)
    first = run_study(study, backend="sequential", store=url)
    if first.reused == 0:
        assert [failure.trial.label for failure in first.failures] == [label]
    monkeypatch.delenv("FIXTURE_FAIL")
    run = run_study(study, backend="loky", jobs=2, store=url, retry=True)
    pd.testing.assert_frame_equal(_table(run), reference, check_exact=True)
    assert run_study(study, backend="sequential", store=url).new == 0
    assert all(count <= 2 for count in Counter(log()).values())
