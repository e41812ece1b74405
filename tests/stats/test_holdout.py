"""The reusable holdout: it answers as the verb does, and its ledger survives, is shared, and is never reset."""

import copy
import json
import pickle
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

from perturbax import stats

KEY = jax.random.key(3)
N = 50


def table(seed, n=N):
    random = np.random.default_rng(seed)
    return pd.DataFrame({"y": random.integers(0, 2, n), "a": random.random(n), "name": ["x"] * n})


TRAIN, KEPT = table(0), table(1)
METHOD = stats.Thresholdout(0.01, 0.005, 4)


def holdout(method=METHOD, **options):
    return stats.Holdout(TRAIN, KEPT, method, key=KEY, **options)


def column(records):
    return records["a"]


def agreement(records):
    return records["y"] == (records["a"] > 0.5)


QUERIES = [column, agreement, lambda r: r["y"], lambda r: r["a"] ** 2, lambda r: 1 - r["a"]]


def ask_all(kept, queries=QUERIES):
    answers = []
    for query in queries:
        try:
            answers.append(kept.query(query))
        except stats.BudgetExhausted:
            answers.append(np.nan)
    return answers


@pytest.mark.parametrize(
    "method",
    [
        METHOD,
        stats.SampleSplit(5),
        pytest.param(stats.GaussianNoise(0.1), marks=pytest.mark.slow),
        pytest.param(stats.EffectiveRounds(3, 0.1, 0.01), marks=pytest.mark.slow),
    ],
    ids=lambda method: type(method).__name__,
)
def test_the_shell_answers_as_the_verb_does(method):
    values = [np.stack([np.asarray(q(t), float) for q in QUERIES]) for t in (KEPT, TRAIN)]
    batch = stats.QueryBatch(values[0], train=values[1])
    wanted = stats.answer_queries(batch, method, key=KEY, throw=False)
    kept = holdout(method)
    np.testing.assert_allclose(ask_all(kept), wanted.answers, rtol=1e-5)
    assert kept.left == wanted.budget_left
    assert kept.privacy().epsilon == pytest.approx(wanted.privacy().epsilon)


def test_multiplicative_weights_on_a_finite_domain(tmp_path):
    domain = pd.DataFrame({"bit": [0, 0, 1, 1], "other": [0, 1, 0, 1]})
    places = np.array([3] * 30 + [0] * 10)
    method = stats.PrivateMultiplicativeWeights(0.05, 0.01, 0.1, 50)
    kept = stats.Holdout(None, places, method, key=KEY, domain=domain, ledger=tmp_path / "l")
    for _ in range(20):
        answer = kept.query(lambda r: r["bit"] * r["other"])
    assert answer == pytest.approx(0.75, abs=0.15)
    again = stats.Holdout.open(tmp_path / "l", None, places, domain=domain)
    np.testing.assert_array_equal(again._state.logarithms, kept._state.logarithms)


def test_a_ledger_continues_where_it_ended(tmp_path):
    through = holdout()
    wanted = ask_all(through)
    first = holdout(ledger=tmp_path / "l.jsonl")
    found = ask_all(first, QUERIES[:2])
    second = stats.Holdout.open(tmp_path / "l.jsonl", TRAIN, KEPT)
    assert (second.asked, second.left) == (2, first.left)
    found += ask_all(second, QUERIES[2:])
    np.testing.assert_array_equal(found, wanted)
    assert second.log == through.log
    assert second.method == METHOD


def test_an_answer_in_memory_is_saved_with_its_noise(tmp_path):
    kept = holdout()
    ask_all(kept, QUERIES[:2])
    kept.save(tmp_path / "l")
    assert stats.Holdout.open(tmp_path / "l", TRAIN, KEPT).log == kept.log
    with pytest.raises(ValueError, match="has a ledger already"):
        kept.save(tmp_path / "other")


