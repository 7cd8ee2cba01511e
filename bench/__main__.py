"""Measure, and print a table: python -m bench [--against URL] [--seconds N] [--only TEXT]

Every row gives requests per second, requests per second and core of the server's CPU, CPU microseconds per request,
and the latency of the middle and the slowest hundredth. The load comes from wrk, which replays signed requests. A row
of which an answer failed says so, and the status at the end is not 0.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import apigateway, cases, dynamodb, event_sources, pages, sns, sqs, websockets
from .server import FAILED, Server, cpu_s, lambent, listener
from .signed import write_script

_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def measure(server: Server, case: cases.Case, seconds: int, folder: Path) -> list[str]:
    """One row: the figures of `case`."""
    script = write_script(folder, re.sub(r"\W+", "-", case.name), case.requests(server.url))
    threads = min(2, case.connections)
    command = ["wrk", "--latency", "-t1" if threads == 1 else "-t2", f"-c{case.connections}", f"-d{seconds}s"]
    command += ["--timeout", "30s", "-s", str(script), server.url]
    subprocess.run([*command[:4], "-d1s", *command[5:]], capture_output=True, check=True)
    before = cpu_s(server.pid)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent_s = cpu_s(server.pid) - before
    total = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    p50, p99 = (_latency_ms(said, share) for share in ("50%", "99%"))
    cost_us = spent_s / total * 1e6 if total else 0.0
    per_core = 1e6 / cost_us if cost_us else 0.0
    note = failures(said, total)
    if case.body_mb:
        note = f"{rate * case.body_mb:,.0f} MB/s, {per_core * case.body_mb:,.0f} MB/s and core {note}".strip()
    cells = [f"{rate:,.0f}", f"{per_core:,.0f}", f"{cost_us:,.0f}"] if server.pid else [f"{rate:,.0f}", "?", "?"]
    return [case.name, *cells, f"{p50:.2f}", f"{p99:.2f}", note]


def failures(said: str, total: int) -> str:
    """What wrk says of answers that were none, as a note that `unfit` finds; empty when all was well."""
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    count = sum(map(int, errors.groups())) if errors else 0
    count += int(refused[1]) if refused else 0
    if not total:
        return f"{FAILED}: nothing was answered"
    return f"{FAILED}: {count:,} of {total:,}" if count else ""


def unfit(rows: list[list[str]]) -> str:
    """What to say at the end: the rows that are no measurement, because answers failed; empty when there are none."""
    names = [row[0] for row in rows if FAILED in row[-1]]
    return f"no measurements, for answers failed: {'; '.join(names)}" if names else ""


def _latency_ms(said: str, share: str) -> float:
    match = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", said)
    return float(match[1]) * _UNITS_MS[match[2]] if match else 0.0


def cold_starts(server: Server, count: int = 10) -> list[str]:
    """Latency of calls that each begin with a new environment."""
    functions = cases.client("lambda", server.url)
    taken_ms = []
    for number in range(count):
        functions.update_function_configuration(
            FunctionName=cases.FUNCTION, Environment={"Variables": {"ROUND": str(number)}}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=cases.FUNCTION)
        started = time.perf_counter()
        functions.invoke(FunctionName=cases.FUNCTION, Payload=b"{}")
        taken_ms.append((time.perf_counter() - started) * 1e3)
    return ["cold start", "", "", "", f"{statistics.median(taken_ms):.1f}", f"{max(taken_ms):.1f}", "of 10, slowest"]


def table(rows: list[list[str]]) -> str:
    """Rows as a Markdown table."""
    head = ["case", "requests/s", "per core", "CPU us", "p50 ms", "p99 ms", "note"]
    lines = [head, ["---"] + ["---:"] * 5 + ["---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run_all(server: Server, seconds: int, only: str, runtime: str) -> list[list[str]]:
    """All rows for one endpoint."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = (
            (cases.prepare_s3, cases.S3_CASES),
            (lambda _: None, cases.OTHER_CASES),
            (dynamodb.prepare, (*dynamodb.CASES, *(dynamodb.LARGE_CASES if dynamodb.LARGE_ITEMS else ()))),
            (sqs.prepare, sqs.CASES),
            (sns.prepare, sns.CASES),
            (lambda url: cases.prepare_function(url, runtime), cases.INVOKE_CASES),
            (lambda url: apigateway.prepare(url, runtime), apigateway.CASES),
            (pages.prepare, pages.CASES),
        )
        for prepare, group in groups:
            wanted = [case for case in group if only in case.name]
            if not wanted:
                continue
            prepare(server.url)
            for case in wanted:
                rows.append(measure(server, case, seconds, folder))
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
        if only in sqs.CYCLE:
            rows += sqs.cycles(server, seconds)
        if only in event_sources.ROWS:
            rows += event_sources.rows(server)
        if only in websockets.ROWS:
            rows += websockets.rows(server, seconds=seconds)
        if only in "cold start":
            rows.append(cold_starts(server))
    return rows


def main() -> None:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--against", help="another endpoint, measured in the same run")
    parser.add_argument("--seconds", type=int, default=5, help="how long each case is measured")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--durability", default="normal", choices=("normal", "strict"))
    parser.add_argument("--runtime", default=f"python{sys.version_info[0]}.{sys.version_info[1]}")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench needs wrk (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder, lambent(Path(folder), options.durability) as server:
        print(f"\nLambent: ready in {server.ready_s * 1e3:.0f} ms, {server.resident_mb:.0f} MB resident\n", flush=True)
        rows = run_all(server, options.seconds, options.only, options.runtime)
        print(table(rows), flush=True)
    if options.against:
        url = options.against.rstrip("/")
        print(f"\n{url}:\n", flush=True)
        theirs = run_all(Server(url, listener(url)), options.seconds, options.only, options.runtime)
        print(table(theirs), flush=True)
        rows += theirs
    sys.exit(unfit(rows) or 0)


if __name__ == "__main__":
    main()
