"""The control session: requests come in on stdin, each is answered by a thread of its own, EOF ends everything."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import Any, Callable, Dict, Optional

from engine.remote.agent import batch_control, leftovers, machine, paths, publishing, scanning, stats
from engine.remote.agent.checks import check_file
from engine.remote.agent.children import answer, run_child
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.following import follow
from engine.remote.agent.frames import MARKER, encode, read_frame, write_all
from engine.remote.agent.gameids import tell_ids
from engine.remote.agent.growing import copy_complete_lines, is_growing
from engine.remote.agent.hashcache import HashCache, cache_folder
from engine.remote.agent.hashing import be_polite, hash_file
from engine.remote.agent.looking import Looks
from engine.remote.agent.manifests import ManifestCache, send_manifest
from engine.remote.agent.orphans import end_rsyncs
from engine.remote.agent.pages_new import tell_new
from engine.remote.agent.pages_old import tell_old
from engine.remote.agent.pages_talk import converse, relay
from engine.remote.agent.polite_jobs import WORK, serve
from engine.remote.agent.serving_probe import probe_http
from engine.remote.agent.snapshots import ensure_stored, make_snapshot

# Batches of one request that may be on their way before the engine has taken the first of them.
CREDIT = 4
BACKGROUND_BYTES_PER_SECOND = 64e6
STOPPED = Failure("transient-network", "the request was cancelled", "nothing")


class Call:
    """One running request: how its work sends items, waits for the engine to take them, and learns to stop."""

    def __init__(self, number: int, send: Callable[[Any], None]) -> None:
        self.number = number
        self.credit = threading.Semaphore(CREDIT)
        self.told: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self.stopped = False
        self._send = send

    def emit(self, item: Any) -> None:
        """Send one item of a stream, when there is credit."""
        self.credit.acquire()
        self.check()
        self._send({"id": self.number, "item": item})

    def check(self) -> None:
        """Raise when the engine cancelled the request."""
        if self.stopped:
            raise STOPPED

    def stop(self) -> None:
        """Make the work stop at its next check."""
        self.stopped = True
        self.credit.release()


def _prepare(path: str, root: str) -> None:
    """Make a temporary path ready for another program, and end those that an earlier attempt left writing there."""
    paths.prepare(path, root)
    end_rsyncs(path)


class Control:
    """The dispatcher of one session."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._write_lock = threading.Lock()
        self._calls: Dict[int, Call] = {}
        self._looks = Looks()
        self._cache = HashCache(cache_folder())
        self._manifests = ManifestCache(cache_folder())
        self._publisher = publishing.Publisher(self._cache)
        self._operations: Dict[str, Callable[[Dict[str, Any], Call], Any]] = {
            "scan": lambda a, call: self._looks.scan(a["roots"], a["patterns"], call.emit),
            "changes": lambda a, call: self._looks.changes(a["roots"], a["patterns"], a["taken"], call.emit),
            "usage": lambda a, call: [scanning.root_status(root, []) for root in a["roots"]],
            "stat": lambda a, call: stats.stat_file(paths.existing(a["path"])),
            "hash": self._hash,
            "snapshot": lambda a, call: run_child(self._source, dict(a, mode="snapshot"), call.check),
            "ensure_stored": lambda a, call: ensure_stored(a["path"]),
            "pages": lambda a, call: relay(self._source, dict(a, mode="pages"), call),
            "game_ids": lambda a, call: relay(self._source, dict(a, mode="game_ids"), call),
            "check": lambda a, call: check_file(a["path"], a["kind"], call.check),
            "publish": lambda a, call: self._publisher.publish(a),
            "publish_many": lambda a, call: batch_control.publish_many(self._publisher, a["requests"]),
            "hash_many": lambda a, call: batch_control.hash_many(a["files"], self._cache, call.check),
            "stat_many": lambda a, call: batch_control.stat_many(a["paths"]),
            "prepare": lambda a, call: _prepare(a["path"], a["root"]),
            "follow": lambda a, call: follow(a["path"], a["size"], a["root"], call.check),
            "discard": lambda a, call: publishing.discard(a["paths"]),
            "discard_old": lambda a, call: leftovers.discard_old(a["paths"], a["seconds"]),
            "quarantine": lambda a, call: publishing.quarantine(a["path"], a["target"], a["root"]),
            "manifest": lambda a, call: send_manifest(
                a["path"], a["chunk_bytes"], self._manifests, call.emit, call.check
            ),
            "probe_http": lambda a, call: probe_http(a["host"], a["port"], a["target"], a["seconds"]),
            "processes": lambda a, call: machine.processes(a["names"]),
        }
        self._operations.update({name: self._polite(name) for name in WORK})

    def run(self) -> None:
        """Serve until stdin ends; then this process ends at once, whatever runs."""
        write_all(1, MARKER)
        self._send({"hello": machine.hello()})
        while True:
            frame = read_frame(0)
            if frame is None:
                os._exit(0)
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        if "op" in frame:
            call = Call(frame["id"], self._send)
            self._calls[call.number] = call
            threading.Thread(target=self._work, args=(call, frame["op"], frame["args"]), daemon=True).start()
            return
        running: Optional[Call] = self._calls.get(frame["id"])
        if running is None:
            return  # It ended while this frame was on its way.
        if "cancel" in frame:
            running.stop()
        elif "tell" in frame:
            running.told.put(frame["tell"])
        else:
            running.credit.release()

    def _work(self, call: Call, operation: str, arguments: dict[str, Any]) -> None:
        try:
            reply: Dict[str, Any] = {"id": call.number, "result": self._operations[operation](arguments, call)}
        except Exception as error:  # noqa: BLE001 - every failure travels to the engine
            reply = {"id": call.number, "error": from_exception(error).as_json()}
        self._calls.pop(call.number, None)
        self._send(reply)

    def _hash(self, arguments: dict[str, Any], call: Call) -> Any:
        if arguments["background"]:
            return run_child(self._source, dict(arguments, mode="hash"), call.check)
        return hash_file(arguments["path"], arguments["kind"], self._cache, call.check)

    def _polite(self, mode: str) -> Callable[[Dict[str, Any], Call], Any]:
        return lambda a, call: relay(self._source, dict(a, mode=mode), call)

    def _send(self, value: Any) -> None:
        data = encode(value)
        try:
            with self._write_lock:
                write_all(1, data)
        except OSError:
            os._exit(1)  # The engine is gone; nobody is left to tell.


def main(source: bytes) -> None:
    """Read the job and be the session, or one of its helper processes."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    if job["mode"] == "snapshot":
        take = copy_complete_lines if is_growing(job["path"]) else make_snapshot
        answer(lambda: take(job["path"], job["target"], job["root"]))
    elif job["mode"] == "hash":
        be_polite()
        cache = None if job.get("fresh") else HashCache(cache_folder())
        answer(lambda: hash_file(job["path"], job["kind"], cache, lambda: None, BACKGROUND_BYTES_PER_SECOND))
    elif job["mode"] == "pages":
        converse(lambda talk: tell_new(job, talk) if job["new"] else tell_old(job, talk))
    elif job["mode"] == "game_ids":
        converse(lambda talk: tell_ids(job, talk))
    elif job["mode"] in WORK:
        serve(job)
    else:
        Control(source).run()
