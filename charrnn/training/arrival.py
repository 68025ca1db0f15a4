"""How the ranks of a training meet: in torchrun's store, or one that rank 0 serves. Nobody is waited for in vain."""

from __future__ import annotations

import json
import socket
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed
from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from charrnn._version import __version__
from charrnn.errors import RankError
from charrnn.formatting import duration, few
from charrnn.training.rank_place import Place
from charrnn.training.rank_watch import START, Watch
from charrnn.training.ranks import Ranks

_POLL = 0.05  # seconds between two looks at who has arrived
_GRACE = 2.0  # seconds in which the first rank says who has not come, before others do
_LONGEST = timedelta(days=7)  # of a collective: while all ranks count (`rank_watch`), the slowest is waited for


def arrive(place: Place, patience: float) -> Ranks:
    """Meet the other ranks.

    Args:
        place: Of this process.
        patience: Seconds that ranks wait for each other, and after which one that has stopped is given up.

    Returns:
        The ranks; of a process that is the only one, they are it alone.

    Raises:
        RankError: Some rank has not come or connected in that time; or the store cannot be served, or reached; or the
            ranks have several versions of charrnn or torch.
    """
    if place.alone:
        return Ranks(place)
    store = _store(place, patience, serves=place.first and not place.served)
    try:
        meeting = _meet(store, place, patience)
    except RuntimeError as error:
        raise _unreachable(place, error) from None
    _require_one_version(meeting)
    watched = PrefixStore(meeting.name, _store(place, patience, serves=False))
    watched.set(f"beat/{place.rank}", START)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and distributed.is_nccl_available() else "gloo"
    try:
        distributed.init_process_group(
            backend,
            store=PrefixStore(f"{meeting.name}/group", store),
            rank=place.rank,
            world_size=place.size,
            timeout=timedelta(seconds=patience),
        )
        distributed.barrier()  # a rank that is connected and fails at once leaves nobody connecting
        distributed.distributed_c10d._set_pg_timeout(_LONGEST)
    except RuntimeError as error:
        raise RankError(
            f"the ranks: cannot connect to each other ({_first_line(error)}).",
            "Look whether one has ended. Hosts must reach each other by name: GLOO_SOCKET_IFNAME and "
            "NCCL_SOCKET_IFNAME choose the network.",
        ) from None
    return Ranks(place, Watch(watched, place, meeting.hosts, patience))


def _store(place: Place, patience: float, *, serves: bool) -> TCPStore:
    """A connection to the store that the ranks meet in. Raises RankError."""
    try:
        return TCPStore(
            place.address,
            place.port,
            place.size,
            is_master=serves,
            timeout=timedelta(seconds=patience),
            wait_for_workers=False,
        )
    except (RuntimeError, ValueError) as error:
        where = f"{place.address}:{place.port}"
        if serves and "EADDRINUSE" in str(error):
            raise RankError(f"{where}: the port is in use.", "Give another --master-port, or 0.") from None
        if serves:
            raise RankError(f"{where}: cannot be served ({_first_line(error)}).", "Look at MASTER_ADDR.") from None
        raise _unreachable(place, error) from None


def _unreachable(place: Place, error: Exception) -> RankError:
    server = "torchrun's store" if place.served else "rank 0, which has not arrived or is gone,"
    return RankError(
        f"{place.address}:{place.port}: {server} cannot be reached ({_first_line(error)}).",
        "Look whether rank 0 was started, and whether MASTER_ADDR and MASTER_PORT lead to it.",
    )


@dataclass(frozen=True, slots=True)
class _Meeting:
    """All ranks of one start: torchrun's store may still have what those of an earlier one have left there."""

    name: str  # no other start has it
    hosts: list[str]
    versions: list[str]


def _meet(store: Store, place: Place, patience: float) -> _Meeting:
    """Wait until all ranks are there.

    Each says that it is here, under a number that it has drawn. The first rank calls the roll of these numbers, anew
    when one changes; each answers the roll that has its own; and when all have answered one roll, that is the meeting.

    Raises:
        RankError: Some rank has not answered in time; it is named.
    """
    own = uuid.uuid4().hex
    here = [own, socket.gethostname(), f"charrnn {__version__}, torch {torch.__version__}"]
    store.set(f"here/{place.rank}", json.dumps(here))
    deadline = time.monotonic() + patience
    while True:
        if place.first:
            store.set("roll", json.dumps([_value(store, f"here/{rank}") for rank in range(place.size)]))
        roll = _value(store, "roll")
        called = json.loads(roll) if roll else []
        if len(called) != place.size or called[place.rank] != json.dumps(here):
            called = []  # of an earlier start, or there is none
        else:
            store.set(f"answer/{place.rank}", roll)
            if place.first and not _absent(store, place, roll):
                store.set("met", roll)
            if _value(store, "met") == roll:
                numbers, hosts, versions = zip(*map(json.loads, called), strict=True)
                return _Meeting(numbers[0], list(hosts), list(versions))
        if given_up := _value(store, f"given up/{own}"):
            raise RankError(given_up)
        if time.monotonic() > deadline + (0 if place.first else _GRACE):
            absent = _absent(store, place, roll) if called else [0]  # which would have called this one
            error = _not_arrived(absent, called, place, patience)
            _tell_who_waits(store, called, error)
            raise error
        time.sleep(_POLL)


def _tell_who_waits(store: Store, called: list[str], error: RankError) -> None:
    """Let the ranks that are here know why the first gives up, and give them the time to hear of it."""
    for here in filter(None, called):
        store.set(f"given up/{json.loads(here)[0]}", str(error))
    time.sleep(4 * _POLL)


def _absent(store: Store, place: Place, roll: str) -> list[int]:
    """The ranks that have not answered a roll."""
    return [rank for rank in range(place.size) if _value(store, f"answer/{rank}") != roll]


def _value(store: Store, key: str) -> str:
    """What the store has under a key; "" for nothing."""
    if not store.check([key]):
        return ""
    value: bytes = store.get(key)
    return value.decode()


def _not_arrived(absent: list[int], called: list[str], place: Place, patience: float) -> RankError:
    names = few([str(rank) for rank in absent], 16)
    hosts = sorted({json.loads(here)[1] for rank, here in enumerate(called) if here and rank not in absent})
    hosts = hosts or [socket.gethostname()]
    return RankError(
        f"rank {names} of {place.size}: has not arrived in {duration(patience)}; the others are on {few(hosts)}.",
        "Look whether it was started, or give it longer: --rank-timeout.",
    )


def _require_one_version(meeting: _Meeting) -> None:
    """Raises RankError where some rank has other versions than rank 0."""
    hosts, versions = meeting.hosts, meeting.versions
    odd = [rank for rank, version in enumerate(versions) if version != versions[0]]
    if odd:
        names = few([f"rank {rank} ({hosts[rank]})" for rank in odd])
        raise RankError(
            f"{names}: has {versions[odd[0]]}, and rank 0 ({hosts[0]}) {versions[0]}.", "Install the same everywhere."
        )


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0].strip().rstrip(".")
