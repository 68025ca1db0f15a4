"""What `charrnn.train` yields: Progress after every iteration, Evaluated and Snapshot when one is due.

RolledBack stands where a training that diverged goes on from an iteration before. Losses are nats per character. torch
is not imported.
"""

from charrnn.training.events import Evaluated, Event, Progress, RolledBack, Snapshot

__all__ = ["Evaluated", "Event", "Progress", "RolledBack", "Snapshot"]
