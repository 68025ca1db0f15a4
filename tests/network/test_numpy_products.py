"""Products on one thread: the numbers of NumPy, and no thread of BLAS at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.engines import V, each_kind, ids, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.config import ModelConfig
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.network.numpy_products import TiledMatrix, WholeMatrix, multiply


@settings(max_examples=60)
@given(
    st.integers(1, 300), st.integers(1, 600), st.sampled_from([(), (1,), (5,), (32,), (33,), (64,)]), st.integers(0, 99)
)
def test_any_shape_is_multiplied_as_by_numpy(count: int, width: int, batch: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(width, count)).astype(np.float32).T  # in the other order of memory, as the cells' are
    tiled = TiledMatrix(rows)
    assert tiled.shape == WholeMatrix(rows).shape == (count, width)
    _, _, height, depth = tiled.tiles.shape
    assert height * depth <= 9216, "OpenBLAS divides what is larger"
    assert height * depth * min(32, *batch, 32) <= 262_144
    product, other = tiled.product(batch), tiled.product(batch)
    for _ in range(2):  # the buffers are used again
        x = rng.normal(size=(width, *batch)).astype(np.float32)
        y, expected = np.empty((count, *batch), np.float32), np.empty((count, *batch), np.float32)
        product(x, y)
        WholeMatrix(rows).product(batch)(x, expected)
        np.testing.assert_allclose(y, rows.astype(np.float64) @ x, atol=1e-3)
        np.testing.assert_allclose(y, expected, atol=1e-3)
    other(np.zeros_like(x), np.empty_like(y))
    np.testing.assert_allclose(multiply(rows, x), y, atol=1e-4)


@each_kind
@pytest.mark.parametrize("switches", [{}, {"layer_norm": True, "tied": True, "num_layers": 3}, {"embedding_size": 0}])
def test_an_engine_on_one_thread_computes_the_same(kind: dict[str, Any], switches: dict[str, Any]) -> None:
    config = ModelConfig(**{"rnn_size": 12, "embedding_size": 5} | kind | switches)
    weights = random_weights(config)
    one, other = Engine(config, weights, single_threaded=True), Engine(config, weights)
    np.testing.assert_allclose(one.read(ids(40)).logits, other.read(ids(40)).logits, atol=1e-4)
    for engine_batch in ((3,), (40,)):
        stacks = [RecurrentStack(engine, engine_batch) for engine in (one, other)]
        for index in ids(10):
            for stack, engine in zip(stacks, (one, other), strict=True):
                stack.step(engine.input_columns(np.full(engine_batch, index % V)))
        np.testing.assert_allclose(stacks[0].logits(), stacks[1].logits(), atol=1e-4)


WORK = """
import json, os, sys, threading, time, numpy as np
from pathlib import Path
from charrnn.network.numpy_products import TiledMatrix, WholeMatrix
rows = np.ones((2048, 1025), np.float32)
product = {"tiled": TiledMatrix, "whole": WholeMatrix}[sys.argv[1]](rows).product(())
x, y = np.ones(1025, np.float32), np.empty(2048, np.float32)
def ticks():
    stats = [path.read_text().rsplit(")", 1)[1].split() for path in Path("/proc/self/task").glob("*/stat")
             if path.parent.name != str(threading.get_native_id())]
    return len(stats), sum(int(stat[11]) + int(stat[12]) for stat in stats)
time.sleep(0.5)  # threads that have just begun wait busily for a while
before = ticks()
for _ in range(1000):
    product(x, y)
print(json.dumps([before, ticks()]))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells what each thread has done")
def test_no_other_thread_works(tmp_path: Path) -> None:
    def others(kind: str) -> tuple[int, int]:
        """How many other threads there are, and how much more processor time they took."""
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}
        done = subprocess.run(
            [sys.executable, "-c", WORK, kind], capture_output=True, check=True, timeout=60, env=environment
        )
        (count, before), (_, after) = json.loads(done.stdout)
        return count, after - before

    count, whole = others("whole")
    if not count or not whole:
        pytest.skip("this BLAS has no threads of its own")
    assert others("tiled")[1] <= max(1, whole // 20)
