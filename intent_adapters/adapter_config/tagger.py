"""How an adapter marks entities that it has learned: a block of its own in adapter_config.json."""

from __future__ import annotations

from dataclasses import dataclass, field

from intent_adapters.adapter_config.validation import check_labels, check_text
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_range

# Tagged are words by themselves and the words beside them.
NEIGHBOURS = 3
# Of the hidden units' x * sigmoid(1.702 x), which is nearly GELU (Hendrycks and Gimpel, 2016).
STEEPNESS = 1.702


def tagger_layer(layers: int) -> int:
    """The layer behind which taggers read the states of an encoder with so many layers: two thirds of the way."""
    return max(1, round(2 * layers / 3))


@dataclass(frozen=True)
class TaggerConfig:
    """A token head: a hidden layer on the states of a word and of its neighbours, and weights of features.

    Args:
        entities: The names of the entities, in the order of the tags: O, then B and I of each.
        layer: Behind which of the encoder's layers the states are, from 1. Those of the last layer are made to be
            averaged, and say less about single words than those at two thirds of the way.
        width: Of the states.
        hidden: Units of the hidden layer.
        features: Rows of the table to which features of spelling are hashed.
        trusted: Entities of which everything that a definition finds counts, since that was right where they were
            marked.
        starts: Signs that an entity may begin with, such as "(".
        ends: Signs that one may end with, such as ".".

    Raises:
        ConfigError: A value is of another type, or out of its range.
    """

    entities: list[str]
    layer: int
    width: int
    hidden: int = 128
    features: int = 4096
    trusted: list[str] = field(default_factory=list)
    starts: str = ""
    ends: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", check_labels("tagger.entities", self.entities))
        for name in ("layer", "width", "hidden", "features"):
            check_range(f"tagger.{name}", getattr(self, name), 1, 2**20)
        for name in ("starts", "ends"):
            if check_text(f"tagger.{name}", getattr(self, name)) is None:
                raise ConfigError(f"tagger.{name} must be a string")
        if not isinstance(self.trusted, list) or not set(self.trusted) <= {*self.entities}:
            raise ConfigError(f"tagger.trusted must be a list of its entities, got {self.trusted!r}")

    @property
    def tags(self) -> int:
        """How many there are."""
        return 1 + 2 * len(self.entities)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of its tensors, by its name in the token head."""
        return {
            "outside": (self.width,),
            "hidden_weight": (self.hidden, NEIGHBOURS * self.width),
            "hidden_bias": (self.hidden,),
            "output_weight": (self.tags, self.hidden),
            "output_bias": (self.tags,),
            "feature_weights": (self.features, self.tags),
            "transitions": (self.tags, self.tags),
        }
