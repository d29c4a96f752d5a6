"""The paper's exhibits, made again: tables 2, 3 and 4 and figure 2, by `intent-adapters reproduce`.

A track says which models and data stand for the paper's. Its cells, one for each system, column and repetition, are
kept by a hash of what made them; tables and pictures come from the results alone.
"""

from __future__ import annotations

from examples.paper.cells import Bench, Cell
from examples.paper.encoders import Encoders
from examples.paper.results import Results
from examples.paper.running import fill, plan
from examples.paper.systems import SYSTEMS
from examples.paper.track import Track, read_track, shipped_tracks

__all__ = ["SYSTEMS", "Bench", "Cell", "Encoders", "Results", "Track", "fill", "plan", "read_track", "shipped_tracks"]
