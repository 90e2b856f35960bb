"""Asks a cluster what programs in Python ask, and says what it answers differently than they expect."""

import asyncio
import os
import sys
import time
import traceback

NAMESPACE = "python"
PATIENCE = 60
failures = 0


def check(sentence, question):
    """Asks one question. The verdict is a line that the command that started this program reads."""
    global failures
    try:
        answer = question()
        if asyncio.iscoroutine(answer):
            asyncio.run(asyncio.wait_for(answer, PATIENCE))
        print(f"ok      {sentence}", flush=True)
    except Exception as error:
        failures += 1
        traceback.print_exc()
        why = " ".join(f"{type(error).__name__} {error}".split())
        print(f"failed  {sentence}: {why}", flush=True)


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def eventually(what, holds):
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"never {what}")
        time.sleep(0.05)


def main():
    import official
    import others

    official.questions()
    if os.environ.get("PODS") == "yes":
        official.pods()
    else:
        print("skipped exec, logs and port-forward: the cluster has no node", flush=True)
    others.questions()
    others.operator()
    sys.stdout.flush()
    os._exit(1 if failures else 0)  # threads of operators and elections may still run


if __name__ == "__main__":
    sys.modules["main"] = sys.modules["__main__"]  # for the others to count in
    main()
