"""Training sets and models that are valid files of their kinds, made with the standard library alone."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import zipfile
from array import array
from pathlib import Path

_CHANNELS = 14
_CELLS = 8
_MOVES = 512
_FIXED_DATE = (2026, 1, 1, 0, 0, 0)


def npz_bytes(samples: int, chance: random.Random) -> bytes:
    """Return a training set with features, globals, values and policies of ``samples`` positions (.npy format 1.0)."""
    per_sample = _CHANNELS * _CELLS * _CELLS
    features = array("f", chance.choices((0.0, 1.0), weights=(5, 1), k=samples * per_sample))
    extras = array("f", [chance.random() for _ in range(samples * 20)])
    policies = array("f", [chance.random() for _ in range(samples * _MOVES)])
    values = array("f", [chance.choice((-1.0, 0.0, 1.0)) for _ in range(samples)])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data, shape in (
            ("features", features, (samples, _CHANNELS, _CELLS, _CELLS)),
            ("globals", extras, (samples, 20)),
            ("values", values, (samples,)),
            ("policies", policies, (samples, _MOVES)),
        ):
            member = zipfile.ZipInfo(f"{name}.npy", _FIXED_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, _npy(data, shape))
    return out.getvalue()


def _npy(data: array[float], shape: tuple[int, ...]) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}"
    padding = -(10 + len(header) + 1) % 64
    encoded = header.encode("latin1") + b" " * padding + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded + data.tobytes()


def model_bytes(weights_bytes: int, epoch: int, chance: random.Random) -> bytes:
    """Return a zip-style model file: a pickle of its metadata and one block of weights, stored uncompressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("archive/data.pkl", pickle.dumps({"epoch": epoch, "model_version": "v2"}, protocol=2)),
            ("archive/data/0", chance.randbytes(weights_bytes)),
            ("archive/version", b"3\n"),
        ):
            archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), data)
    return out.getvalue()


def place(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the new one: as a trainer exports."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
