"""Strict stand-ins for key services that cannot be had here, written from their documentation: OpenBao and Vault transit
(openbao.org/api-docs/secret/transit, developer.hashicorp.com/vault/api-docs/secret/transit), Azure Key Vault keys 7.4 (learn.microsoft.com/rest/api/keyvault/keys) with
the instance metadata service's tokens (learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token). They answer what
those answer, and refuse what those refuse; what is wrong with a request is kept in `faults`. The cipher is a toy: it stands for a key that nobody sees."""

import base64
import hashlib
import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import os
import secrets
import threading
from urllib.parse import parse_qs, urlsplit


def sealed(key, plain, bound):
    nonce = os.urandom(16)
    stream = hashlib.shake_256(key + nonce).digest(len(plain))
    body = bytes(a ^ b for a, b in zip(plain, stream))
    return nonce + body + hmac.new(key, nonce + body + bound, hashlib.sha256).digest()


def opened(key, content, bound):
    nonce, body, tag = content[:16], content[16:-32], content[-32:]
    if not hmac.compare_digest(tag, hmac.new(key, nonce + body + bound, hashlib.sha256).digest()):
        return None
    return bytes(a ^ b for a, b in zip(body, hashlib.shake_256(key + nonce).digest(len(body))))


class Refused(Exception):
    def __init__(self, status, body, **headers):
        self.status, self.body, self.headers = status, body, headers


class Service:
    """One on a port of this machine. `away` closes the port and keeps the keys."""

    def __init__(self):
        self.faults, self.uses, self.server, self.port = [], 0, None, 0
        self.back()

    def back(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                content, parts, headers = self.rfile.read(length), urlsplit(self.path), {}
                try:
                    status, body = 200, service.answer(self.command, parts.path, parse_qs(parts.query), self.headers, content)
                except Refused as refused:
                    status, body, headers = refused.status, refused.body, refused.headers
                    service.faults.append((self.command, parts.path, status, body))
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(text), **headers}.items():
                    self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def away(self):
        self.server.shutdown()
        self.server.server_close()


def object_of(content, refusal):
    try:
        value = json.loads(content)
        assert isinstance(value, dict)
        return value
    except (ValueError, AssertionError):
        raise refusal from None


class Vault(Service):
    """Transit at the mount `transit`, with one key of the type aes256-gcm96."""

    def __init__(self, key="steward"):
        self.key, self.token, self.secret, self.is_sealed = key, "s." + secrets.token_hex(12), os.urandom(32), False
        super().__init__()

    def answer(self, method, path, query, headers, content):
        # 503 while sealed, before anything else; 403 for a bad token, 404 for a path that no engine has, 400 for bad parameters.
        if self.is_sealed:
            raise Refused(503, {"errors": ["Vault is sealed"]})
        if headers.get("X-Vault-Token") != self.token:
            raise Refused(403, {"errors": ["permission denied"]})
        if path not in (f"/v1/transit/{verb}/{self.key}" for verb in ("encrypt", "decrypt")):
            known = path.startswith("/v1/transit/")
            raise Refused(400 if known else 404, {"errors": ["encryption key not found"] if known else []})
        if method not in ("POST", "PUT"):
            raise Refused(405, {"errors": ["unsupported operation"]})
        body = object_of(content, Refused(400, {"errors": ["error parsing JSON"]}))

        def field(name):
            try:
                return base64.b64decode(body.get(name, ""), validate=True)
            except ValueError:
                raise Refused(400, {"errors": [f"failed to base64-decode {name}"]}) from None

        bound = field("associated_data")
        self.uses += 1
        if "/encrypt/" in path:
            if "plaintext" not in body:
                raise Refused(400, {"errors": ["missing plaintext to encrypt"]})
            text = base64.b64encode(sealed(self.secret, field("plaintext"), bound)).decode()
            return self.data({"ciphertext": f"vault:v1:{text}", "key_version": 1})
        text = body.get("ciphertext", "")
        if not text.startswith("vault:v1:"):
            raise Refused(400, {"errors": ["invalid ciphertext: no prefix"]})
        plain = opened(self.secret, base64.b64decode(text[9:]), bound)
        if plain is None:
            raise Refused(400, {"errors": ["cipher: message authentication failed"]})
        return self.data({"plaintext": base64.b64encode(plain).decode()})

    def data(self, data):
        return {"request_id": secrets.token_hex(8), "lease_id": "", "renewable": False, "lease_duration": 0, "data": data,
                "wrap_info": None, "warnings": None, "auth": None}


class Azure(Service):
    """A vault with one RSA key, and the metadata service of a machine whose identity may wrap and unwrap with it."""

    def __init__(self, key="steward"):
        self.key, self.version, self.token, self.secret = key, secrets.token_hex(16), secrets.token_urlsafe(40), os.urandom(32)
        self.is_allowed = True
        super().__init__()

    def answer(self, method, path, query, headers, content):
        if path == "/metadata/identity/oauth2/token":
            return self.identity(method, query, headers)
        if headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused(401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}},
                          WWW_Authenticate='Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://vault.azure.net"')
        if query.get("api-version") != ["7.4"]:
            raise Refused(400, {"error": {"code": "BadParameter", "message": "api-version must be specified"}})
        if not self.is_allowed:
            raise Refused(403, {"error": {"code": "Forbidden", "message": "The user, group or application does not have keys unwrapKey permission",
                                          "innererror": {"code": "AccessDenied"}}})
        kid = f"https://127.0.0.1:{self.port}/keys/{self.key}/{self.version}"
        if method == "GET" and path == f"/keys/{self.key}":
            return {"key": {"kid": kid, "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"], "n": "AQAB", "e": "AQAB"}, "attributes": {"enabled": True}}
        verb = path.rsplit("/", 1)[-1]
        if path != f"/keys/{self.key}/{self.version}/{verb}" or verb not in ("wrapkey", "unwrapkey"):
            raise Refused(404, {"error": {"code": "KeyNotFound", "message": "A key with (name/id) was not found in this key vault."}})
        if method != "POST" or not headers.get("Content-Type", "").startswith("application/json"):
            raise Refused(415, {"error": {"code": "BadParameter", "message": "Content type must be application/json"}})
        body = object_of(content, Refused(400, {"error": {"code": "BadParameter", "message": "not JSON"}}))
        if set(body) != {"alg", "value"} or body["alg"] != "RSA-OAEP-256" or "=" in body["value"] or "+" in body["value"]:
            raise Refused(400, {"error": {"code": "BadParameter", "message": "Property has invalid value"}})
        value = base64.urlsafe_b64decode(body["value"] + "=" * (-len(body["value"]) % 4))
        self.uses += 1
        # RSA-OAEP binds nothing but the key.
        out = sealed(self.secret, value, b"") if verb == "wrapkey" else opened(self.secret, value, b"")
        if out is None:
            raise Refused(400, {"error": {"code": "BadParameter", "message": "The parameter is incorrect."}})
        return {"kid": kid, "value": base64.urlsafe_b64encode(out).decode().rstrip("=")}

    def identity(self, method, query, headers):
        if method != "GET" or headers.get("Metadata") != "true" or "X-Forwarded-For" in headers:
            raise Refused(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"})
        if query.get("api-version") != ["2018-02-01"] or query.get("resource") != ["https://vault.azure.net"]:
            raise Refused(400, {"error": "invalid_request", "error_description": "Required audience parameter not specified"})
        return {"access_token": self.token, "expires_in": "3599", "expires_on": "1506484173", "not_before": "1506480273",
                "resource": "https://vault.azure.net", "token_type": "Bearer"}
