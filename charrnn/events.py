"""What `charrnn.train` yields: Progress after every iteration, Evaluated and Snapshot when one is due.

Losses are nats per character. torch is not imported.
"""

from charrnn.training.events import Evaluated, Event, Progress, Snapshot

__all__ = ["Evaluated", "Event", "Progress", "Snapshot"]
