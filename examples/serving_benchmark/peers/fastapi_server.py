"""What one would write with FastAPI: a function a request, no batches. Arguments: base, folder of agents, port."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from intent_adapters import IntentModel

base, agents, port = sys.argv[1:]
model = IntentModel.from_pretrained(base, backend="onnx", adapter_dir=Path(agents), threads=1)
app = FastAPI()


class Body(BaseModel):
    text: str


@app.post("/v1/agents/{agent}/predict")
def predict(agent: str, body: Body) -> dict[str, object]:
    return model.predict(body.text, agent).to_dict()


uvicorn.run(app, port=int(port), access_log=False, log_level="warning")