def test_two_shells_of_one_ledger_share_the_budget(tmp_path):
    one = holdout(ledger=tmp_path / "l")
    other = stats.Holdout.open(tmp_path / "l", TRAIN, KEPT)
    answers = [shell.query(query) for shell, query in zip([one, other, one, other], QUERIES, strict=False)]
    np.testing.assert_array_equal(answers, ask_all(holdout(), QUERIES[:4]))
    lines = (tmp_path / "l").read_text().splitlines()
    assert [json.loads(line)["query"] for line in lines[1:]] == [0, 1, 2, 3]


ASK = """
import sys
import pandas as pd
from perturbax import stats
kept = stats.Holdout.open(sys.argv[1], None, pd.read_csv(sys.argv[2]))
for _ in range(15):
    kept.query(lambda records: records["a"] / 10)
"""


@pytest.mark.slow
def test_processes_at_the_same_time_do_not_corrupt_the_ledger(tmp_path):
    records = pd.DataFrame({"a": np.arange(10)})
    records.to_csv(tmp_path / "h.csv", index=False)
    stats.Holdout(None, records, stats.GaussianNoise(0.1), key=KEY, ledger=tmp_path / "l")
    command = [sys.executable, "-c", ASK, str(tmp_path / "l"), str(tmp_path / "h.csv")]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], errors
    kept = stats.Holdout.open(tmp_path / "l", None, records)
    assert kept.asked == 45
    assert len({entry["answer"] for entry in kept.log}) == 45


def test_a_spent_budget_is_an_error_each_time_and_is_not_logged(tmp_path):
    kept = holdout(stats.Thresholdout(0.0, 1e-6, 1), ledger=tmp_path / "l")
    kept.query(column)
    size = (tmp_path / "l").stat().st_size
    for _ in range(2):
        with pytest.raises(stats.BudgetExhausted, match="spent after 1 queries"):
            kept.query(agreement)
    assert (tmp_path / "l").stat().st_size == size


def test_the_report_that_spends_the_budget_without_an_answer_is_kept(tmp_path):
    """EffectiveRounds: where the last part is refuted there is no answer, and no second try with the same noise."""
    kept = stats.Holdout(None, np.arange(60), stats.EffectiveRounds(1, 0.2, 1e-4), key=KEY, ledger=tmp_path / "l")
    with pytest.raises(stats.BudgetExhausted):
        kept.query(lambda records: records < 30)
    again = stats.Holdout.open(tmp_path / "l", None, np.arange(60))
    assert (again.left, again.log[0]["answer"], again.asked) == (0, None, 1)
    with pytest.raises(stats.BudgetExhausted):
        again.query(lambda records: records < 0)


def test_values_out_of_bounds_cost_nothing():
    kept = holdout()
    with pytest.raises(ValueError, match=r"query 0 must have finite values in \[0, 1\]"):
        kept.query(lambda r: r["a"] * 3)
    with pytest.raises(ValueError, match="query 0 must have finite values"):
        kept.query(lambda r: r["a"] * np.nan)
    with pytest.raises(ValueError, match="one value for each"):
        kept.query(lambda r: r["a"].mean())
    assert kept.asked == 0
    clipping = holdout(clip=True)
    clipping.query(lambda r: r["a"] * 3)
    assert clipping.log[0]["clipped"] > 0


def test_a_ledger_is_never_reset(tmp_path):
    path = tmp_path / "l"
    ask_all(holdout(ledger=path), QUERIES[:3])
    with pytest.raises(FileExistsError, match="never reset"):
        holdout(ledger=path)
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(FileExistsError, match="never reset"):
        holdout(ledger=path)
    with pytest.raises(ValueError, match="is gone"):
        stats.Holdout.open(path, TRAIN, KEPT)
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    with pytest.raises(ValueError, match="holds 1 answers but 3 were given"):
        stats.Holdout.open(path, TRAIN, KEPT)
    path.write_bytes(whole)
    assert stats.Holdout.open(path, TRAIN, KEPT).asked == 3
    for damaged in ("", "[]", '{"answers": 3}', '{"answers": -1, "chain": ""}'):
        (tmp_path / "l.anchor").write_text(damaged)
        with pytest.raises(ValueError, match="anchor is damaged"):
            stats.Holdout.open(path, TRAIN, KEPT)
    (tmp_path / "l.anchor").unlink()
    with pytest.raises(ValueError, match="anchor is missing"):
        stats.Holdout.open(path, TRAIN, KEPT)


