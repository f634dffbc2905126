"""`make reproduce` sees what depends on the circumstances, and nothing else."""

import json
import re
import shutil

from small_book import PAGE, ROOT, Book

CHECK = 'check.value("sm-1", 3 * 3, 9, claim="3² is 9")'
SEEDED = 'check.value("sm-1", 3 * 3, 9, claim=f"{hash(\'x\')}")'


def test_what_depends_on_the_hash_seed_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # as the Makefile does
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    book = Book(tmp_path)
    shutil.copytree(ROOT / "tests", tmp_path / "tests")  # for what nbval forgives
    book.write(PAGE, book.read(PAGE).replace(CHECK, SEEDED))
    for verb in ("execute", "notebooks"):
        book.build("-m", "tools", verb)
    committed = book.read("notebooks/small.ipynb")
    output = book.build("-m", "tools", "reproduce", expect=1)
    equal = "small: 1 checks and 1 outputs are equal"
    _, *lines = re.split(
        r"\n(?=as usual|two threads|256 bits|128 bits|another)", output
    )
    assert [equal in line for line in lines] == [True, True, True, True, False]
    assert "2 differences" in lines[-1] and "ledger: " in lines[-1]
    machines = re.findall(r"\((\w+) (\d+) (-?\d+)\)", "".join(lines))
    usual, threads, avx2, none, seed = machines
    assert threads == (usual[0], "2", usual[2])
    assert (avx2[0], none[0]) == ("AVX2", "DEFAULT")
    assert seed[:2] == usual[:2] and seed[2] != usual[2]
    runs = json.loads(book.read("results/measured/reproduced.json"))["runs"]
    assert [run["values"]["differences"] for run in runs] == [0, 0, 0, 0, 2]
    assert book.read("notebooks/small.ipynb") == committed
