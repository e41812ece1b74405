"""The store: what goes in comes out, a claim has one owner, and a file that is not sound is left alone."""

import hashlib
import math
import sqlite3
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perturbax.studies import Store, StoreError
from perturbax.studies._codec import decode_record, encode_record
from perturbax.studies._owner import is_dead, owner_name

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.bool_, np.complex64]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
)


@given(st.dictionaries(st.text(min_size=1), st.one_of(scalars, arrays), max_size=6))
def test_a_record_comes_back_bit_for_bit_and_in_its_order(record):
    back = decode_record(*encode_record(record))
    assert list(back) == list(record)
    for name, value in record.items():
        if isinstance(value, np.ndarray):
            assert back[name].dtype == value.dtype
            assert back[name].tobytes() == value.tobytes()
        elif isinstance(value, float):
            assert back[name] == value or (math.isnan(back[name]) and math.isnan(value))
        else:
            assert type(back[name]) is type(value)
            assert back[name] == value


@pytest.mark.parametrize("value", [object(), {"a": 1}, np.array([object()]), [object()], b"raw", {1, 2}])
def test_what_is_no_number_text_or_array_is_refused(value):
    with pytest.raises(TypeError, match="entry"):
        encode_record({"entry": value})


def test_a_large_array_is_refused():
    with pytest.raises(ValueError, match="bytes"):
        encode_record({"x": np.zeros(3_000_000)})


def _fill(path):
    store = Store(path)
    for number in range(50):
        assert store.claim("s", f"h{number}", {"n": number}, 0, "me", lease=60.0)
        assert store.finish("s", f"h{number}", "me", encode_record({"y": number, "x": np.arange(200.0)}), 0.1)
    store.close()


def _sums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _spoil_head(path):
    path.write_bytes(b"garbage" + path.read_bytes()[7:])


def _spoil_middle(path):
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(content))


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("spoil", [_spoil_head, _spoil_middle, _cut])
def test_a_damaged_store_is_refused_and_left_as_it_is(store, spoil):
    _fill(store)
    spoil(store)
    before = _sums(store.parent)
    with pytest.raises(StoreError, match=r"store\.sqlite.*untouched"):
        Store(store)
    assert _sums(store.parent) == before


def test_another_programs_database_is_refused_and_left_as_it_is(store):
    connection = sqlite3.connect(store)
    connection.execute("create table mine (x)")
    connection.commit()
    connection.close()
    before = _sums(store.parent)
    with pytest.raises(StoreError, match="something else"):
        Store(store)
    assert _sums(store.parent) == before


def test_a_record_that_was_changed_behind_our_back_is_refused(store):
    _fill(store)
    connection = sqlite3.connect(store)
    connection.execute("update perturbax_trials set record = replace(record, '7', '8') where hash = 'h7'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="checksum"):
        Store(store).read("s", ["h7"])
    assert Store(store).read("s", ["h8"])["h8"].record["y"] == 8


@pytest.mark.parametrize("where", ["", " ", "nonsense://", "sqlite://", "sqlite:///:memory:", "x\0y", "a://b:c:d/e"])
def test_what_names_no_store_is_refused(where):
    with pytest.raises(StoreError, match="store"):
        Store(where)


def test_a_password_is_not_shown():
    with pytest.raises(StoreError) as caught:
        Store("nosuchdatabase://user:secret@localhost/x")
    assert "secret" not in str(caught.value)


def test_many_claim_one_trial_and_one_gets_it(store):
    stores = [Store(store) for _ in range(6)]
    won = []

    def claim(opened, name):
        for number in range(10):
            if opened.claim("s", f"h{number}", {}, 0, name, lease=60.0):
                won.append(number)

    threads = [threading.Thread(target=claim, args=(opened, f"o{i}")) for i, opened in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(10))


def test_a_claim_ends_when_it_is_not_renewed(store):
    opened = Store(store)
    assert opened.claim("s", "h", {}, 0, "first", lease=-1.0)
    assert opened.claim("s", "h", {}, 0, "second", lease=60.0)
    assert not opened.claim("s", "h", {}, 0, "third", lease=60.0)
    # The first is late: its answer must not overwrite what the second holds.
    assert not opened.finish("s", "h", "first", encode_record({"y": 1}), 0.0)
    assert opened.finish("s", "h", "second", encode_record({"y": 2}), 0.0)
    assert opened.read("s", ["h"])["h"].record == {"y": 2}
    assert not opened.claim("s", "h", {}, 0, "first", lease=60.0)


def test_a_renewed_claim_holds(store):
    opened = Store(store)
    assert opened.claim("s", "h", {}, 0, "first", lease=-1.0)
    opened.renew("s", ["h"], "first", lease=60.0)
    assert not opened.claim("s", "h", {}, 0, "second", lease=60.0)


def test_an_owner_is_alive_until_its_process_ends():
    mine = owner_name()
    assert not is_dead(mine)
    machine, pid, _, rest = mine.split("|")
    assert is_dead(f"{machine}|{pid}|1|{rest}")
    assert is_dead(f"{machine}|{2**22 + 1}|1|{rest}")
    assert not is_dead(f"elsewhere|{2**22 + 1}|1|{rest}")
    assert not is_dead("of another kind")
