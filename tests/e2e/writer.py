"""A selfplay writer: commits rows to a WAL-mode games database at a steady rate until it is killed."""

import sqlite3
import sys
import time

connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE IF NOT EXISTS games (game_id TEXT PRIMARY KEY, game_status TEXT, moves TEXT)")
rate = float(sys.argv[2])
batch = max(1, int(rate / 20))
print_ready = True
while True:
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(batch):
        connection.execute("INSERT INTO games VALUES (hex(randomblob(16)), 'completed', hex(randomblob(200)))")
    connection.execute("COMMIT")
    if print_ready:
        print("ready", flush=True)
        print_ready = False
    time.sleep(batch / rate)