def test_every_changed_byte_of_a_ledger_is_found(tmp_path):
    path = tmp_path / "l"
    ask_all(holdout(ledger=path), QUERIES[:2])
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 40):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"damaged|no ledger|cut short"):
            stats.Holdout.open(path, TRAIN, KEPT)


def test_lines_in_another_order_and_of_another_ledger_are_found(tmp_path):
    path, other = tmp_path / "l", tmp_path / "other"
    ask_all(holdout(ledger=path), QUERIES[:2])
    whole = path.read_bytes()
    head, first, second = whole.splitlines(keepends=True)
    for lines in ([head, second, first], [head, first, first], [head, first, second, second], [first, second]):
        path.write_bytes(b"".join(lines))
        with pytest.raises(ValueError, match=r"damaged|no ledger"):
            stats.Holdout.open(path, TRAIN, KEPT)
    stranger = stats.Holdout(TRAIN, KEPT, METHOD, key=jax.random.key(9), ledger=other)
    ask_all(stranger, QUERIES[:3])
    path.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match="not the ledger that its anchor belongs to"):
        stats.Holdout.open(path, TRAIN, KEPT)


def test_noise_that_was_used_is_refused(tmp_path):
    """Also where someone made the checksums fit."""
    from perturbax.stats._ledger import Ledger

    path = tmp_path / "l"
    ask_all(holdout(ledger=path), QUERIES[:1])
    ledger = Ledger.load(path)
    ledger.append({**ledger.entries[0], "query": 1})
    with pytest.raises(ValueError, match="line 3: the noise of an earlier answer was used again"):
        stats.Holdout.open(path, TRAIN, KEPT)


def test_a_line_that_a_crash_cut_short_is_dropped_and_its_noise_is_not_lost(tmp_path):
    path = tmp_path / "l"
    kept = holdout(ledger=path)
    kept.query(column)
    with open(path, "ab") as file:
        file.write(b'{"query": 1, "ans')
    again = stats.Holdout.open(path, TRAIN, KEPT)
    assert again.asked == 1
    assert again.query(agreement) == ask_all(holdout(), QUERIES[:2])[1]
    assert kept.query(QUERIES[2]) == ask_all(holdout(), QUERIES[:3])[2]


def test_a_crash_between_the_ledger_and_its_anchor_loses_nothing(tmp_path):
    path = tmp_path / "l"
    kept = holdout(ledger=path)
    kept.query(column)
    before = (tmp_path / "l.anchor").read_bytes()
    kept.query(agreement)
    (tmp_path / "l.anchor").write_bytes(before)
    assert stats.Holdout.open(path, TRAIN, KEPT).asked == 2


@pytest.mark.parametrize(
    ("train", "kept", "message"),
    [
        (table(5), KEPT, "train has other records"),
        (TRAIN, table(5), "holdout has other records"),
        (TRAIN, KEPT[::-1], "holdout has other records"),
        (TRAIN, KEPT.rename(columns={"a": "b"}), "holdout has other records"),
    ],
)
def test_other_records_are_refused(tmp_path, train, kept, message):
    holdout(ledger=tmp_path / "l")
    with pytest.raises(ValueError, match=message):
        stats.Holdout.open(tmp_path / "l", train, kept)


