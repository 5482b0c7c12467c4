"""Runs of commands whose process is gone: a kill leaves them looking alive, with their places in the pools."""

import socket

import dagster as dg
import psutil

from orchestration.dagster_internals import NOT_FINISHED_STATUSES

# On every run that a command carries out itself, and which process that is.
COMMAND = "precedent/command"
PROCESS = "precedent/process"
KILLED = "The command was killed. What was done is kept: refresh again."


def process_tags(command: str) -> dict[str, str]:
    """The tags of a run that this process carries out.

    Args:
        command: The command's name.
    """
    return {COMMAND: command, PROCESS: _name(psutil.Process())}


def end_dead(instance: dg.DagsterInstance, command: str = "refresh") -> int:
    """End the runs of a command whose processes are gone, and free their places; says how many.

    Two killed commands would otherwise hold all places of a pool, and the next one would wait for ever.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES, tags={COMMAND: command}))
    dead = [run for run in runs if _is_dead(run.tags.get(PROCESS, ""))]
    for run in dead:
        instance.report_run_failed(run, KILLED)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _name(process: psutil.Process) -> str:
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}"


def _is_dead(name: str) -> bool:
    """True if a process of this machine is gone; of another machine's nothing is known."""
    host, _, process = name.partition(":")
    if host != socket.gethostname():
        return False
    number = process.partition(":")[0]
    try:
        found = psutil.Process(int(number))
        return _name(found) != name or found.status() == psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return True
    except psutil.AccessDenied:
        return False
