"""What to say of a model file that a guarded process did not survive."""

from __future__ import annotations

from pathlib import Path

from edgefrac.errors import ModelFileError


def unopened(model: Path | str, reason: str) -> ModelFileError:
    """The error for a model whose runtime crashed on it, hung, or wanted too much memory; ``reason`` says which."""
    hint = "the file is damaged, or made to do harm: fetch or export it again, and trust it only from where you know"
    return ModelFileError(f"{model}: its runtime fails on it ({reason})", hint=hint)