def test_another_file_is_refused_by_name(tmp_path):
    path = tmp_path / "l"
    (tmp_path / "l.anchor").write_text('{"answers": 0, "chain": ""}')
    for text in ("", "hello\n", '{"format": "something"}\n', "[1]\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"l.*(is no ledger|no JSON object)"):
            stats.Holdout.open(path, TRAIN, KEPT)
    with pytest.raises(FileNotFoundError):
        stats.Holdout.open(tmp_path / "none", TRAIN, KEPT)
    with pytest.raises(FileNotFoundError, match="folder that does not exist"):
        holdout(ledger=tmp_path / "no" / "l")


def test_a_method_that_a_ledger_may_not_name_is_refused(tmp_path):
    from perturbax.stats._holdout import method_of

    with pytest.raises(ValueError, match="names the method 'Popen'"):
        method_of({"method": {"class": "Popen", "settings": {}}})


def test_a_copy_is_the_holdout_itself_and_another_process_has_the_same_ledger(tmp_path):
    kept = holdout()
    assert copy.copy(kept) is kept
    assert copy.deepcopy([kept])[0] is kept
    with pytest.raises(TypeError, match="without a ledger cannot go to another process"):
        pickle.dumps(kept)
    kept.query(column)
    kept.save(tmp_path / "l")
    sent = pickle.loads(pickle.dumps(kept))
    sent.query(agreement)
    kept.query(agreement)
    assert kept.asked == 3


def test_missing_values_and_overlap_are_told():
    with pytest.raises(ValueError, match=r"holdout\['a'\] must not have missing values, got 1 of 50"):
        stats.Holdout(TRAIN, KEPT.assign(a=KEPT["a"].where(KEPT.index > 0)), METHOD, key=KEY)
    with pytest.warns(UserWarning, match="50 different records are both"):
        stats.Holdout(TRAIN, TRAIN, METHOD, key=KEY)


def test_old_keys_are_taken_and_wrong_ones_refused(tmp_path):
    old = stats.Holdout(TRAIN, KEPT, METHOD, key=jax.random.PRNGKey(3), ledger=tmp_path / "l")
    assert old.query(column) == holdout().query(column)
    with pytest.raises(TypeError, match="key must be"):
        stats.Holdout(TRAIN, KEPT, METHOD, key=3)
    with pytest.raises(TypeError, match="method"):
        stats.Holdout(TRAIN, KEPT, "thresholdout", key=KEY)


def test_a_certificate_says_what_is_left():
    kept = holdout()
    kept.query(column)
    assert "1 queries were answered from a holdout of 50 records." in kept.certificate()
    assert f"consulted {kept.left} more times" in kept.certificate()
    assert kept.guarantees(queries=10)[0].adaptive


def test_a_grid_search_sits_on_a_holdout():
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier

    random = np.random.default_rng(0)
    X, y = random.normal(size=(300, 2)), np.repeat([0, 1, 0], 100)
    X[:, 0] += y
    train, kept = (X[::2], y[::2]), (X[1::2], y[1::2])
    reusable = stats.Holdout(train, kept, stats.Thresholdout(0.05, 0.01, 20), key=KEY)
    rows = np.arange(150)
    search = GridSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5, 25]},
        scoring=stats.HoldoutScorer(reusable),
        cv=[(rows, rows)],
        error_score="raise",
    ).fit(*train)
    assert reusable.asked == 3
    assert [entry["answer"] for entry in reusable.log] == pytest.approx(search.cv_results_["mean_test_score"].tolist())
    assert search.best_params_["n_neighbors"] != 1  # which is perfect on its own training records
    assert "n_neighbors=25" in reusable.log[2]["name"]


def test_a_search_without_budget_ends():
    from sklearn.dummy import DummyClassifier

    X, y = np.zeros((20, 1)), np.arange(20) % 2
    spent = stats.Holdout((X, y), (X + 1.0, y), stats.Bonferroni(1), key=KEY)
    scorer = stats.HoldoutScorer(spent)
    model = DummyClassifier().fit(X, y)
    assert scorer(model) == 0.5
    with pytest.raises(stats.BudgetExhausted):
        scorer(model)
