"""The frozen encoder with scikit-learn's logistic regression for each agent: the free alternative."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

from examples.benchmark.measured_system import AgentSystem, Disk
from examples.benchmark.systems.building_blocks import open_encoder, rows_of_agents
from examples.benchmark.workers.measuring import agent_folder, copy_agent, folder_bytes

FILE = "regression.joblib"


class FrozenEncoderRegression(AgentSystem):
    """`SentenceTransformer.encode`, then `LogisticRegression.predict_proba`."""

    name = "sklearn"
    title = "frozen encoder + logistic regression (scikit-learn)"
    reference = "bare-torch"
    note = "The coefficients are random; saved with joblib, as scikit-learn advises (a pickle)."

    def write_files(self) -> Disk:
        base = open_encoder(self.plan.base)
        folder = Path(self.plan.work, self.name, "base")
        base.save(str(folder), create_model_card=False)
        random = np.random.default_rng(self.plan.seed)
        regression: Any = LogisticRegression()
        regression.classes_ = np.array([f"intent_{index:03d}" for index in range(self.plan.labels)])
        regression.coef_ = random.standard_normal((self.plan.labels, base.get_embedding_dimension() or 0))
        regression.coef_ = regression.coef_.astype(np.float32)
        regression.intercept_ = np.zeros(self.plan.labels, dtype=np.float32)
        agent = agent_folder(self.plan.work, self.name, 0)
        agent.mkdir(parents=True)
        joblib.dump(regression, agent / FILE)
        copy_agent(self.plan.work, self.name, self.plan.agents)
        return Disk(folder_bytes(folder), folder_bytes(agent))

    def open(self) -> None:
        self.encoder = open_encoder(self.plan.base)
        self.regressions: list[Any] = []

    def load(self, index: int) -> None:
        folder = agent_folder(self.plan.work, self.name, index % self.plan.agents)
        self.regressions.append(joblib.load(folder / FILE))

    def predict(self, texts: list[str], agents: Sequence[int]) -> list[tuple[str, float]]:
        embeddings = self.encoder.encode(texts, batch_size=len(texts), show_progress_bar=False)
        answers: dict[int, tuple[str, float]] = {}
        for agent, rows in rows_of_agents(agents).items():
            regression = self.regressions[agent]
            probabilities = regression.predict_proba(embeddings[rows])
            labels = regression.classes_[probabilities.argmax(-1)]
            answers |= zip(rows, zip(labels.tolist(), probabilities.max(-1).tolist(), strict=True), strict=True)
        return [answers[row] for row in range(len(texts))]
