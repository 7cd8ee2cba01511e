"""Where the websites of buckets are reached: one place, for S3 and for CloudFormation's WebsiteURL.

`http://{bucket}.s3-website.localhost:4566/`, for browsers and most resolvers send every name below `localhost` to this
machine; and `{endpoint}/_aws/s3-website/{bucket}/`, which needs no name resolution.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from lambent.contracts.ports import Settings

WEBSITE_LABEL = "s3-website"
WEBSITE_PATH = "/_aws/s3-website/"


def website_url(settings: Settings, bucket: str) -> str:
    """The address of a bucket's website, without a slash at its end. The region is not in it: buckets' names are unique
    in the whole cloud."""
    parts = urlsplit(settings.endpoint)
    host = parts.hostname or "localhost"
    try:
        ipaddress.ip_address(host)
        host = "localhost"
    except ValueError:
        pass
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{bucket}.{WEBSITE_LABEL}.{host}{port}"


def website_path_url(settings: Settings, bucket: str) -> str:
    """The address of a bucket's website that needs no name resolution, without a slash at its end."""
    return f"{settings.endpoint.rstrip('/')}{WEBSITE_PATH}{bucket}"
