"""Serves moto on a free port of loopback until standard input ends, and says on standard output which.

The tests hold the other end of standard input. However they end, also by a kill, the system closes it,
so that no server outlives them.
"""

import os
import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"{host}:{port}", flush=True)
sys.stdout = sys.stderr  # nobody reads standard output from here on
sys.stdin.read()
os._exit(0)  # at once: taking Python down in order takes it a second
