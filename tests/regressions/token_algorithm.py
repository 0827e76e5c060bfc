"""A token must be accepted when its algorithm is one of those asked for."""

import jwt

claims = {"sub": "spam"}
token = jwt.encode(claims, "secret", algorithm="HS256")
assert jwt.decode(token, "secret", algorithms=["HS256"]) == claims
