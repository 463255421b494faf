"""Continues the prompts of a file with any number of workers on any number of machines, by Ray Data.

    pip install atome "ray[data]"
    python ray_batch.py MODEL prompts.jsonl texts.jsonl --workers 4 --cpus 2 -n 64 --seed 7

A line of the input is {"id": 17, "prompt": "Once upon a time"}; of the output, in the order of ids, {"id": 17, "text": ".."}.

What a row becomes depends on its prompt, its id and the seed alone: not on the worker, its machine, the rows beside it, or how often it was
tried. So a worker that dies costs time, and the file is the same, byte for byte. Every worker loads the model once; the workers of a machine map
the same file, whose pages are in memory once. Pack a model first (`atome pack`), so that its weights are mapped as they are.
"""

import argparse
import hashlib
import json
import os

import ray
import ray.data

import atome


def seed_of(seed: int, row: int) -> int:
    """The seed of a row: any two differ."""
    digest = hashlib.blake2b(f"{seed}/{row}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Writer:
    """A worker: a model, asked about one batch of rows after the other."""

    def __init__(self, model: str | None, batch: int, n: int, seed: int):
        # As many threads as Ray set apart for this worker, so that workers leave each other's cores alone.
        cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
        options = {"threads": max(1, int(cpus)), "sessions": batch}
        self.model = atome.Model(model, **options) if model else atome.Model.default(**options)
        self.n, self.seed = n, seed

    def __call__(self, batch: dict) -> dict:
        rows = [int(row) for row in batch["id"]]
        sessions = [self.model.session() for _ in rows]
        samplers = [atome.Sampler(self.model, seed=seed_of(self.seed, row)) for row in rows]
        tokens: list[list[int]] = [[] for _ in rows]
        for session, prompt in zip(sessions, batch["prompt"]):
            session.prefill(str(prompt))
        # A step of all texts that go on reads the weights once.
        running = list(range(len(rows)))
        for step in range(self.n):
            following = {i: samplers[i].sample(sessions[i]) for i in running}
            running = [i for i in running if following[i] not in self.model.ends]
            for i in running:
                tokens[i].append(following[i])
            if not running:
                break
            if step + 1 < self.n:
                self.model.step_batch([sessions[i] for i in running], [following[i] for i in running])
        return {"id": batch["id"], "text": [self.model.detokenize(written) for written in tokens]}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("model", help="a model file that every machine has at this path; - for the one inside the package")
    asked.add_argument("input")
    asked.add_argument("output")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--cpus", type=float, default=1, help="of each worker")
    asked.add_argument("--batch", type=int, default=64, help="rows that are continued at the same time")
    asked.add_argument("-n", type=int, default=64, help="most tokens of a text")
    asked.add_argument("--seed", type=int, default=0)
    args = asked.parse_args()

    model = None if args.model == "-" else os.path.abspath(args.model)
    with open(args.input, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows.sort(key=lambda row: row["id"])
    data = ray.data.from_items(rows, override_num_blocks=max(1, len(rows) // args.batch))
    texts = data.map_batches(
        Writer,
        fn_constructor_args=(model, args.batch, args.n, args.seed),
        batch_size=args.batch,
        concurrency=args.workers,
        num_cpus=args.cpus,
    )
    written = {int(row["id"]): row["text"] for row in texts.iter_rows()}
    assert len(written) == len(rows), "a text for each id, and ids are not twice"
    with open(f"{args.output}.new", "w", encoding="utf-8") as out:
        for row in sorted(written):
            out.write(json.dumps({"id": row, "text": written[row]}, ensure_ascii=False) + "\n")
    os.replace(f"{args.output}.new", args.output)


if __name__ == "__main__":
    main()
