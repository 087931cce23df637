"""Serves moto on a free port of loopback for the test processes that share it.

Each of them holds a shared lock on the file that is the argument. However it ends, also by a kill,
the system frees the lock. The server ends when the file has been free for some seconds: a runner
that starts a process per test leaves short gaps.
"""

import fcntl
import os
import sys
import time

from moto.server import ThreadedMotoServer

POLL = 0.25
IDLE_POLLS = 20

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"{host}:{port}", flush=True)
sys.stdout = sys.stderr  # the other end of standard output closes now

clients = open(sys.argv[1], "a")
free = 0
while True:
    time.sleep(POLL)
    try:
        fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        free = 0
        continue
    free += 1
    if free >= IDLE_POLLS:
        # The lock is kept: a new client waits for it until this address is closed.
        os._exit(0)
    fcntl.flock(clients, fcntl.LOCK_UN)
