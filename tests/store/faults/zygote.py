"""A process that has everything imported, and forks one child for each command it is told: `genomics-dc WORDS`.

It reads one JSON object a line: {"start": [words], "cwd": folder, "output": file, "files_max": number or null} answers
{"pid": number}; {"wait": number} answers {"status": exit status, negative for a signal}.
"""

import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import traceback


def import_everything():
    import genomics_dc.cli.main
    import genomics_dc.store

    for name in genomics_dc.store.__all__:
        getattr(genomics_dc.store, name)
    for module in pkgutil.iter_modules(genomics_dc.store.exports.__path__, "genomics_dc.store.exports."):
        importlib.import_module(module.name)
    for name in ("zarr", "zarr.codecs", "pysam", "pysam.bcftools", "numba", "genomics_dc.analyses.view"):
        importlib.import_module(name)


def run(order):
    os.setsid()
    os.chdir(order["cwd"])
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    errors = os.open(order["output"] + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if order["files_max"] is not None:
        os.closerange(3, 256)
        resource.setrlimit(resource.RLIMIT_NOFILE, (order["files_max"], order["files_max"]))
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1)
    sys.argv = ["genomics-dc", *order["start"]]
    from genomics_dc.cli.main import main

    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def child(order):
    status = 70
    try:
        status = run(order)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        if status == 0 or order.get("tidy", True):
            # what the interpreter would do at its end: pools and their processes are ended
            import atexit
            import threading

            threading._shutdown()
            atexit._run_exitfuncs()
        os._exit(status)


def tell(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main():
    import_everything()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    tell({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            tell({"status": os.waitstatus_to_exitcode(status)})
            continue
        pid = os.fork()
        if pid == 0:
            child(order)
        tell({"pid": pid})


if __name__ == "__main__":
    main()
