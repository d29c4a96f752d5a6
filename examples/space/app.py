"""A Space that asks one agent: the intents with their probabilities, and whether the text is in scope.

Put this folder into a Space, and name the agent in its settings: AGENT=ORG/NAME.
"""

from __future__ import annotations

import os

import gradio as gr

from intent_adapters import IntentModel

model = IntentModel.from_pretrained(adapter=os.environ["AGENT"])


def ask(text: str) -> tuple[dict[str, float], str]:
    if not text.strip():
        return {}, ""
    answer = model.predict(text, top_k=6)
    return dict(answer.top_k), "in scope" if answer.in_scope else "out of scope: the agent does not know this"


gr.Interface(
    ask,
    gr.Textbox(label="What a user might say"),
    [gr.Label(label="Intent"), gr.Textbox(label="Scope")],
    title=model.sole_agent(),
    flagging_mode="never",
).launch()
