"""The verdict is one sentence, and true of the rows whatever they are."""

from __future__ import annotations

from edgefrac.reporting.bench_verdict import headline
from tests.reporting.report_example import all_levels, document, parity, row, unavailable


def test_all_passed() -> None:
    found = headline(all_levels())
    assert found.outcome == "passed"
    assert found.sentence == (
        "Every file that was judged passed the gate: 2 files on CPU, 1 file on GPU (emulated) and 1 file on NPU "
        "(emulated) on 600 radiographs of FracAtlas; the fastest that passed, as measured, is "
        "tiny-int8.tflite (LiteRT, CPU, 1 thread): 4.30 ms (95 % interval 4.20 to 4.50); unavailable: Android."
    )


def test_a_failure_comes_first_and_the_fastest_is_one_that_passed() -> None:
    quick = row("quick.tflite", median_ms=1.0, parity=parity("failed"))
    found = headline(document(row(parity=parity()), quick))
    assert found.outcome == "failed"
    assert found.sentence.startswith("The gate stopped quick.tflite on CPU (LiteRT); passed: 1 file on CPU on 600")
    assert (
        "the fastest that passed, as measured, is tiny-int8.tflite" in found.sentence
        and "unavailable" not in found.sentence
    )


def test_many_failures_are_counted_and_an_emulated_one_says_so() -> None:
    rows = [row(f"{k}.tflite", device="gpu", parity=parity("failed", "emulated")) for k in range(7)]
    sentence = headline(document(*rows)).sentence
    assert sentence.startswith("The gate stopped 0.tflite on GPU (LiteRT, emulated), 1.tflite on GPU")
    assert "3.tflite on GPU (LiteRT, emulated) and 3 more on 600 radiographs" in sentence and "4.tflite" not in sentence


def test_undecided_is_never_called_passed() -> None:
    found = headline(document(row(parity=parity("undecided"))))
    assert found.outcome == "undecided"
    assert found.sentence.startswith("Too little is known to judge tiny-int8.tflite on CPU (LiteRT) on 600 radiographs")
    assert "passed the gate" not in found.sentence and "no file that passed was timed" in found.sentence


def test_one_undecided_among_passed_leaves_the_whole_undecided() -> None:
    found = headline(document(row(parity=parity()), row("other.tflite", parity=parity("undecided"))))
    assert found.outcome == "undecided" and "passed: 1 file on CPU" in found.sentence


def test_speed_alone_says_nothing_of_the_answers() -> None:
    found = headline(document(row(), row("slow.tflite", median_ms=9.0), data=None))
    assert found.outcome == "not judged"
    assert found.sentence.startswith("No file was held against the float32 reference")
    assert "the fastest, as measured, is tiny-int8.tflite" in found.sentence


def test_rows_that_were_not_judged_are_counted() -> None:
    sentence = headline(document(row(parity=parity()), row("other.tflite"))).sentence
    assert "1 file on CPU on 600 radiographs of FracAtlas; 1 other run was not judged" in sentence


def test_nothing_measured() -> None:
    found = headline(document(unavailable("gpu"), unavailable("npu"), data=None))
    assert found.outcome == "not judged"
    expected = "Nothing could be run; no speed was measured on a real device; unavailable: GPU and NPU."
    assert found.sentence == expected


def test_a_predicted_latency_is_not_the_fastest_measured() -> None:
    predicted = row(device="npu", evidence_level="predicted", median_ms=0.5, parity=parity(level="emulated"))
    sentence = headline(document(predicted)).sentence
    assert "0.50 ms" not in sentence and "no file that passed was timed on a real device" not in sentence
    assert "no speed was measured on a real device" in sentence


def test_a_device_that_runs_some_files_is_not_called_unavailable() -> None:
    rows = (row(parity=parity(level="emulated"), device="gpu"), unavailable("gpu", name="other.onnx"))
    assert "unavailable: GPU for 1 of 2 files" in headline(document(*rows)).sentence


def test_threads_and_runtimes_of_a_file_count_once() -> None:
    rows = (row(parity=parity()), row(parity=parity(), threads=2), row(parity=parity(), runtime="CompiledModel"))
    assert "passed the gate: 1 file on CPU" in headline(document(*rows)).sentence
