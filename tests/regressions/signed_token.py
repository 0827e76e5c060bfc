# /// script
# dependencies = ["PyJWT", "cryptography"]
#
# [tool.bisector]
# package = "PyJWT"
# range = ">=1.4.2,<2"
#
# [tool.bisector.documented]
# issue = "https://github.com/pyca/cryptography/pull/6639"
# fix = "https://github.com/jpadilla/pyjwt/pull/285"
# ///
"""A token signed with an RSA key must be verified with it."""

import json

import jwt
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.asymmetric import rsa

key = rsa.generate_private_key(public_exponent=65537, key_size=2048, backend=default_backend())
claims = {"sub": "spam"}
try:
    token = jwt.encode(claims, key, "RS256")
    verified = jwt.decode(token, key.public_key(), algorithms=["RS256"])
    outcome, reason = ("good" if verified == claims else "bad"), str(verified)
except AttributeError as error:
    outcome, reason = "bad", str(error)
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
