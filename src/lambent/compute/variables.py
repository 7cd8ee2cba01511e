"""The environment variables and module paths that a function finds, as on AWS. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.contracts.functions import FunctionSpec

from .sandbox import Layout


def variables(
    spec: FunctionSpec, layout: Layout, stream: str, credentials: tuple[str, str, str], library_path: str
) -> dict[str, str]:
    """The variables of an environment; AWS's own take precedence over the user's."""
    access_key, secret, token = credentials
    lang = layout.lang
    python = spec.runtime.startswith("python")
    usual = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{lang}/bin:/usr/local/bin:/usr/bin/:/bin:{layout.opt}/bin",
        "LD_LIBRARY_PATH": library_path,
        "AWS_ENDPOINT_URL": layout.endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "TMPDIR": layout.tmp,
    }
    if layout.authority:
        usual["AWS_CA_BUNDLE"] = layout.authority
    if python:
        usual["PYTHONPATH"] = layout.runtime
    reserved = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group or f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_ACCESS_KEY": access_key,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_KEY": secret,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "LAMBDA_TASK_ROOT": layout.task,
        "LAMBDA_RUNTIME_DIR": layout.runtime,
    }
    if layout.tmp == "/tmp":
        del usual["TMPDIR"]  # AWS does not set it; only where /tmp is not the function's own
    return {**usual, **dict(spec.environment), **reserved}


def python_path(version: str, layout: Layout, environment: Mapping[str, str]) -> list[str]:
    """`sys.path` of a Python function on the interpreter `version` (3.12.1), in AWS's order."""
    minor = version.rpartition(".")[0]
    library = f"{layout.lang}/lib/python{minor}"
    path = [layout.task, f"{layout.opt}/python/lib/python{minor}/site-packages", f"{layout.opt}/python"]
    path += [part for part in environment.get("PYTHONPATH", "").split(":") if part]
    path += [layout.runtime, f"{layout.lang}/lib/python{minor.replace('.', '')}.zip", library, f"{library}/lib-dynload"]
    return list(dict.fromkeys(path))
