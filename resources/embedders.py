"""Vision models whose embeddings tell whether two pictures show the same; torch comes lazily."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.bench.held_out import Embedder
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.settings import SettingsError

_BATCH = 16


class TransformersEmbedder:
    """A vision model of ``transformers``, such as DINOv2 or SigLIP, from a local folder.

    Args:
        folder: holds configuration, safetensors weights and the image processor.

    Raises:
        SettingsError: the folder holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoImageProcessor, AutoModel

        try:
            self._processor: Any = AutoImageProcessor.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            model: Any = AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(f"{folder} holds no vision model: {error}") from error
        self._model = getattr(model, "vision_model", model).eval()
        self.name = folder.name

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return one vector a picture: the model's pooled output, or the mean of its tokens."""
        import torch

        found = []
        for start in range(0, len(images), _BATCH):
            inputs = self._processor(list(images[start : start + _BATCH]), return_tensors="pt")
            with torch.inference_mode():
                out = self._model(pixel_values=inputs["pixel_values"])
            pooled = getattr(out, "pooler_output", None)
            chosen = out.last_hidden_state.mean(dim=1) if pooled is None else pooled
            found.append(chosen.float().numpy())
        return np.concatenate(found).astype(np.float32)


def embedder_in(folder: Path) -> Embedder:
    """Return the embedding model of a folder.

    Raises:
        SettingsError: the extra ``neural`` is missing, or the folder holds no such model.
    """
    try:
        return TransformersEmbedder(folder)
    except ImportError as error:
        raise SettingsError("--embedder needs the extra `neural`: pip install .[neural]") from error
