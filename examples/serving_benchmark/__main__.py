"""Measures and prints a JSON object for each stage."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from examples.serving_benchmark import run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=run.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="a base in ONNX")
    parser.add_argument("--agents", required=True, type=Path, help="a folder of adapter folders")
    parser.add_argument("--seconds", type=float, default=3, help="how long each stage lasts")
    parser.add_argument("--zipf", action="store_true", help="ask few agents often and most of them seldom")
    parser.add_argument("--max-adapter-bytes", type=int, help="how much memory the adapters may take")
    parser.add_argument("--clients", type=lambda text: [int(part) for part in text.split(",")], default=run.CLIENTS)
    parser.add_argument("--pin", action="store_true", help="keep what answers on one core, what asks on the others")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"also measure one of {', '.join(run.PEERS)}, with the interpreter of its environment",
    )
    parser.add_argument("options", nargs="*", help="of the server, behind --")
    arguments = vars(parser.parse_args())
    peers = dict(peer.split("=", 1) for peer in arguments.pop("peer"))
    for stage, figures in run.measure(**arguments, peers=peers):
        print(json.dumps({stage: figures}), flush=True)


if __name__ == "__main__":
    main()
