"""Stage 3: an agent, trained on its few labelled utterances."""
