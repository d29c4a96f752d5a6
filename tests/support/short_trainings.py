"""Short trainings, for tests that are not about what is learned."""

from __future__ import annotations

import pytest


def shorten(patch: pytest.MonkeyPatch) -> None:
    """A tenth of the steps, where they are left to the data, and a fifth of the texts that are made or added."""
    from intent_adapters.training.agent import calibration, held_out, recipe, task  # need PyTorch

    patch.setattr(recipe, "STEPS", recipe.STEPS // 10)
    patch.setattr(recipe, "STEPS_FROM_FEW", recipe.STEPS_FROM_FEW // 10)
    patch.setattr(recipe, "EPOCHS", (1, recipe.EPOCHS[1] // 10))
    few = task.background_texts()[::5]
    patch.setattr(task, "background_texts", lambda: few)
    for module in (held_out, calibration):
        patch.setattr(module, "MIXTURES", module.MIXTURES // 5)


@pytest.fixture
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
