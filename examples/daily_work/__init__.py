"""A day with two customers' agents: from their files to an agent that grows."""

from __future__ import annotations
