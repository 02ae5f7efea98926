"""The program under test, which `cargo xtask test python` names in GRAYSAM_BIN."""

import os
import subprocess


def graysam(*arguments):
    """What the program prints."""
    command = [os.environ["GRAYSAM_BIN"], *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed: {done.stderr}")
    return done.stdout
