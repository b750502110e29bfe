"""The reading room from its first moment to its last: what ``edgefrac serve`` runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from edgefrac.serve.app import create_app
from edgefrac.serve.pacs import PacsSide, PacsWanted
from edgefrac.serve.readers import Readers
from edgefrac.serve.served_model import served_model
from edgefrac.serve.server import is_loopback, listen, log_to_stderr, serve
from edgefrac.serve.service import ReadingRoom, Rules
from edgefrac.serve.settings import LOOPBACK, Settings
from edgefrac.serve.state import State, state_folder
from edgefrac.serve.watch import WatchedFolder
from edgefrac.workers.pool import usable_cores


@dataclass(frozen=True)
class Wanted:
    """The options of ``edgefrac serve``; None is a default that depends on the machine or on another option."""

    model: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    state: Path | None = None
    readers: int | None = None
    token: bool | None = None
    host_names: tuple[str, ...] = ()
    max_megabytes: int = 512
    requests_per_second: float = 100.0
    waiting: int = 1000
    keep_days: float = 7.0
    watch: Path | None = None
    pacs: PacsWanted = field(default_factory=PacsWanted)


def run(wanted: Wanted, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, and finish what was begun; ``say`` is told where, and the token if one is needed.

    Raises ``UsageError`` for a port or a folder that is taken, and what is wrong with the model.
    """
    with ExitStack() as at_the_end:
        pacs = PacsSide(wanted.pacs, wanted.max_megabytes << 20)
        model = served_model(wanted.model)
        listening = listen(wanted.host, wanted.port)
        at_the_end.callback(listening.close)
        state = State(wanted.state or state_folder())
        at_the_end.callback(state.close)
        readers = Readers(model.path, wanted.readers or usable_cores())
        rules = Rules(wanted.waiting, wanted.keep_days * 86400)
        room = ReadingRoom(state, readers, pacs.destinations, rules)
        at_the_end.callback(room.close)
        settings = settings_of(wanted, state)
        app = create_app(room, model, settings)
        watched = WatchedFolder(room, wanted.watch, settings.max_bytes) if wanted.watch else None
        log_to_stderr()
        room.start()
        if watched:
            watched.start()
            at_the_end.callback(watched.close)
        at_the_end.enter_context(pacs.start(room, wanted.host, say))
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        address = f"http://{host}:{listening.getsockname()[1]}/"
        say(f"EdgeFrac's reading room: {address} ({model.path.name}; research software, not a medical device)")
        if model.expired:
            say(f"caution: {wanted.model} was valid until {model.valid_until}: get a newer version from its maker")
        if settings.token:
            say(f"access token: {settings.token}")
        serve(app, listening, settings)


def settings_of(wanted: Wanted, state: State) -> Settings:
    """How a server that is wanted so meets its clients."""
    needs_token = not is_loopback(wanted.host) if wanted.token is None else wanted.token
    return Settings(
        token=state.token() if needs_token else None,
        host_names=LOOPBACK | {name.lower() for name in (wanted.host, *wanted.host_names)},
        max_megabytes=wanted.max_megabytes,
        requests_per_second=wanted.requests_per_second,
    )
