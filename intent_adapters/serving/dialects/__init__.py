"""What other servers speak: paths by which their clients can ask our agents."""

from __future__ import annotations

from intent_adapters.serving.dialects.hugging_face import HUGGING_FACE
from intent_adapters.serving.dialects.kserve import KSERVE
from intent_adapters.serving.dialects.openai import OPENAI
from intent_adapters.serving.dialects.rasa import RASA

DIALECTS = (RASA, HUGGING_FACE, KSERVE, OPENAI)

__all__ = ["DIALECTS"]
