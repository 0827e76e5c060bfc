from urllib3.util import Retry

Retry(total=3, method_whitelist=["GET"])
