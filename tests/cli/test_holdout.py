"""`perturbax stats holdout` on tables of a user."""

import json

import numpy as np
import pandas as pd
import pytest

from perturbax.cli import main


@pytest.fixture
def files(tmp_path):
    """A prediction that is perfect for the training rows, and no better than chance for the others."""
    random = np.random.default_rng(0)
    y, kept = random.integers(0, 2, (2, 1000))
    pd.DataFrame({"y": y, "pred": y, "row": range(1000)}).to_csv(tmp_path / "t.csv", index=False)
    table = pd.DataFrame({"y": kept, "pred": random.integers(0, 2, 1000), "row": range(1000, 2000)})
    table.to_csv(tmp_path / "h.csv", index=False)
    return tmp_path


def ask(files, *more, expr="mean(y==pred)"):
    given = ["--train", f"{files}/t.csv", "--holdout", f"{files}/h.csv", "--expr", expr]
    return main(["stats", "holdout", "query", "--ledger", f"{files}/l.jsonl", *given, *more])


def test_an_overfitted_prediction_is_found_out_and_the_ledger_continues(files, capsys):
    assert ask(files, "--json", "--seed", "1", "--budget", "3") == 0
    said = capsys.readouterr()
    first = json.loads(said.out)
    assert first["answer"] == pytest.approx(0.5, abs=0.15)
    assert (first["used_holdout"], first["left"]) == (True, 2)
    assert "started the ledger" in said.err
    assert ask(files, expr="mean(y == 1)") == 0
    assert "from the training rows, which the holdout confirms; 2 disagreements left" in capsys.readouterr().out
    assert main(["stats", "holdout", "status", "--ledger", f"{files}/l.jsonl", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["asked"], status["left"], status["records"]) == (2, 2, 1000)
    assert [entry["name"] for entry in status["log"]] == ["mean(y==pred)", "mean(y == 1)"]
    assert main(["stats", "holdout", "status", "--ledger", f"{files}/l.jsonl"]) == 0
    assert "2 queries were answered from a holdout of 1000 records." in capsys.readouterr().out


def test_a_spent_budget_ends_with_an_error(files, capsys):
    assert ask(files, "--budget", "1") == 0
    assert ask(files) == 1
    said = capsys.readouterr()
    assert "BudgetExhausted: the budget of Thresholdout is spent after 1 queries" in said.err
    assert said.out.count("=") == 3  # the answer to the first query only


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--expr", "mean(z)"], "the table has no column 'z'; it has y, pred, row"),
        (["--expr", "mean(row)"], "query 0 must have finite values in [0, 1]"),
        (["--expr", "y == pred"], "a query must be mean(...)"),
        (["--expr", "mean(open('x'))"], "is not allowed"),
        (["--train", "none.csv"], "none.csv"),
        (["--low", "2"], "bounds must be a low and a high value"),
        (["--ledger", "no/such/l.jsonl"], "folder that does not exist"),
    ],
)
def test_wrong_input_is_told_in_one_line(files, capsys, change, message):
    assert ask(files, *change) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("started")]
    assert len(said) == 1
    assert message in said[0]


def test_a_ledger_is_not_started_anew(files, capsys):
    assert ask(files) == 0
    assert ask(files, "--budget", "5") == 2
    assert "--budget cannot be given" in capsys.readouterr().err
    (files / "l.jsonl").unlink()
    assert ask(files) == 2
    assert "is gone" in capsys.readouterr().err


def test_other_rows_and_a_missing_ledger_are_refused(files, capsys):
    assert ask(files) == 0
    pd.read_csv(files / "h.csv").iloc[:500].to_csv(files / "h.csv", index=False)
    assert ask(files) == 2
    assert "holdout has other records" in capsys.readouterr().err
    assert main(["stats", "holdout", "status", "--ledger", f"{files}/none.jsonl"]) == 2
