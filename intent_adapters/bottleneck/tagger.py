"""The token head: which entity each word of an utterance belongs to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.adapter_config.tagger import NEIGHBOURS, TaggerConfig


class Tagger(nn.Module):
    """Scores of the tags of words: a hidden layer on their states, and the sum of the weights of their features.

    Args:
        config: Sizes and entities.

    Attributes:
        outside: What stands for the state of a word before the first and behind the last, shape (width,).
        hidden: From the states of a word and its neighbours.
        output: From the hidden layer to the tags.
        features: One row a feature, with what it adds to each tag's score.
        transitions: Score of a tag behind another, shape (tags, tags); the last of the conditional random field.
    """

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        self.outside = nn.Parameter(torch.zeros(config.width))
        self.hidden = nn.Linear(NEIGHBOURS * config.width, config.hidden)
        self.output = nn.Linear(config.hidden, config.tags)
        self.features = nn.EmbeddingBag(config.features, config.tags, mode="sum")
        self.transitions = nn.Parameter(torch.zeros(config.tags, config.tags))
        nn.init.zeros_(self.features.weight)

    def forward(self, states: Tensor, features: Tensor, starts: Tensor, dropout: float = 0.0) -> Tensor:
        """The scores of the tags.

        Args:
            states: Of each word, with those of the words before and behind it: (words, 3 * width).
            features: Of all words, one after the other: (features,).
            starts: Where those of each word begin: (words,).
            dropout: Which share of states and of hidden units is dropped, in training.

        Returns:
            (words, tags).
        """
        inner = F.gelu(self.hidden(F.dropout(states, dropout)), approximate="tanh")
        scores: Tensor = self.output(F.dropout(inner, dropout)) + self.features(features, starts)
        return scores
