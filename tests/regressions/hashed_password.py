"""A password must be verified against its own hash."""

from passlib.hash import bcrypt

print(bcrypt.verify("secret", bcrypt.hash("secret")))
