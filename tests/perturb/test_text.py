"""Perturbations of texts: which words stay, lists, seeds, and bad input."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import perturb

KEY = jax.random.key(0)
words = st.lists(st.text("abcxyz", min_size=1, max_size=4), min_size=1, max_size=8)
seeds = st.integers(0, 2**20)
LONG = " ".join(f"w{i}" for i in range(2000))


@given(words, seeds)
def test_dropping_keeps_the_order_and_at_least_one_word(words, seed):
    kept = perturb.WordDrop(0.6)(" ".join(words), key=jax.random.key(seed)).split()
    assert 1 <= len(kept) <= len(words)
    rest = iter(words)
    assert all(word in rest for word in kept)


@given(words, seeds)
def test_swapping_keeps_every_word(words, seed):
    swapped = perturb.WordSwap(0.6)(" ".join(words), key=jax.random.key(seed)).split()
    assert sorted(swapped) == sorted(words)


def test_words_are_changed_as_often_as_asked():
    assert len(perturb.WordDrop(0.3)(LONG, key=KEY).split()) == pytest.approx(1400, abs=105)
    table = {f"w{i}": ["other"] for i in range(2000)}
    assert perturb.Synonyms(0.3, table)(LONG, key=KEY).split().count("other") == pytest.approx(600, abs=105)
    moved = np.array(perturb.WordSwap(0.1)(LONG, key=KEY).split()) != np.array(LONG.split())
    assert 250 < moved.sum() <= 440
    assert len(perturb.WordDrop(1.0)(LONG, key=KEY).split()) == 1


def test_synonyms_keep_capitals_and_punctuation_and_other_words():
    swap = perturb.Synonyms(1.0, {"Cat": "dog", "sat": ["stood"]})
    assert swap('The "Cat" sat--CAT, (cat)! concatenated', key=KEY) == 'The "Dog" sat--CAT, (dog)! concatenated'


def test_a_text_of_a_list_depends_on_its_place_only():
    texts = [LONG[:200], LONG[:200], "a b c d e f g h"]
    perturbation = perturb.WordDrop(0.5)
    many = perturbation(texts, key=KEY)
    assert many[0] != many[1]
    assert perturbation(texts[:2], key=KEY) == many[:2]
    assert perturbation(texts[0], key=KEY) == many[0]
    assert perturbation(tuple(texts), key=KEY) == many


def test_a_paraphraser_gets_text_strength_and_a_seed():
    seen = []

    def function(text, strength, seed):
        seen.append((text, strength, seed))
        return text[::-1]

    assert perturb.Paraphrase(0.8, function)(["ab", "cd"], key=KEY) == ["ba", "dc"]
    assert [call[:2] for call in seen] == [("ab", 0.8), ("cd", 0.8)]
    assert seen[0][2] != seen[1][2]
    assert all(0 <= call[2] < 2**32 for call in seen)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: perturb.WordDrop(0.5)(3, key=KEY), "x must be a text or a list of texts"),
        (lambda: perturb.WordDrop(0.5)(["a", 3], key=KEY), r"x\[1\] must be a text, got 3"),
        (lambda: perturb.WordDrop(0.5)("a", key=3), "key must be one JAX PRNG key"),
        (lambda: perturb.Synonyms(0.5, {"a": []}), r"table\['a'\] must be a list of at least one word"),
        (lambda: perturb.Synonyms(0.5, [("a", "b")]), "table must be a dictionary"),
        (lambda: perturb.Paraphrase(0.5, lambda *_: None)("a", key=KEY), "what function returns must be a text"),
        (lambda: perturb.Paraphrase(0.5, "dipper"), "function"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_empty_texts_and_single_words_stay():
    for perturbation in (perturb.WordDrop(1.0), perturb.WordSwap(1.0), perturb.Synonyms(1.0, {"b": "c"})):
        assert perturbation(["", "a"], key=KEY) == ["", "a"]
