"""The stored record as it is, with what is computed of its blocks beside it: pooled figures of
cells of several blocks, effects of axes, the answer."""

from __future__ import annotations

import json
from dataclasses import asdict

from harness.report.answer.answer import answer_of
from harness.report.view.cells import RunView
from harness.report.words.look import Look
from harness.results.record.stored import Plain


def as_json(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """`run.json`, `pooled` in each cell (`{"blocks": [...], "latency_s": {...}}` or null),
    `effects`: a `results.record.comparison.AxisEffect` each, and `answer`: its `sentences` (a
    `report.answer.sentences.Sentence` each) and its `table` (an `Alternative` each)."""
    answer = answer_of(view)
    stored: Plain = view.record.model_dump(mode="json")
    for index, cell in enumerate(stored["cells"]):
        pool = view.pooled.get(index)
        cell["pooled"] = pool and {
            "blocks": list(pool.blocks),
            "latency_s": pool.latency_s.model_dump(mode="json"),
        }
    stored["answer"] = {
        "sentences": [asdict(one) for one in answer.sentences],
        "table": [asdict(row) for row in answer.rows],
    }
    stored["effects"] = [effect.model_dump(mode="json") for effect in view.effects]
    return json.dumps(stored, indent=1, allow_nan=False) + "\n"
