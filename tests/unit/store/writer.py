"""A process that accepts and settles until it is killed; prints an id once the store has said that it is kept."""

from __future__ import annotations

import sys
from pathlib import Path

from stet.store import open_store, transactions
from tests.unit.store.lessons import accepted, record


def main() -> None:
    path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with open_store(path, 100.0) as database:
        for number in range(count):
            offer_id = f"{name}-{number}"
            transactions.accept(database, accepted(offer_id))
            print("accepted", offer_id, flush=True)
            if number % 3 == 0:
                transactions.settle(database, record(offer_id), accepted(offer_id))
                print("settled", offer_id, flush=True)


if __name__ == "__main__":
    main()
