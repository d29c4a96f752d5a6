"""The paper's exhibits, made again: tables 2, 3 and 4 and figure 2.

A track says which models and data stand for the paper's. Its cells, one for each row, column and repetition, are kept
by a hash of what made them; tables and pictures come from the results alone.
"""

from __future__ import annotations
