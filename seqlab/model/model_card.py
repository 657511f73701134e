"""The model card: a description of a bundle for people."""

from collections.abc import Mapping
from typing import Any

from seqlab import __version__
from seqlab.data.multitask.data_sets import set_configs
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.labeler import Labeler

_USE = """```python
import seqlab
tagger = seqlab.load("path/to/this/folder")
tagger.predict(["raw text", ["or", "tokens"]])
```"""


def model_card(labeler: Labeler, *, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Return the card as Markdown: the model's heads, scores, training data and usage."""
    n_parameters = sum(p.numel() for p in labeler.parameters())
    heads = [f"- `{n}`: {type(head).__name__} on column `{head.target.column}`" for n, head in labeler.heads.items()]
    flat = {split: flat_scores(scores) for split, scores in metrics.items()}
    rows = [f"| {split} | {name} | {value:.4f} |" for split, found in flat.items() for name, value in found.items()]
    sections = {
        f"# {config['task_name']}: a sequence labeller\n": [
            f"Made with seqlab {__version__}; {n_parameters:,} parameters; seed {config['seed']}."
        ],
        "## Predictions": heads,
        "## Scores": ["| split | metric | value |", "|---|---|---|", *rows],
        "## Training data": [_origin(name, node) for name, node in set_configs(config["data"]).items()],
        "## Pretrained parts": [f"- {origin}" for origin in labeler.embedding.origins],
        "## Use": [_USE],
    }
    return "\n".join("\n".join([heading, *lines, ""]) for heading, lines in sections.items() if lines)


def _origin(name: str, data: Mapping[str, Any]) -> str:
    described = f"Reader `{data['reader']['_target_']}`, folder `{data['dir']}`, splits `{data['splits']}`."
    return f"- `{name}`, for {', '.join(f'`{head}`' for head in data['heads'])}: {described}" if name else described
