"""Models as work carries them: open already, or to be opened in other processes, even on another machine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgefrac.errors import ModelFileError

if TYPE_CHECKING:
    from edgefrac.runtimes.session import Session


class Model(Protocol):
    """What a process gets a session from."""

    def open(self) -> Session:
        """The model, ready to run."""

    def packed(self) -> Model:
        """The same for a machine that has none of this one's files."""


@dataclass(frozen=True)
class OpenModel:
    """A model that is open already, for this process alone."""

    session: Session

    def open(self) -> Session:
        """The session itself."""
        return self.session

    def packed(self) -> Model:
        """Its file, whatever the session was."""
        return PortableModel(self.session.path).packed()


@dataclass(frozen=True)
class PortableModel:
    """A model file by its path; ``content`` is what it consists of, by name, where that travels along."""

    path: Path
    content: Mapping[str, bytes] | None = None

    def packed(self) -> PortableModel:
        """The same with its content; raises ``ModelFileError``."""
        from edgefrac.runtimes.session import ModelKind, model_kind

        files = [self.path]
        if model_kind(self.path) is ModelKind.OPENVINO:
            files.append(self.path.with_suffix(".bin"))
        try:
            return replace(self, content={file.name: file.read_bytes() for file in files})
        except OSError as error:
            raise ModelFileError(f"{self.path}: cannot be read ({error.strerror})") from error

    def open(self) -> Session:
        """As ``open_session``; a copy is named by a path of its own."""
        from edgefrac.runtimes.session import open_session

        if self.content is None:
            return open_session(self.path)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # no runtime reads a file twice
            for name, content in self.content.items():
                (Path(folder) / name).write_bytes(content)
            return open_session(Path(folder) / self.path.name)
