"""Pictures of what an agent does. They need the extra `plots`: pip install 'intent-adapters[plots]'."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.evaluation.plots.canvas import Picture
from intent_adapters.evaluation.plots.confidence import plot_confidence
from intent_adapters.evaluation.plots.confusion import most_confused, plot_confusion
from intent_adapters.evaluation.plots.entities import plot_entities
from intent_adapters.evaluation.plots.fonts import MissingFontWarning
from intent_adapters.evaluation.plots.learning_curve import plot_learning_curve
from intent_adapters.evaluation.plots.reliability import plot_reliability
from intent_adapters.evaluation.plots.report import save_plots
from intent_adapters.evaluation.plots.selective import plot_risk_coverage
from intent_adapters.evaluation.plots.similarity import intent_similarity, most_similar, plot_similarity
from intent_adapters.evaluation.plots.utterance_map import plot_map

__all__ = [
    "MissingFontWarning",
    "Picture",
    "intent_similarity",
    "most_confused",
    "most_similar",
    "plot_confidence",
    "plot_confusion",
    "plot_entities",
    "plot_learning_curve",
    "plot_map",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_similarity",
    "save_plots",
]
