"""UnicBench for EvalScope: its samples and models, this project's judging. Import to register.

EvalScope makes the edited pictures (or is told where they lie), keeps and aggregates the scores;
what a score is comes from ``resources.bench_scorer``. A sample without a score is left out of the
means by EvalScope and counted there; it is never a zero.
"""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

from evalscope.api.benchmark import BenchmarkMeta, ImageEditAdapter
from evalscope.api.dataset import Sample
from evalscope.api.dataset.loader import DictDataLoader
from evalscope.api.evaluator.state import TaskState
from evalscope.api.messages import ChatMessageUser, ContentImage, ContentText
from evalscope.api.metric.scorer import Score
from evalscope.api.registry import register_benchmark
from evalscope.constants import FileConstants, ScoreStatus, ScoringPolicy, Tags
from evalscope.metrics.semantics.catalog import METRIC_DEFINITIONS, MetricEntry

from resources.bench_scorer import Scorer
from unicedit_assets.domain.taxonomy import TASKS

# EvalScope keeps "overall" for itself.
NAMES = {"if": "if", "nc": "nc", "vq": "vq", "ra": "ra", "overall": "overall_score"}

# A judge's points, neither a share nor out of 100.
_KIND = "quality.judge_score.unbounded"
for _name in NAMES.values():
    METRIC_DEFINITIONS.setdefault(_name, MetricEntry(baseline=_KIND, metric_name=_name))


@register_benchmark(
    BenchmarkMeta(
        name="unicbench",
        pretty_name="UnicBench",
        dataset_id="UNICBENCH_DATA",
        description="UnicBench (arXiv 2512.02790): instruction-based image editing, four metrics.",
        tags=[Tags.IMAGE_EDITING],
        subset_list=list(TASKS),
        metric_list=list(NAMES.values()),
        primary_metric="overall_score",
        few_shot_num=0,
        train_split=None,
        eval_split="test",
        extra_params={
            "images": {
                "type": "str",
                "description": "Folder of outputs in upstream's layout, to score instead of "
                "editing: {images}/{images_model}/{subtask}/{language}/{key}.png.",
                "value": "",
            },
            "images_model": {"type": "str", "description": "The model's folder.", "value": ""},
        },
    )
)
class UnicBenchAdapter(ImageEditAdapter):
    """The list and the judge are named by ``UNICBENCH_*`` variables; see the README."""

    scoring_policy = ScoringPolicy.RULE_DEFAULT

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reformat_subset = True
        self._scorer = Scorer.from_environment()

    def load(self) -> tuple[Any, None]:
        """Return the samples, by task."""
        rows = [{"key": sample.key} for sample in self._scorer.samples.samples]
        loader = partial(
            DictDataLoader,
            rows,
            sample_fields=self.record_to_sample,
            filter_func=self.sample_filter,
            repeats=1,
        )
        return self.load_subsets(lambda subset: loader().load()), None

    def record_to_sample(self, record: dict[str, Any]) -> Sample:
        """Return a sample with its picture and instruction."""
        sample = self._scorer.sample(record["key"])
        picture = base64.b64encode(sample.source.read()).decode()
        text = sample.prompts[self._scorer.language]
        content = [ContentText(text=text), ContentImage(image=f"data:image/png;base64,{picture}")]
        metadata = {FileConstants.ID: sample.key, "subtask": sample.subtask, "prompt": text}
        given = self.extra_params.get("images")
        if given:
            model = self.extra_params.get("images_model") or ""
            place = self._scorer.output(Path(given), model, sample.key)
            metadata[FileConstants.IMAGE_PATH] = str(place)
        return Sample(
            input=[ChatMessageUser(content=content)], subset_key=sample.task, metadata=metadata
        )

    def match_score(
        self,
        original_prediction: str,
        filtered_prediction: str,
        reference: str,
        task_state: TaskState,
    ) -> Score:
        """Return the sample's scores; without any, one that drops out of the means."""
        metadata = task_state.metadata or {}
        place = metadata.get(FileConstants.IMAGE_PATH, "")
        found = self._scorer.score(metadata[FileConstants.ID], Path(place))
        values = {NAMES[name]: value for name, value in found.values.items()}
        score = Score(extracted_prediction=place, prediction=place, value=values)
        score.explanation = found.trouble or "; ".join(f"{k}: {v}" for k, v in found.said.items())
        if "overall_score" not in score.value:
            score.status = ScoreStatus.EXCLUDED
        score.main_score_name = "overall_score"
        return score
