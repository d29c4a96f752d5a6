"""What the Hub answers, one subject a file; importing them fills the table of routes."""

from __future__ import annotations

from tests.support.loopback_hub.routes import account, commits, files, models, refs, repos, uploads

__all__ = ["account", "commits", "files", "models", "refs", "repos", "uploads"]
