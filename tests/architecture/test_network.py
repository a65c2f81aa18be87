"""Invariant 9: with the model there, engine and commands work on a machine without any network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

ALONE = "ip link set lo up && exec"


@pytest.mark.model
def test_doctor_is_well_without_a_network() -> None:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip (util-linux, iproute2) are needed to cut a process off from the network")
    probe = subprocess.run(["unshare", "-n", "sh", "-c", f"{ALONE} true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"this user may not make a network namespace: {probe.stderr.strip()}")
    command = f"{ALONE} {sys.executable} -m stet doctor --json"
    answer = subprocess.run(["unshare", "-n", "sh", "-c", command], capture_output=True, text=True, timeout=120)
    checks = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    assert checks["Model"]["well"] and checks["Engine"]["well"], checks
