"""Carrying out claimed transfers: snapshot, move, verify, publish, record; retry, recover, run."""
