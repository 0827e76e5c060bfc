# /// script
# dependencies = ["Django"]
#
# [tool.bisector]
# package = "Django"
# range = ">=3.1.6,<3.2.6"
#
# [tool.bisector.documented]
# issue = "https://code.djangoproject.com/ticket/32718"
# fix = "https://github.com/django/django/commit/b7d4a6fa650f97982cf9ca246ddfa623d685487b"
# good = ["3.1.8", "3.1.11", "3.2", "3.2.3"]
# bad = ["3.1.9", "3.2.1"]
# ///
"""The path that `upload_to` returns must be taken, whatever the file was called."""

import json

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.db.models import FileField

settings.configure()
field = FileField(upload_to=lambda *_: "spam/eggs.txt")
try:
    outcome, reason = "good", field.generate_filename(None, "tmp/eggs.txt")
except SuspiciousFileOperation as error:
    outcome, reason = "bad", str(error)
print(json.dumps({"bisector": 1, "outcome": outcome, "reason": reason}))
