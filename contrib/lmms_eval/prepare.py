"""Write the task for lmms-eval, pointed at the list that UNICBENCH_DATA names.

python contrib/lmms_eval/prepare.py FOLDER
lmms-eval --include_path FOLDER --tasks unicbench ...
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from resources.bench_scorer import Scorer

TASK = Path(__file__).parent / "unicbench"


def prepare(folder: Path) -> Path:
    """Write the task's files into a folder and return the task's own."""
    folder.mkdir(parents=True, exist_ok=True)
    docs = folder.absolute() / "docs.jsonl"
    keys = (sample.key for sample in Scorer.from_environment().samples.samples)
    docs.write_text("".join(json.dumps({"key": key}) + "\n" for key in keys), "utf-8")
    text = (TASK / "unicbench.yaml").read_text("utf-8").replace("@DOCS@", str(docs))
    task = folder / "unicbench.yaml"
    task.write_text(text, "utf-8")
    shutil.copy(TASK / "utils.py", folder / "utils.py")
    return task


if __name__ == "__main__":
    print(prepare(Path(sys.argv[1])))
