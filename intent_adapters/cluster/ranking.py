"""Which replica an agent is asked of: rendezvous hashing, so that each holds its own agents in memory.

Every replica can answer for every agent. That clients agree on the order makes the memory of all replicas one: an
agent is loaded by the first of its order. Where a replica goes, only its own agents go elsewhere, evenly to all others
(Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=4096)
def ranked(agent: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Replicas in the order in which an agent is asked of them.

    The weight of a replica is BLAKE2b, 8 bytes long, of the address, a line feed and the agent's name (NFC), all in
    UTF-8; the highest comes first. Clients in other languages that do the same use the same memory.

    Args:
        agent: Its name.
        addresses: Of all replicas, in any order.
    """
    name = unicodedata.normalize("NFC", agent).encode("utf-8", "surrogatepass")

    def weight(address: str) -> bytes:
        return blake2b(b"%s\n%s" % (address.encode(), name), digest_size=8).digest()

    return tuple(sorted(addresses, key=weight, reverse=True))
