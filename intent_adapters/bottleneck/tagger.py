"""The token head: which entity each word of an utterance belongs to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.adapter_config.tagger import NEIGHBOURS, STEEPNESS, TaggerConfig


class Tagger(nn.Module):
    """Scores of the tags of words: from a hidden layer on each and its neighbours, and from the weights of features.

    Args:
        config: Sizes and entities.

    Its parameters are its own, and not those of modules inside: PEFT finds an adapter's parameters by such names.

    Attributes:
        outside: What stands for the state of a word before the first and behind the last, shape (width,).
        hidden_weight: From the states of a word and its neighbours to the hidden layer.
        hidden_bias: Of the hidden layer.
        output_weight: From the hidden layer to the tags.
        output_bias: Of the tags.
        feature_weights: One row a feature, with what it adds to each tag's score.
        transitions: What a tag adds behind another, shape (tags, tags).
    """

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        hidden, output = nn.Linear(NEIGHBOURS * config.width, config.hidden), nn.Linear(config.hidden, config.tags)
        self.outside = nn.Parameter(torch.zeros(config.width))
        self.hidden_weight, self.hidden_bias = hidden.weight, hidden.bias
        self.output_weight, self.output_bias = output.weight, output.bias
        self.feature_weights = nn.Parameter(torch.zeros(config.features, config.tags))
        self.transitions = nn.Parameter(torch.zeros(config.tags, config.tags))

    def forward(self, states: Tensor, beside: Tensor, features: Tensor, dropout: float = 0.0) -> Tensor:
        """The scores of the tags.

        Args:
            states: Of all words, and of what is before the first and behind the last ones: (states, width).
            beside: For each word, the rows of the states of the word before it, of itself and of the word behind it:
                (words, 3).
            features: Of each word, (words, features).
            dropout: Which share of states and of hidden units is dropped, in training.

        Returns:
            (words, tags).
        """
        inner = F.linear(F.dropout(states[beside].flatten(1), dropout), self.hidden_weight, self.hidden_bias)
        inner = inner * torch.sigmoid(STEEPNESS * inner)
        scores = F.linear(F.dropout(inner, dropout), self.output_weight, self.output_bias)
        return scores + F.embedding_bag(features, self.feature_weights, mode="sum")
