"""What a worker's death changes of a file that examples/ray_batch.py writes: nothing. Needs the package and `ray[data]`.

    python python/heavy/ray_kill.py [ROWS]

One worker writes a file of 10,000 rows; four write it again, and one of them is killed midway. Prints how long both took, and what memory the
workers have of the model's file: together no more than the file, since all map the same pages.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/ray_batch.py"
ENVIRONMENT = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}


def descendants(root: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return found


def workers(root: int) -> list[int]:
    """The processes with a model."""

    def title(process: int) -> bytes:
        try:
            return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            return b""

    return [process for process in descendants(root) if b"MapWorker" in title(process) or b"MapBatches" in title(process)]


def shared(process: int, file: pathlib.Path) -> tuple[int, int]:
    """KiB of a file that a process has in memory: all, and its share of what several have."""
    rss = pss = 0
    is_of_it = False
    try:
        lines = pathlib.Path(f"/proc/{process}/smaps").read_text().splitlines()
    except OSError:
        return 0, 0
    for line in lines:
        if "-" in line.split(" ")[0] and not line.split(" ")[0].endswith(":"):
            is_of_it = line.endswith(file.name)
        elif is_of_it and line.startswith("Rss:"):
            rss += int(line.split()[1])
        elif is_of_it and line.startswith("Pss:"):
            pss += int(line.split()[1])
    return rss, pss


def write(model: pathlib.Path, folder: pathlib.Path, count: int, kill: bool) -> tuple[bytes, str]:
    """The file that so many workers write, one of which may be killed midway; and what is said of it."""
    out = folder / f"{count}.jsonl"
    out.unlink(missing_ok=True)
    start = time.monotonic()
    command = [sys.executable, EXAMPLE, model, folder / "prompts.jsonl", out]
    command += ["--workers", str(count), "--cpus", "0.25" if count > 1 else "1", "-n", "24", "--seed", "7"]
    log = (folder / f"{count}.log").open("w")
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log) as run:
        said = ""
        killed: list[int] = []
        while run.poll() is None:
            time.sleep(0.2)
            running = workers(run.pid)
            busy = [process for process in running if shared(process, model)[0]]
            if kill and not killed and len(busy) == count:
                # All have the model: let them write a while.
                time.sleep(3)
                memory = [shared(process, model) for process in busy]
                rss, pss = (sum(of[i] for of in memory) for i in (0, 1))
                said = f"; {rss} KiB of the model's file mapped by all, {pss} KiB in memory, the file has {model.stat().st_size // 1024} KiB"
                os.kill(busy[0], signal.SIGKILL)
                killed.append(busy[0])
        if run.returncode != 0:
            sys.exit(f"error: {(folder / f'{count}.log').read_text()}")
    if kill and not killed:
        sys.exit("error: the file was written before a worker could be killed: give more rows")
    return out.read_bytes(), f"{count} workers: {time.monotonic() - start:.1f} s{said}"


def main(rows: int) -> None:
    import model_of_export

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "mapped.safetensors"
        model_of_export.pack(model)
        with (folder / "prompts.jsonl").open("w") as out:
            for row in range(rows):
                out.write(json.dumps({"id": row, "prompt": f"Row {row * 7919 % 10007} of the corpus says"}) + "\n")
        alone, said = write(model, folder, 1, kill=False)
        print(said, flush=True)
        together, said = write(model, folder, 4, kill=True)
        print(f"{said}; one was killed", flush=True)
        if alone != together or alone.count(b"\n") != rows:
            sys.exit("error: the files differ")
        print(f"the same {len(alone)} bytes of {rows} rows")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
