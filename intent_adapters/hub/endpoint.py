"""What makes a repository of an agent a Hugging Face Inference Endpoint: handler.py and requirements.txt."""

from __future__ import annotations

from pathlib import Path

HANDLER_NAME, REQUIREMENTS_NAME = "handler.py", "requirements.txt"
REQUIREMENTS = "intent-adapters[torch]\n"
HANDLER = '''"""Answers as a Hugging Face Inference Endpoint for text classification."""

from intent_adapters import IntentModel


class EndpointHandler:
    """Holds the agent of this repository on its base, which it fetches from the Hub (if need be with HF_TOKEN)."""

    def __init__(self, path=""):
        self.model = IntentModel.from_pretrained(adapter={"agent": path or "."})

    def __call__(self, data):
        """Takes {"inputs": text or texts, "parameters": {"top_k": number}}.

        Returns [[{"label", "score"}]]: for each text its intents, most probable first.
        """
        inputs, parameters = data.get("inputs"), dict(data.get("parameters") or {})
        texts = [inputs] if isinstance(inputs, str) else inputs
        top_k = parameters.pop("top_k", None) or len(self.model.labels("agent"))
        if not isinstance(texts, list) or not texts:
            raise ValueError("inputs must be a text or a list of texts")
        if parameters.pop("function_to_apply", None) not in (None, "softmax"):
            raise ValueError("scores are calibrated probabilities: leave function_to_apply out")
        if parameters:
            raise ValueError(f"there are no parameters {sorted(parameters)}: top_k is the only one")
        answers = self.model.predict(texts, "agent", top_k=top_k)
        return [[{"label": label, "score": score} for label, score in answer.top_k] for answer in answers]
'''


def write_handler(folder: Path) -> None:
    """Write what an Inference Endpoint needs beside the adapter in a folder; what was there gives way."""
    (folder / HANDLER_NAME).write_text(HANDLER, encoding="utf-8")
    (folder / REQUIREMENTS_NAME).write_text(REQUIREMENTS, encoding="utf-8")
