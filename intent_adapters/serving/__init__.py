"""A server that answers for every agent of a folder over HTTP."""

from __future__ import annotations
