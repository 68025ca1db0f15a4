"""What an iteration, an evaluation and a device's memory are on some devices: measured here, or by formulas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from charrnn import memory
from charrnn.config import ClusterConfig, ModelConfig, TrainConfig
from charrnn.formatting import size
from charrnn.text.corpus import Corpus
from charrnn.training import cost_model
from charrnn.training.autotune import machine_here
from charrnn.training.cards import ATTAINED, CARDS, CONTEXT, STEP
from charrnn.training.cost_model import Devices, IterationCost
from charrnn.training.plan_trial import MachineFacts
from charrnn.training.presets import Machine, Speed
from charrnn.training.trainer import Trainer
from charrnn.training.watching import Cost


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Devices, and whether they are those that are here."""

    devices: Devices
    measured: bool  # whether a trial tells how fast they compute
    shared: bool  # whether the processes of a node share what the trial had
    cluster: ClusterConfig

    @classmethod
    def of(cls, cluster: ClusterConfig, *, on_cpu: bool) -> Estimate:
        """That of a cluster, seen from a machine which computes on its CPU or on a GPU."""
        card = CARDS[cluster.gpu] if cluster.gpus or not on_cpu else None
        devices = Devices(nodes=cluster.nodes, per_node=cluster.per_node, card=card)
        return cls(devices=devices, measured=card is None or not on_cpu, shared=card is None, cluster=cluster)

    def trial(self, trainer: Trainer) -> Trainer:
        """A training of the streams that are computed by what is here: those of a node's CPU, or of one GPU."""
        parts = self.devices.nodes if self.shared else self.devices.count
        if parts == 1 or not self.measured:
            return trainer
        config = replace(trainer.config, batch_size=self.devices.rows(trainer.config.batch_size) * self.sharing)
        return Trainer(trainer.corpus, trainer.model.config, config, device=trainer.device.type)

    @property
    def sharing(self) -> int:
        """Processes that share what the trial had for itself."""
        return self.devices.per_node if self.shared else 1

    def machine(self, corpus: Corpus, device: str) -> Machine:
        """What a preset is chosen for: the machine here, or a GPU by formulas."""
        if self.measured:
            return machine_here(corpus, device, processes=self.devices.count)
        characters = len(corpus.vocabulary)

        def speed(model: ModelConfig, training: TrainConfig) -> Speed:
            seconds = self._by_formula(model, training, characters).seconds
            return Speed(training.batch_size * training.effective_shift / seconds, Cost(evaluation=0.0, snapshot=0.0))

        return Machine(True, speed, self.devices.count)

    def iteration(self, trainer: Trainer, machine: MachineFacts) -> IterationCost:
        """What an iteration is made of.

        Processes that share a node's CPU divide its streams as the trial's threads did; but each makes the whole
        update, with its part of the threads (`MachineFacts.seconds_per_own_update`); of Muon's, which costs by far the
        most, each makes a share.
        """
        model, training, characters = trainer.model.config, trainer.config, len(trainer.vocabulary)
        if not self.measured:
            return self._by_formula(model, training, characters)
        return IterationCost(
            backward=max(0.0, machine.seconds_per_iteration - machine.seconds_per_update),
            update=machine.seconds_per_own_update / (self.devices.count if training.optimizer == "muon" else 1),
            all_reduce=self._exchange(model, training, characters),
        )

    def _exchange(self, model: ModelConfig, training: TrainConfig, characters: int) -> float:
        return cost_model.exchange_seconds(model, training, characters, self.devices, self.cluster.network)

    def _by_formula(self, model: ModelConfig, training: TrainConfig, characters: int) -> IterationCost:
        assert self.devices.card is not None
        card, rows = self.devices.card, self.devices.rows(training.batch_size)
        flops, parameters = self._flops(training), model.parameters(characters)
        return IterationCost(
            backward=cost_model.backward_seconds(model, training, characters, rows, card, flops),
            update=cost_model.update_seconds(parameters, card),
            all_reduce=self._exchange(model, training, characters),
        )

    def _flops(self, training: TrainConfig) -> float:
        """Operations a second of a large product on a GPU that is not here."""
        assert self.devices.card is not None
        half = training.precision != "float32"
        return cost_model.attained_flops(self.devices.card, half=half, flops=self.cluster.device_flops)

    def waiting(self, trainer: Trainer) -> float:
        """The share of a backward pass in which a GPU that is not here waits; 0 where it is not known."""
        if self.measured or self.devices.card is None:
            return 0.0
        model, training, characters = trainer.model.config, trainer.config, len(trainer.vocabulary)
        rows, flops = self.devices.rows(training.batch_size), self._flops(training)
        return cost_model.waiting_share(model, training, characters, rows, self.devices.card, flops)

    def watching(self, trainer: Trainer, machine: MachineFacts) -> Cost:
        """Seconds of an evaluation, which is divided over the devices, and of a snapshot, which the first one makes."""
        evaluation = machine.seconds_per_evaluation - machine.seconds_per_mixing
        if self.measured:
            evaluation /= min(cost_model.EVALUATED, self.devices.nodes if self.shared else self.devices.count)
        elif self.devices.card is not None:
            flops, count = self._flops(trainer.config), self.devices.count
            evaluation = cost_model.evaluation_seconds(
                trainer.model.config, len(trainer.vocabulary), trainer.held_out, count, self.devices.card, flops
            )
        return Cost(evaluation=evaluation + machine.seconds_per_mixing, snapshot=machine.seconds_per_snapshot)

    def memory(self, trainer: Trainer, machine: MachineFacts) -> int | None:
        """Bytes that a process takes at most: of a GPU's own memory, if it computes on one; None: it cannot be told.

        Of what the trial took beside weights and what there is one of for each, which every process has whole, one of
        several has its part.
        """
        model, training, characters = trainer.model.config, trainer.config, len(trainer.vocabulary)
        weights = cost_model.weight_bytes(model, training, characters)
        if not self.measured:
            rows = self.devices.rows(training.batch_size)
            return weights + cost_model.window_bytes(model, training, characters, rows) + CONTEXT
        if self.devices.card is not None:
            return machine.device_memory
        if machine.memory is None or machine.memory_trained is None or machine.memory_before is None:
            return None
        window = max(0, machine.memory_trained - machine.memory_before - weights)
        return machine.memory - window * (self.sharing - 1) // self.sharing

    def memory_there(self, machine: MachineFacts) -> int | None:
        """Bytes of memory that each device has; None where nothing tells."""
        if not self.measured and self.devices.card is not None:
            return self.devices.card.memory
        free = memory.available()
        if self.devices.card is not None or free is None or machine.memory is None:
            return None
        return (free + machine.memory) // self.sharing

    def assumptions(self, trainer: Trainer) -> Iterator[str]:
        """What was not measured, in sentences."""
        card, devices = self.devices.card, self.devices
        if card is not None and not self.measured:
            flops = self._flops(trainer.config)
            how = "as given" if self.cluster.device_flops else f"{ATTAINED:.0%} of its data sheet's"
            yield (
                f"{card.name}: large products at {flops / 1e12:,.0f} TFLOP/s ({how}), memory at "
                f"{card.bandwidth / 1e9:,.0f} GB/s (data sheet), {STEP * 1e6:g} us for a step of a layer at least, "
                f"{size(CONTEXT)} of memory for CUDA; what the host does meanwhile is not counted. {card.source}"
            )
        if devices.count > 1:
            yield (
                f"gradients at {devices.bandwidth(self.cluster.network) / 1e9:g} GB/s a device, and "
                f"{devices.latency * 1e6:g} us a message, nothing of it hidden behind the backward pass"
            )
        if devices.nodes > 1 and self.measured:
            yield "every node computes as this machine does"
