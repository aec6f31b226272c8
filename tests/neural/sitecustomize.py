"""Lets a CUDA build of torchvision be imported beside a CPU build of torch; for tests only.

On import torchvision registers fake kernels for operators of its compiled library, which does not
load here. Declaring two of them is enough: no test calls them. An ordinary installation needs none
of this.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_OPERATORS = ("nms", "qnms")
_kept: list[object] = []


class _DeclareOperators(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if torch.version.cuda is None:
                library = torch.library.Library("torchvision", "DEF")
                for name in _OPERATORS:
                    library.define(
                        f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                    )
                _kept.append(library)
        return None


sys.meta_path.insert(0, _DeclareOperators())
