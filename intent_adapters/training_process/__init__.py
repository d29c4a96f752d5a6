"""Training an agent where it was not asked for: in a process of its own, or on another machine."""
