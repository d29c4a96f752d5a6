"""A server on many machines: manifests, a plan on paper with its simulation, and what the parts of it cost."""
