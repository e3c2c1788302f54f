"""
Rival (d): loops of `requests.Session` that make the bridge's HTTP calls and do nothing else: the limit of that side.

    python -m tests.bench.loops http://127.0.0.1:9000 --threads 8 --targets 1
"""

from __future__ import annotations

import argparse
import itertools
import json
import threading

import requests

HEADERS = {"Authorization": "Bearer bench", "Version": "2021-07-28", "Accept": "application/json"}


def loop(url: str, targets: int, prefix: str) -> None:
    """Copy one edit after the other, for ever: read the source; read and write each target."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update(HEADERS)
    for n in itertools.count():
        path = f"opportunities/{prefix}{n % 1000:07}"
        session.get(f"{url}/c0/{path}", timeout=10).json()
        body = json.dumps({"name": f"edit {n}"})
        for target in range(1, targets + 1):
            session.get(f"{url}/c{target}/{path}", timeout=10).json()
            typed = {"Content-Type": "application/json"}
            session.put(f"{url}/c{target}/{path}", data=body, headers=typed, timeout=10).json()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.loops", description=__doc__)
    parser.add_argument("url", help="the sink")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--targets", type=int, default=1)
    asked = parser.parse_args()
    threads = [
        threading.Thread(target=loop, args=(asked.url, asked.targets, f"D{i}"), daemon=True)
        for i in range(asked.threads)
    ]
    for thread in threads:
        thread.start()
    threads[0].join()


if __name__ == "__main__":
    main()
