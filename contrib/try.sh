#!/bin/sh
# Run both adapters for real with installed harnesses, on the embedded judge and existing pictures.
#   UNICBENCH_DATA=list.jsonl contrib/try.sh OUTPUTS MODEL
# EVALSCOPE_PYTHON and LMMS_PYTHON name the interpreters that have the harness and this project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
images=$1 model=$2 work=$(mktemp -d)
export UNICBENCH_JUDGE="${UNICBENCH_JUDGE:-embedded}" HF_HUB_OFFLINE=1
export PYTHONPATH="$here/..:$here/evalscope${PYTHONPATH:+:$PYTHONPATH}"

"${EVALSCOPE_PYTHON:-python}" - "$images" "$model" "$work/evalscope" <<'PYTHON'
import sys

import unicbench_evalscope  # noqa: F401
from evalscope import TaskConfig, run_task

images, model, work = sys.argv[1:]
extra = {"images": images, "images_model": model}
run_task(
    TaskConfig(
        model=model,
        eval_type="mock_llm",
        datasets=["unicbench"],
        work_dir=work,
        eval_batch_size=1,
        dataset_args={"unicbench": {"extra_params": extra}},
    )
)
PYTHON

"${LMMS_PYTHON:-python}" "$here/lmms_eval/prepare.py" "$work/task"
UNICBENCH_IMAGES=$images UNICBENCH_IMAGES_MODEL=$model "${LMMS_PYTHON:-python}" -m lmms_eval \
    --model dummy --include_path "$work/task" --tasks unicbench --batch_size 1 \
    --output_path "$work/lmms"
echo "results: $work"
