"""Serves MiniStack on a free port of loopback, until the other end of standard input is closed.

However the test process ends, also by a kill, the system closes that end.
"""

import asyncio
import os
import socket
import sys
import threading

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
port = listener.getsockname()[1]
# What MiniStack reads when it is imported. It starts nothing else of the many services.
os.environ.update(GATEWAY_PORT=str(port), SERVICES="secretsmanager,sts", LOG_LEVEL="ERROR")

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.loglevel = "ERROR"
print(f"127.0.0.1:{port}", flush=True)
asyncio.run(serve(app, config))
