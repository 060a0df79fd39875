"""An OpenID issuer of the test's own, such as a Kubernetes cluster has: discovery and keys on loopback, tokens on demand."""

import base64
import http.server
import json
import threading
import time
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

import directory


class Issuer:
    """Serves its keys and signs assertions with one of them."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/openid-configuration": issuer.metadata,
                    "/keys": issuer.key_set,
                }
                document = documents.get(self.path)
                body = json.dumps(document()).encode() if document else b"{}"
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def metadata(self):
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def key_set(self):
        numbers = self.key.public_key().public_numbers()
        part = lambda number: base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "issuer-key", "n": part(numbers.n), "e": part(numbers.e)}
        return {"keys": [key]}

    def assertion(self, lifetime=3600, **changes):
        """A signed assertion; a negative lifetime makes one that ended that many seconds ago."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": directory.SUBJECT,
            "aud": directory.AUDIENCE,
            "jti": str(uuid.uuid4()),
            "iat": now + min(lifetime, 0) - 60,
            "nbf": now + min(lifetime, 0) - 60,
            "exp": now + lifetime,
            **changes,
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "issuer-key"})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
