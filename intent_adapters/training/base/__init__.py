"""Stages 1 and 2: a language model becomes a sentence encoder, and a small one is distilled from it."""
