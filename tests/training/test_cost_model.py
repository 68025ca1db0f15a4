"""What a training costs, by hand: an LSTM of so few units that every product can be counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ModelConfig, TrainConfig
from charrnn.training import cost_model
from charrnn.training.cards import CARDS, STEP, Card
from charrnn.training.cost_model import Devices, DiskUse, IterationCost
from charrnn.training.events import log_interval

SMALL = ModelConfig(num_layers=2, rnn_size=8, embedding_size=3, dropout=0.0)
# Recurrent matrices of 4 x 8 x 8 in both layers, input matrices of 4 x 8 x 3 and 4 x 8 x 8, a head of 11 x 8.
RECURRENT, OTHERS = 2 * 256, 96 + 256 + 88
SLOW = Card(name="", half=100.0, single=50.0, memory=1, bandwidth=1e9, link=10.0, source="")


def training(**settings: object) -> TrainConfig:
    return TrainConfig.pick({"batch_size": 6, "seq_length": 5, "precision": "float32", **settings}).completed()


def test_a_character_is_six_operations_for_each_weight_it_is_multiplied_with() -> None:
    assert cost_model.multiplied_weights(SMALL, 11) == RECURRENT + OTHERS
    assert cost_model.operations(SMALL, 11) == 6 * (RECURRENT + OTHERS)
    tied = ModelConfig(num_layers=1, rnn_size=4, embedding_size=4, tied=True, model="rnn")
    assert cost_model.multiplied_weights(tied, 7) == 16 + 16 + 28  # the embedding is the head's matrix, too


def test_a_gpu_multiplies_a_window_at_once_and_steps_through_the_rest() -> None:
    slow = 1e9  # operations a second, at which nothing waits for a step
    at_once = 6 * OTHERS + 2 * RECURRENT  # for a character
    steps = 2 * 5 * 2  # forwards and backwards, 5 characters, 2 layers
    seconds = cost_model.backward_seconds(SMALL, training(), 11, 3, SLOW, 1e6)
    traffic = 3 * cost_model.window_bytes(SMALL, training(), 11, 3) / 1e9
    assert seconds == pytest.approx(at_once * 3 * 5 / 1e6 + steps * 2 * 256 * 3 / 1e6 + traffic)
    assert cost_model.step_seconds(SMALL, 3, SLOW, slow) == STEP
    wide = ModelConfig(rnn_size=1024)
    assert cost_model.step_seconds(wide, 1, SLOW, 1e15) == 2 * 4 * 1024**2 / 1e9  # its matrix is read
    assert cost_model.waiting_share(SMALL, training(), 11, 3, SLOW, 1e6) == 0.0
    fast = cost_model.waiting_share(SMALL, training(), 11, 3, SLOW, slow)
    whole = cost_model.backward_seconds(SMALL, training(), 11, 3, SLOW, slow)
    assert fast == pytest.approx(steps * (STEP - 2 * 256 * 3 / slow) / whole)
    assert cost_model.update_seconds(100, SLOW) == 7 * 4 * 100 / 1e9


def test_held_out_text_is_read_in_32_streams_however_many_devices_there_are() -> None:
    one = cost_model.evaluation_seconds(SMALL, 11, 3200, 1, SLOW, 1e6)
    assert one == pytest.approx(100 * (2 * OTHERS * 32 / 1e6 + 2 * 2 * 256 * 32 / 1e6))
    assert cost_model.evaluation_seconds(SMALL, 11, 3200, 4, SLOW, 1e6) == pytest.approx(one / 4)
    assert cost_model.evaluation_seconds(SMALL, 11, 3200, 64, SLOW, 1e6) == pytest.approx(one / 32)


def test_a_ring_by_hand() -> None:
    eight = Devices(nodes=1, per_node=8, card=SLOW)
    assert cost_model.all_reduce_seconds(40, eight, 5.0) == pytest.approx(2 * 7 / 8 * 40 / 10.0 + 2 * 10e-6 * 3)
    sixteen = Devices(nodes=2, per_node=8, card=SLOW)  # over the network, which is slower
    assert cost_model.all_reduce_seconds(40, sixteen, 5.0) == pytest.approx(2 * 15 / 16 * 40 / 5.0 + 2 * 20e-6 * 4)
    assert cost_model.all_reduce_seconds(40, Devices(nodes=1, per_node=1), 5.0) == 0.0
    assert IterationCost(backward=1.0, update=0.5, all_reduce=0.25).seconds == 1.75
    assert sixteen.rows(64) == 4


def test_muons_matrices_are_gathered_too() -> None:
    two, four = Devices(nodes=1, per_node=2, card=SLOW), Devices(nodes=1, per_node=4, card=SLOW)
    gradients = cost_model.all_reduce_seconds(4 * SMALL.parameters(11), four, 5.0)
    assert cost_model.exchange_seconds(SMALL, training(optimizer="adamw"), 11, four, 5.0) == gradients
    gathered = 3 / 4 * 4 * (RECURRENT + 96 + 256) / 10.0 + 10e-6 * 2
    assert cost_model.exchange_seconds(SMALL, training(optimizer="muon"), 11, four, 5.0) == gradients + gathered
    half = training(optimizer="muon", precision="bfloat16")
    less = cost_model.exchange_seconds(SMALL, half, 11, two, 5.0) - 4 * SMALL.parameters(11) / 10.0 - 2e-5
    assert less == pytest.approx(1 / 2 * 2 * (RECURRENT + 96 + 256) / 10.0 + 10e-6)
    alone = Devices(nodes=1, per_node=1, card=SLOW)
    assert cost_model.exchange_seconds(SMALL, half, 11, alone, 5.0) == 0


def test_memory_by_hand() -> None:
    parameters = SMALL.parameters(11)
    kept = {"optimizer": "adamw"}
    assert cost_model.weight_bytes(SMALL, training(**kept), 11) == 4 * 4 * parameters
    assert cost_model.weight_bytes(SMALL, training(**kept, average=0.9), 11) == 5 * 4 * parameters
    muon = cost_model.moments(SMALL, training(optimizer="muon"), 11)
    assert muon == 2 * parameters - (RECURRENT + 96 + 256)  # one of each recurrent layer's matrices
    assert cost_model.moments(SMALL, training(optimizer="sgd", momentum=0.0), 11) == 0
    assert cost_model.moments(SMALL, training(optimizer="rmsprop", momentum=0.5), 11) == 2 * parameters
    # 3 rows of 5 characters: of each layer's 8 units the gates, output, cell, sum and norm; gates' gradient; the head.
    window = 3 * 5 * (4 * 8 * (2 * (4 + 1 + 1 + 2) + 4) + 16 * 11)
    assert cost_model.window_bytes(SMALL, training(), 11, 3) == window


def test_files_by_hand() -> None:
    config = training(iterations=300, snapshot_at=(0, 3, 10, 30, 100, 300), sample_length=50)
    assert cost_model.kept_snapshots(config) == 6
    keeping = training(iterations=300, snapshot_at=(0, 3, 10), snapshot_every=50, keep=("last:2", "best", "milestones"))
    assert cost_model.kept_snapshots(keeping) == 6  # 0, 3, 10, 250, 300 and the best
    state = 6 * 2 * 8 * 2
    numbers = SMALL.parameters(11) + cost_model.moments(SMALL, config, 11) + state
    assert 0 <= cost_model.resume_bytes(SMALL, config, 11) - 4 * numbers < 10_000
    assert 0 <= cost_model.snapshot_bytes(SMALL, 11, 70) - 4 * SMALL.parameters(11) - 70 < 10_000
    assert DiskUse(snapshots=1, resume=10, log=100, cache=1000).total == 1121


@pytest.mark.parametrize("iterations", [0, 9, 10, 99_990, 100_000, 100_050, 100_100])
def test_lines_of_the_log_are_counted(iterations: int) -> None:
    assert cost_model.logged_lines(iterations) == sum(at % log_interval(at) == 0 for at in range(1, iterations + 1))


@given(
    width=st.sampled_from([64, 256, 1024, 2048]), nodes=st.sampled_from([1, 2, 4, 8, 16]),
    per_node=st.sampled_from([1, 2, 4, 8]), name=st.sampled_from(sorted(CARDS)), streams=st.sampled_from([256, 4096]),
)  # fmt: skip
def test_more_devices_never_compute_for_longer_nor_take_more_memory_for_their_rows(
    width: int, nodes: int, per_node: int, name: str, streams: int
) -> None:
    model, card = ModelConfig(rnn_size=width, dropout=0.0), CARDS[name]
    config = training(batch_size=streams, seq_length=64)
    few, more = Devices(nodes=nodes, per_node=per_node), Devices(nodes=2 * nodes, per_node=per_node)

    def seconds(devices: Devices) -> float:
        return cost_model.backward_seconds(model, config, 90, devices.rows(streams), card, card.half)

    def window(devices: Devices) -> int:
        return cost_model.window_bytes(model, config, 90, devices.rows(streams))

    assert seconds(more) <= seconds(few) <= 2.000001 * seconds(more)
    assert window(more) <= window(few)
    traffic = [
        cost_model.all_reduce_seconds(10**6, Devices(nodes=nodes, per_node=per_node, card=card), rate)
        for rate in (1e9, 25e9)
    ]
    assert traffic[1] <= traffic[0]


@given(width=st.integers(1, 600), layers=st.integers(1, 4), streams=st.integers(1, 200), length=st.integers(1, 200))
def test_memory_grows_with_everything(width: int, layers: int, streams: int, length: int) -> None:
    def taken(width: int, layers: int, streams: int, length: int) -> int:
        model = ModelConfig(rnn_size=width, num_layers=layers, dropout=0.0)
        config = training(seq_length=length)
        weights = cost_model.weight_bytes(model, config, 90)
        return weights + cost_model.window_bytes(model, config, 90, streams)

    sizes = (width, layers, streams, length)
    for place in range(4):
        assert taken(*(size + (index == place) for index, size in enumerate(sizes))) > taken(*sizes)


def test_what_is_attained_is_measured_or_a_share_of_the_data_sheets() -> None:
    card = CARDS["a100"]
    assert cost_model.attained_flops(card, half=True) == 156e12
    assert cost_model.attained_flops(card, half=False) == 9.75e12
    assert cost_model.attained_flops(card, half=True, flops=2e14) == 2e14
    assert math.isclose(CARDS["h200"].bandwidth / CARDS["h100"].bandwidth, 4.8 / 3.35)


def test_a_long_text_is_read_as_fast_as_a_long_one_was() -> None:
    assert cost_model.reading_seconds(2.0, 10**7, 10**9) == pytest.approx(200.0)
    assert cost_model.reading_seconds(2.0, 1000, 10**9 + 1000) == pytest.approx(2.0 + 10**9 / cost_model.READING)
    assert cost_model.reading_seconds(2.0, 10**7, 1000) == 2.0
