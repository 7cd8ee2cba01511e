"""Deployment packages of functions whose code stands in the template (Code.ZipFile)."""

from __future__ import annotations

import io
import zipfile
from typing import Final

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

_PYTHON_RESPONSE: Final = '''\
"""Answers a custom resource's request, with the interface that CloudFormation documents."""

import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps({
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: " + context.log_stream_name,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"content-type": ""})
    with urllib.request.urlopen(request, timeout=30) as answer:
        print("Status code:", answer.status)
'''

_NODE_RESPONSE: Final = """\
// Answers a custom resource's request, with the interface that CloudFormation documents.
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const client = require(url.protocol === "http:" ? "http" : "https");
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  const request = client.request(url, { method: "PUT", headers }, (answer) => {
    console.log("Status code: " + answer.statusCode);
    context.done();
  });
  request.on("error", (error) => { console.log("send failed: " + error); context.done(); });
  request.end(body);
};
"""


def archive(code: str, runtime: str) -> bytes:
    """A zip with `code` as the module `index`, and the response module that CloudFormation adds. The same code gives
    the same bytes."""
    node = runtime.startswith("nodejs")
    files = {"index.js" if node else "index.py": code}
    if node:
        files["cfn-response.js"] = _NODE_RESPONSE
    else:
        files["cfnresponse.py"] = _PYTHON_RESPONSE
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return packed.getvalue()
