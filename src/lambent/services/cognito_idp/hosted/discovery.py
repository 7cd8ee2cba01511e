"""OpenID Connect's discovery document of a pool."""

from __future__ import annotations

from typing import Any

from ..addresses import base_url, issuer
from ..model import STANDARD_SCOPES, Pool


def configuration(at: str, pool: Pool) -> dict[str, Any]:
    """What a client needs to know of a pool, at the address by which it asks. The endpoints of its pages are there if
    it has a domain."""
    found: dict[str, Any] = {
        "issuer": issuer(at, pool),
        "jwks_uri": f"{at}/{pool.id}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "token"],
        "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "scopes_supported": list(STANDARD_SCOPES[:4]),
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            *(one.name for one in pool.schema),
        ],
    }
    found["claims_supported"] = list(dict.fromkeys(found["claims_supported"]))
    if pool.domain or pool.custom_domain:
        base = base_url(at, pool)
        found |= {
            "authorization_endpoint": f"{base}/oauth2/authorize",
            "token_endpoint": f"{base}/oauth2/token",
            "userinfo_endpoint": f"{base}/oauth2/userInfo",
            "revocation_endpoint": f"{base}/oauth2/revoke",
            "end_session_endpoint": f"{base}/logout",
        }
    return found
