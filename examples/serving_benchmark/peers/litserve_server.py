"""The same model in LitServe, with its batches. Arguments: base, folder of agents, port."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import litserve

from intent_adapters import IntentModel, Prediction

BATCH = 64
SECONDS = 0.005


class Agents(litserve.LitAPI):
    def __init__(self, base: str, agents: Path) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=SECONDS, api_path="/predict")
        self._place = base, agents

    def setup(self, device: str) -> None:
        base, agents = self._place
        self._model = IntentModel.from_pretrained(base, backend="onnx", adapter_dir=agents, threads=1)

    def decode_request(self, request: dict[str, str]) -> tuple[str, str]:
        return request["text"], request["agent"]

    def batch(self, inputs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return inputs

    def predict(self, inputs: list[tuple[str, str]]) -> list[Prediction]:
        return self._model.predict([text for text, _ in inputs], [agent for _, agent in inputs])

    def unbatch(self, output: list[Prediction]) -> list[Prediction]:
        return output

    def encode_response(self, output: Prediction) -> dict[str, Any]:
        return output.to_dict()


if __name__ == "__main__":
    base, agents, port = sys.argv[1:]
    server = litserve.LitServer(Agents(base, Path(agents)), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(port), log_level="warning", generate_client_file=False)
