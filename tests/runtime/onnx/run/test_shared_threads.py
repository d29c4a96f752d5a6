from __future__ import annotations

import threading
import time

import pytest

from intent_adapters.runtime.onnx.run.shared_threads import SharedThreads


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("tasks", [0, 1, 3, 40])
def test_every_task_is_done_once(threads: int, tasks: int):
    done: list[int] = []
    SharedThreads(threads).each(done.append, range(tasks))
    assert sorted(done) == list(range(tasks))


def test_threads_work_side_by_side():
    both = threading.Barrier(2, timeout=10)  # broken, and with it the test, unless two are there at once
    SharedThreads(2).each(lambda _: both.wait(), range(2))


def test_the_calling_thread_alone_does_what_busy_helpers_do_not():
    threads = SharedThreads(2)
    release, held = threading.Event(), threading.Event()

    def hold(task: int) -> None:
        if threading.current_thread() is not other:
            held.set()
        release.wait(10)

    other = threading.Thread(target=lambda: threads.each(hold, range(2)))
    other.start()
    assert held.wait(10)
    done: list[int] = []
    threads.each(done.append, range(6))
    assert sorted(done) == list(range(6))
    release.set()
    other.join(10)
    assert not other.is_alive()


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_reaches_the_caller_when_nobody_works_any_more(bad: int):
    threads, running = SharedThreads(3), 0
    lock = threading.Lock()

    def work(task: int) -> None:
        nonlocal running
        with lock:
            running += 1
        try:
            time.sleep(0.01)
            if task == bad:
                raise ValueError(f"task {task}")
        finally:
            with lock:
                running -= 1

    with pytest.raises(ValueError, match=f"task {bad}"):
        threads.each(work, range(8))
    assert running == 0
    done: list[int] = []
    threads.each(done.append, range(5))
    assert sorted(done) == list(range(5))
