"""The table of readers: everything of EdgeFrac that opens a file which a stranger may have made."""

from __future__ import annotations

from benchmarks.fuzzing import readers_documents, readers_images, readers_models
from benchmarks.fuzzing.reader import Reader

READERS: dict[str, Reader] = {
    reader.name: reader for reader in (*readers_images.READERS, *readers_documents.READERS, *readers_models.READERS)
}
"""By name, in the order of the report."""
