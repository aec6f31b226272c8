"""What is kept of a benchmark run: a row a question, raw, and a row a sample for its coverage."""

from __future__ import annotations

import pyarrow as pa

# One row for each (sample, language, metric, repeat, judge); everything that made the reply.
RECORDS = pa.schema(
    [
        ("key", pa.string()),
        ("task", pa.string()),
        ("subtask", pa.string()),
        ("language", pa.string()),
        ("model", pa.string()),
        ("variant", pa.string()),  # base, or rewritten: instruction rewritten before editing
        ("judge", pa.string()),  # the judge's name, unique within a run's folder
        ("judge_model", pa.string()),
        ("judge_revision", pa.string()),
        ("metric", pa.string()),  # a name of domain.unicbench.METRICS, never overall
        ("repeat", pa.int32()),
        ("status", pa.string()),  # scored or unscored
        ("score", pa.float64()),  # 0-10; null when unscored
        ("reason", pa.string()),  # what the judge said; why, when unscored
        ("replies", pa.list_(pa.string())),  # raw, in the order in which they came
        ("failures", pa.list_(pa.string())),  # one a reply: empty, or why it is no whole reply
        ("prompt_sha256", pa.string()),
        ("decoding", pa.string()),  # JSON
        ("source_sha256", pa.string()),  # of the pixels as sent
        ("edited_sha256", pa.string()),
        ("frame", pa.string()),  # how the source was brought to the edit's frame
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("seconds", pa.float64()),
        ("request_key", pa.string()),  # hash of all that makes a reply
    ]
)

# One row for each expected (sample, language, model).
COVERAGE = pa.schema(
    [
        ("key", pa.string()),
        ("task", pa.string()),
        ("subtask", pa.string()),
        ("language", pa.string()),
        ("model", pa.string()),
        ("variant", pa.string()),
        ("state", pa.string()),  # present, missing, unreadable, wrong_size
        ("detail", pa.string()),
        ("path", pa.string()),
    ]
)
