"""A run in a process that may not write files larger than a limit, as on a full disk."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from lakes import open_scripted, run_all

from unicedit_assets.storage.blobs import StorageFull


def main(home: str, stage: str, limit: str) -> None:
    """Run one stage with a changed setting and print what a person would be told."""
    changes = {"raw_images": {"licence": "CC0"}, "unicedit_10m": {"rows_per_file": 8}}
    project = open_scripted(Path(home), {stage: changes[stage]})
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        run_all(project, [stage])
    except StorageFull as error:
        print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
