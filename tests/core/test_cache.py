"""The cache: built once, whole or not at all, refused when damaged, and nobody else's files are touched."""

import json
import os
import subprocess
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PERTURBAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def the_file(folder):
    (path,) = folder.rglob("*.npz")
    return path


TREE = {
    "array": np.arange(6.0).reshape(2, 3),
    "half": jnp.array([1.5, -2.0], jnp.bfloat16),
    "key": jax.random.key(4),
    "mixed": [1, 2.5, None, "text", True, (np.int8(3), np.zeros((0, 2)))],
}


def test_it_is_built_once_per_content(folder):
    calls = []

    def build():
        calls.append(1)
        return TREE

    first = core.cached("tree", {"seed": 1}, build)
    second = core.cached("tree", {"seed": 1}, build)
    assert len(calls) == 1
    for got in (first, second):
        assert jax.tree.structure(got) == jax.tree.structure(TREE)
        np.testing.assert_array_equal(got["array"], TREE["array"])
        assert got["half"].dtype == jnp.bfloat16
        assert got["half"].tolist() == [1.5, -2.0]
        assert jnp.array_equal(jax.random.key_data(got["key"]), jax.random.key_data(TREE["key"]))
        assert got["mixed"][:5] == TREE["mixed"][:5]
        assert got["mixed"][5][1].shape == (0, 2)
    core.cached("tree", {"seed": 2}, build)
    core.cached("tree", {"seed": 1}, build, refresh=True)
    assert len(calls) == 3
    assert len(list(folder.rglob("*.npz"))) == 2


def test_numpy_reads_the_file_without_pickle(folder):
    core.cached("tree", 0, lambda: {"a": np.arange(3)})
    with np.load(the_file(folder), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["0"], np.arange(3))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign", "other"])
def test_a_damaged_file_is_refused_by_name_and_replaced_on_request(folder, damage):
    core.cached("tree", 0, lambda: np.arange(1000.0))
    path = the_file(folder)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-100])
    elif damage == "flip":
        path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("tree.json", json.dumps({"tree": 1}))
    else:
        core.cached("tree", 1, lambda: np.ones(2))
        (other,) = set(folder.rglob("*.npz")) - {path}
        os.replace(other, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{path.name} is damaged or no file of perturbax: .*refresh=True"):
        core.cached("tree", 0, lambda: np.zeros(1))
    assert path.read_bytes() == before
    assert core.cached("tree", 0, lambda: np.zeros(1), refresh=True) == 0.0


def test_an_error_while_writing_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "file"
    core.write_atomic(path, b"old")

    def fail(file):
        file.write(b"half")
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        core.write_atomic(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    core.write_atomic(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_what_cannot_be_stored_or_named_is_refused(folder):
    with pytest.raises(TypeError, match="got set"):
        core.cached("tree", 0, lambda: {1, 2})
    assert not list(folder.rglob("*.npz"))
    for name in ("", "../up", "a/b", ".hidden"):
        with pytest.raises(ValueError, match="name must be letters"):
            core.cached(name, 0, lambda: 1)


def test_only_what_perturbax_put_there_is_counted_and_cleared(folder):
    assert core.cache_size() == 0
    core.clear_cache()
    core.cached("tree", 0, lambda: np.zeros(1000))
    mine = folder / "thesis.tex"
    mine.write_text("years of work")
    assert 8000 < core.cache_size() < 10000
    core.clear_cache()
    assert core.cache_size() == 0
    assert mine.read_text() == "years of work"


def test_compiled_programs_are_kept_on_request_only(folder):
    script = (
        "import jax; from perturbax import core; print(jax.config.jax_compilation_cache_dir);"
        "core.enable_compilation_cache(); print(jax.config.jax_compilation_cache_dir)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["None", str(core.cache_folder() / "compiled")]


@pytest.mark.parametrize("tree", [{"list": 5}, {"dict": 3}, {"array": 7}, {"array": 0, "key": 3}, {"tuple": None}, {}])
def test_a_tree_that_was_not_written_by_us_is_refused(tree, tmp_path):
    path = tmp_path / "a.npz"
    core.write_tree(path, [np.ones(2)], label="mine")
    with zipfile.ZipFile(path) as archive:
        head = json.loads(archive.read("tree.json")) | {"tree": tree}
        member = archive.read("0.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.npy", member)
        archive.writestr("tree.json", json.dumps(head))
    with pytest.raises(ValueError, match=r"a.npz is damaged or no file of perturbax"):
        core.read_tree(path, label="mine")
    with pytest.raises(ValueError, match="it holds 'mine' and not 'yours'"):
        core.read_tree(path, label="yours")
