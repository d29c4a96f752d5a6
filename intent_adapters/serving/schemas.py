"""The bodies of the native paths: what comes in is checked against these, and the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator


def _whole(value: object) -> object:
    """JSON has one kind of numbers: 3.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# An empty one passes here, and gets an error of its own.
Text = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"\S"})]
TopK = Annotated[
    int, Field(ge=1, le=1000, description="How many intents an answer lists, at most."), BeforeValidator(_whole)
]
Threshold = Annotated[
    float | None,
    Field(
        ge=0,
        le=1,
        description="The scope score below which a text is out of scope. Left out: each agent's own.",
    ),
]


def _said(description: str, **schema: object) -> WithJsonSchema:
    """What the document says of a field that may be left out, and has no value then."""
    return WithJsonSchema({"description": description, **schema})


class StrictBody(BaseModel):
    """A body with the fields that it names, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PredictBody(StrictBody):
    """Texts for the agent that the path names: either `text` or `texts`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["texts"]}]})

    text: Annotated[str | None, _said("One text; its answer comes alone.", type="string", pattern=r"\S")] = None
    texts: Annotated[
        list[str] | None,
        Field(min_length=1),
        _said("Several texts; their answers come as a list.", type="array", items={"type": "string"}, minItems=1),
    ] = None
    top_k: TopK = 3
    threshold: Threshold = None

    @property
    def all_texts(self) -> list[str]:
        """The texts, also where there is one."""
        return (self.texts or []) if self.text is None else [self.text]

    @model_validator(mode="after")
    def _one_of_them(self) -> PredictBody:
        given = [getattr(self, name) for name in ("text", "texts") if name in self.model_fields_set]
        if len(given) != 1 or given[0] is None:
            raise ValueError("give either text or texts")
        return self


class AgentRow(StrictBody):
    """A text and the agent that is to answer it."""

    text: str
    agent: str


class PredictRowsBody(StrictBody):
    """Texts of any mix of agents."""

    rows: list[AgentRow] = Field(min_length=1)
    top_k: TopK = 3
    threshold: Threshold = None


class LabelScore(BaseModel):
    """An intent and its probability."""

    label: str
    score: float


class EntityAnswer(BaseModel):
    """What was found in a text beside its intent."""

    start: int = Field(description="The offset of its first character in the text.")
    end: int = Field(description="The offset behind its last character.")
    text: str = Field(description="What stands between them.")
    entity: str = Field(description="Which entity it is.")
    value: str = Field(description="What it stands for.")
    role: str | None = Field(description="What it is in this text.")
    score: float = Field(description="Between 0 and 1; 1 where a rule found it.")
    source: str = Field(description="What found it: values, pattern, tagger, or a kind such as date.")


class PredictionAnswer(BaseModel):
    """The answer of an agent to a text."""

    agent: str
    label: str = Field(description="The most probable intent, also where the text is out of scope.")
    score: float = Field(description="Its probability.")
    top_k: list[LabelScore] = Field(description="The most probable intents, most probable first.")
    in_scope: bool = Field(description="Whether the scope score reaches the threshold.")
    scope_score: float = Field(description="How much the text is at home with the agent, between 0 and 1.")
    threshold: float | None = Field(description="What the scope score was compared with.")
    version: str = Field(description="Which version of the agent answered.")
    entities: list[EntityAnswer] | None = Field(
        None, description="In the order of the text; left out for an agent that looks for none."
    )


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs: it does not change.")
    message: str = Field(description="For people: it may change.")
    request_id: str | None = Field(None, description="By which the server's log knows the request.")


class ErrorAnswer(BaseModel):
    """A request, or a row, that was not answered."""

    error: Problem


class PredictionsAnswer(BaseModel):
    """One answer or error a text, in their order."""

    predictions: list[PredictionAnswer | ErrorAnswer]


class AgentName(BaseModel):
    """An agent."""

    name: str


class AgentsAnswer(BaseModel):
    """The agents that the token may ask."""

    agents: list[AgentName]
    generation: str | None = Field(
        None,
        description="Servers that say the same have the same agents, in the same versions. Left out for a token of "
        "some agents.",
    )


class AgentAnswer(BaseModel):
    """What is known of an agent."""

    name: str
    intents: list[str]
    threshold: float | None = Field(description="The scope score below which it rejects a text.")
    version: str
