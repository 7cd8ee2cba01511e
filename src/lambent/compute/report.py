"""The platform's own log lines and error payloads, word for word as AWS writes them. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import signal
from datetime import UTC, datetime

import msgspec

RESPONSE_BYTES_MAX = 6_291_556
"""The largest answer of a function; AWS names this figure in its error."""

_SIGNAL_NAMES = {  # Go's names, which AWS's runtime supervisor prints
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGILL: "illegal instruction",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
}


class Fault(msgspec.Struct, frozen=True):
    """How an environment failed: AWS's error type, its message without the request id, and REPORT's status."""

    type: str
    message: str
    status: str = "error"
    payload: bytes = b""
    """What the function itself reported (an init error); passed on unchanged."""


def exit_reason(code: int) -> str:
    """Words for the exit status of a runtime (shell convention: 128 and the signal's number when it was killed)."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if 128 < code < 128 + signal.NSIG:
        name = _SIGNAL_NAMES.get(signal.Signals(code - 128), f"signal {code - 128}") if code - 128 < 32 else "killed"
        return f"Runtime exited with error: signal: {name}"
    return f"Runtime exited with error: exit status {code}"


def exited(code: int) -> Fault:
    """The runtime ended without being asked to."""
    return Fault("Runtime.ExitError", exit_reason(code))


def out_of_memory() -> Fault:
    """The function used more memory than it was given."""
    return Fault("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")


def timed_out(timeout_s: float) -> Fault:
    """The function ran longer than its timeout."""
    return Fault("Sandbox.Timedout", f"Task timed out after {timeout_s:.2f} seconds", "timeout")


def too_large() -> Fault:
    """The function's answer is larger than AWS carries."""
    return Fault(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
    )


def error_payload(fault: Fault, request_id: str) -> bytes:
    """The answer to the caller. Faults that the platform found carry the request id; what the runtime said is kept."""
    if fault.payload:
        return fault.payload
    if fault.type == "Function.ResponseSizeTooLarge":
        return _json({"errorMessage": fault.message, "errorType": fault.type})
    return _json({"errorMessage": f"RequestId: {request_id} Error: {fault.message}", "errorType": fault.type})


def _json(value: dict[str, str]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def init_start(runtime: str, version: str, region: str) -> str:
    """INIT_START: which runtime, exactly. The ARN's hash stands for the interpreter's version, as AWS's does."""
    digest = hashlib.sha256(f"{runtime} {version}".encode()).hexdigest()
    label = runtime.replace("python", "python:")
    patch = version.rpartition(".")[2]
    return (
        f"INIT_START Runtime Version: {label}.v{patch}\tRuntime Version ARN: arn:aws:lambda:{region}::runtime:{digest}"
    )


def init_report(init_ms: float, phase: str, fault: Fault) -> str:
    """INIT_REPORT, written when Init failed; `phase` is init or invoke."""
    tail = f"Status: {fault.status}"
    if fault.status == "error":
        tail += f"\tError Type: {fault.type}"
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\t{tail}"


def start(request_id: str, version: str) -> str:
    """START of a call."""
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    """END of a call."""
    return f"END RequestId: {request_id}"


def fault_line(fault: Fault, request_id: str, now_ms: int) -> str:
    """What the platform says in the log about a failed call; empty when the function said it itself."""
    if fault.status == "timeout":
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z {request_id} {fault.message}\n"
    if fault.type in {"Runtime.ExitError", "Runtime.OutOfMemory"}:
        return f"RequestId: {request_id} Error: {fault.message}\n{fault.type}"
    return ""


def billed(duration_ms: float, init_ms: float) -> int:
    """Milliseconds billed: the call's and, since August 2025, Init's, rounded up."""
    return max(1, math.ceil(duration_ms + init_ms))


def report(
    request_id: str, duration_ms: float, init_ms: float, memory_mb: int, used_mb: int, fault: Fault | None
) -> str:
    """REPORT of a call."""
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
        f"Billed Duration: {billed(duration_ms, init_ms)} ms\tMemory Size: {memory_mb} MB\t"
        f"Max Memory Used: {used_mb} MB\t"
    )
    if init_ms:
        line += f"Init Duration: {init_ms:.2f} ms\t"
    if fault is not None:
        line += f"Status: {fault.status}"
        if fault.status == "error":
            line += f"\tError Type: {fault.type}"
    return line
