"""Peers that cannot be installed beside us: each runs in its own environment and talks JSON lines.

Nothing in here may import anything but the standard library and the peer's own packages, and imports among its files
are relative: the folder is copied out and run as a package of its own.
"""
