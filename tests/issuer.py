"""A small OpenID provider on the loopback address, which can also do wrong in the ways that matter.

It knows one person at a time, who is signed in there already: `claims`. `mischief` names what it
does wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "parley", "a secret: with a colon"


def new_key():
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


class Issuer:
    """`with Issuer() as issuer`: serves until the end."""

    def __init__(self):
        self.key, self.other_key = new_key(), new_key()
        self.claims, self.mischief, self.asked, self.codes = {}, "", [], {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.answer(self, "")

            def do_POST(self):
                issuer.answer(self, self.rfile.read(int(self.headers["content-length"])).decode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def knows(self, sub, mischief="", **claims):
        """Who is signed in there, and what is wrong from now on."""
        self.claims, self.mischief = {"sub": sub, **claims}, mischief

    def answer(self, request, body):
        path, query = urlsplit(request.path).path, urlsplit(request.path).query
        asked = {name: values[0] for name, values in parse_qs(body or query).items()}
        act = {
            "/.well-known/openid-configuration": self.discovery,
            "/authorize": self.authorize,
            "/token": self.token,
            "/jwks": self.keys,
            "/userinfo": self.userinfo,
        }[path]
        status, told = act(asked, request.headers)
        request.send_response(status)
        if status == 302:
            request.send_header("location", told)
        request.send_header("content-type", "application/json")
        request.end_headers()
        request.wfile.write(b"" if status == 302 else json.dumps(told).encode())

    def discovery(self, *_):
        if self.mischief == "away":
            return 503, {}
        return 200, {
            "issuer": "https://elsewhere.example" if self.mischief == "name" else self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, asked, _headers):
        self.asked.append(asked)
        back = {"state": asked["state"]}
        if self.mischief == "cancel":
            return 302, f"{asked['redirect_uri']}?{urlencode(back | {'error': 'access_denied'})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return 302, f"{asked['redirect_uri']}?{urlencode(back | {'code': code})}"

    def token(self, asked, _headers):
        begun = self.codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if begun is None or begun.get("code_challenge") != challenge:
            return 400, {"error": "invalid_grant"}
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        told = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
        return 200, told if self.mischief == "token" else told | {"id_token": self.id_token(begun)}

    def id_token(self, begun):
        wrong = self.mischief
        claims = {
            "iss": "https://elsewhere.example" if wrong == "issuer" else self.url,
            "aud": "another" if wrong == "audience" else CLIENT,
            "iat": int(time.time()),
            "exp": int(time.time()) + (-60 if wrong == "expired" else 60),
            "nonce": "another" if wrong == "nonce" else begun.get("nonce"),
            **{name: value for name, value in self.claims.items() if name in ("sub", "groups")},
        }
        if wrong == "unsigned":
            return jwt.encode(claims, None, "none", headers={"kid": "1"})
        if wrong == "shared":
            return jwt.encode(claims, SECRET * 2, "HS256", headers={"kid": "1"})
        key = self.other_key if wrong == "signature" else self.key
        return jwt.encode(claims, key, "RS256", headers={"kid": "1"})

    def keys(self, *_):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return 200, {"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]}

    def userinfo(self, _asked, headers):
        if headers.get("authorization") != "Bearer opaque":
            return 401, {}
        told = {name: value for name, value in self.claims.items() if name != "groups"}
        return 200, told | ({"sub": "somebody-else"} if self.mischief == "sub" else {})
