"""The loaders against a server that answers in every wrong way, and damaged files."""

import dataclasses
import errno
import gzip
import hashlib
import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_disk import no_file_larger_than

from helpers import data, sources
from helpers.data import DataError

REAL = os.environ.get("BOOK_DATA")
rng = np.random.default_rng(0)


class Server(ThreadingHTTPServer):
    """Serves `pages`, in the manner that `manner[path]` names."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.manner, self.asked = {}, {}, []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, name = self.server, self.path.rpartition("/")[2]
        server.asked.append(self.path)
        body, manner = server.pages.get(name, b""), server.manner.get(name, "right")
        if manner == "truncated_once":
            manner = "truncated" if server.asked.count(self.path) == 1 else "right"
        if manner == "wrong":
            body = gzip.compress(b"other content")
        if manner == "silent":
            server.closing.wait()
        statuses = {"not_found": 404, "busy": 503, "loop": 302, "to_a_file": 302}
        self.send_response(statuses.get(manner, 200))
        if manner in ("loop", "to_a_file"):
            file = "file:///etc/hostname"
            self.send_header("Location", self.path if manner == "loop" else file)
        elif manner not in ("unsized", "endless"):
            sizes = {"understated": len(body) // 2, "trickle": 10**6}
            self.send_header("Content-Length", sizes.get(manner, len(body)))
        self.end_headers()
        sent = {"truncated": len(body) // 2, "stalled": 10, "trickle": 1}
        self.wfile.write(body[: sent.get(manner, len(body))])
        more = {"stalled": b"", "trickle": b"x", "endless": bytes(2**16)}
        while manner in more and not server.closing.wait(0.02):
            self.wfile.write(more[manner])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.closing.set()
        found.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """No data, an empty cache, no pauses."""
    for name in ("BOOK_DATA", "BOOK_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "PAUSES", (0, 0))
    monkeypatch.setattr(sources, "_failed", {})


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def tar(members, compress=True):
    """An archive of `{name: content}`; content may be a prepared `TarInfo`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz" if compress else "w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def link(name, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.fixture
def publish(server, monkeypatch):
    """Let a set be `files`, which the server has as `pages`."""

    def publish(name, files, pages, limit=200_000):
        server.pages.update(pages)
        known = {"sums": {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}}
        if name == "FACE_MASKS":
            known = {"checksum": hashlib.sha256(sources.blob_ids(files)).hexdigest()}
        known |= {"urls": tuple(server.url + page for page in pages), "limit": limit}
        origin = dataclasses.replace(getattr(sources, name), **known)
        monkeypatch.setattr(sources, name, origin)
        return files

    return publish


@pytest.fixture
def mnist(publish):
    """A small set of MNIST's form, on the server; returns the content of its files."""
    images, labels = rng.integers(256, size=(6, 28, 28)), np.arange(6)
    parts = map(idx, (images[:4], labels[:4], images[4:], labels[4:]))
    files = dict(zip(sources.MNIST.sums, parts, strict=True))
    pages = {f"{n}.gz": gzip.compress(c) for n, c in files.items()}
    return publish("MNIST", files, pages, limit=10_000)


@pytest.fixture
def cifar10(publish):
    """A small set of CIFAR-10's form, on the server; returns its files."""
    files = {}
    for k, name in enumerate(sources.CIFAR10.sums):
        images = rng.integers(256, size=(2, 3072)).astype(np.uint8)
        batch = {b"data": images, b"labels": [k, 9 - k]}
        files[name] = pickle.dumps(batch, protocol=4)
    members = {f"{sources.CIFAR10.inside}/{n}": c for n, c in files.items()}
    members[f"{sources.CIFAR10.inside}/readme.html"] = b"read"
    return publish("CIFAR10", files, {"cifar.tar.gz": tar(members)})


@pytest.fixture
def masks(publish):
    """Three pictures in an archive on the server; returns them."""
    files = {}
    for k, name in enumerate(("with_mask/b", "with_mask/a", "without_mask/c")):
        picture = io.BytesIO()
        Image.new("RGB", (10 + k, 20), (k, 0, 0)).save(picture, "png")
        files[f"{name}.png"] = picture.getvalue()
    inside = sources.FACE_MASKS.inside
    members = {f"{inside}/{name}": content for name, content in files.items()}
    members[f"{Path(inside).parent}/elsewhere"] = link("elsewhere")
    return publish("FACE_MASKS", files, {"masks.tar.gz": tar(members)})


def lay(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def damage(file, fault):
    content = file.read_bytes()
    file.unlink()
    if fault == "folder":
        file.mkdir()
    else:
        file.write_bytes(content[:-1] + (fault == "flipped") * bytes([content[-1] ^ 1]))


KILLED = """
import dataclasses
from helpers import data, sources
sources.MNIST = dataclasses.replace(sources.MNIST, urls={}, limit=10_000, sums={!r})
data.load_mnist()
"""


NO_PHOTOGRAPHS = {
    f"{label}/{name}": name.encode()
    for label in sources.MASK_CLASSES
    for name in (".DS_Store", "._a.png", "Thumbs.db", "notes.txt", "clip.mpg", "c.pdf")
}


def contents(folder):
    """The content of each file there, by its name."""
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def parts(found):
    train = found.train_images, found.train_labels
    return train, (found.test_images, found.test_labels)


def no_data(load, message, offline=""):
    """The loader says why it gives the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_OFFLINE", offline)
        with pytest.warns(UserWarning, match=f"stand-in.*({message})"):
            assert load().source == "stand-in"


class TestDownload:
    @pytest.mark.parametrize("manner", ["right", "unsized", "truncated_once"])
    def test_right_file(self, server, mnist, manner, tmp_path):
        server.manner["train-images-idx3-ubyte.gz"] = manner
        loaded = data.load_mnist()
        assert loaded.source == "download"
        assert loaded.train_images.shape == (4, 28, 28)
        assert loaded.test_labels.tolist() == [4, 5]
        assert contents(tmp_path / "cache/MNIST/raw") == mnist
        again = data.load_mnist()
        assert again.source == "cache" and again.sha256 == loaded.sha256
        assert np.array_equal(again.train_images, loaded.train_images)
        assert len(server.asked) == 4 + (manner == "truncated_once")

    @pytest.mark.parametrize(
        "manner, reason, attempts",
        [
            ("truncated", "broke off after|IncompleteRead", 3),
            ("understated", "cannot be unpacked", 1),
            ("wrong", "train-images-idx3-ubyte is not the original", 4),
            ("not_found", "404", 1),
            ("busy", "503", 3),
            ("loop", "redirect", 5),
            ("to_a_file", "not allowed", 1),
            ("silent", "no answer within 0.4 s", 1),
            ("stalled", "no data within 0.4 s|timed out", 3),
            ("trickle", "no data within 0.4 s", 3),
            ("endless", "more than the expected 10,000 bytes", 1),
        ],
    )
    def test_failure(
        self, server, mnist, manner, reason, attempts, tmp_path, monkeypatch
    ):
        if manner in ("silent", "stalled", "trickle"):
            monkeypatch.setattr(sources, "TIMEOUT", 0.4)
        server.manner["train-images-idx3-ubyte.gz"] = manner
        for _ in range(2):  # the second time it is not tried again
            no_data(data.load_mnist, reason)
            assert len(server.asked) == attempts
        assert not contents(tmp_path)

    def test_offline_or_nobody_listens(self, server, mnist):
        server.server_close()
        no_data(data.load_mnist, "download failed")
        no_data(data.load_mnist, "BOOK_OFFLINE is set", offline="1")


class TestCache:
    @pytest.mark.parametrize("fault", ["truncated", "flipped", "folder"])
    def test_damaged_file_is_fetched_anew(self, mnist, tmp_path, fault):
        data.load_mnist()
        file = tmp_path / "cache/MNIST/raw/train-images-idx3-ubyte"
        damage(file, fault)
        no_data(data.load_mnist, "no good copy in the cache", offline="1")
        if fault == "folder":  # it may hold something of the reader's
            no_data(data.load_mnist, f"{file} cannot be written.*mend")
            sources._failed.clear()
            file.rmdir()
        assert data.load_mnist().source == "download"
        assert file.read_bytes() == mnist[file.name]

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOTDIR])
    def test_read_only(self, server, mnist, tmp_path, monkeypatch, number):
        def refuse(dir):
            raise OSError(number, os.strerror(number), str(dir))

        if number == errno.ENOTDIR:
            (tmp_path / "cache").write_text("a file")
        else:
            monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        no_data(data.load_mnist, "cannot be written.*BOOK_CACHE")
        assert server.asked == [], "it is known before anything is downloaded"

    def test_full_disk(self, mnist, tmp_path):
        with no_file_larger_than(1000):  # some fit
            no_data(data.load_mnist, "cannot be written .*BOOK_CACHE")
        assert not [name for name in contents(tmp_path) if name.endswith(".tmp")]
        sources._failed.clear()
        assert data.load_mnist().source == "download"

    def test_killed_in_a_download(self, server, mnist, tmp_path):
        slow = "t10k-labels-idx1-ubyte.gz"
        server.manner[slow] = "stalled"
        program = KILLED.format(sources.MNIST.urls, sources.MNIST.sums)
        process = subprocess.Popen([sys.executable, "-c", program])
        while f"/{slow}" not in server.asked:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert not contents(tmp_path)
        name = "train-images-idx3-ubyte"  # what one killed a moment later would leave
        lay(tmp_path / "cache/MNIST/raw", {f"{name}.1.tmp": mnist[name][:50]})
        del server.manner[slow]
        assert data.load_mnist().source == "download"

    def test_place(self, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", "/b")
        monkeypatch.setenv("BOOK_CACHE", "/a")
        assert data.folder_of("cache") == Path("/a")
        monkeypatch.delenv("BOOK_CACHE")
        assert data.folder_of("cache") == Path("/b/deep-learning-solutions")


class TestBookData:
    @pytest.fixture(autouse=True)
    def folder(self, monkeypatch, tmp_path):
        folder = tmp_path / "Eigene Däten"
        monkeypatch.setenv("BOOK_DATA", str(folder))
        return folder

    @pytest.mark.parametrize("packed", [False, True])
    def test_mnist(self, mnist, folder, packed, server):
        files = {f"{n}.gz": gzip.compress(c) for n, c in mnist.items()}
        lay(folder / "MNIST/raw", files if packed else mnist)
        loaded = data.load_mnist()
        assert loaded.source == "BOOK_DATA" and server.asked == []
        assert loaded.train_labels.tolist() == [0, 1, 2, 3]
        assert loaded.train_labels.dtype == np.int64

    @pytest.mark.parametrize(
        "fault, message",
        [
            ("no folder", "BOOK_DATA is set.*there is no folder .*or unset BOOK_DATA"),
            ("files that lack", "t10k-images.*, t10k-labels.* are missing"),
            ("broken .gz", "cannot be unpacked"),
            ("truncated", "t10k-labels.*original.*Put the original files there"),
            ("flipped", "t10k-labels.*original.*Put the original files there"),
            ("folder", "t10k-labels.*missing.*Put the original files there"),
        ],
    )
    def test_a_wrong_set_is_an_error(self, mnist, folder, fault, message):
        place, name = folder / "MNIST/raw", "t10k-labels-idx1-ubyte"
        packed = {f"{n}.gz": gzip.compress(c)[:-9] for n, c in mnist.items()}
        lacking = {n: c for n, c in mnist.items() if not n.startswith("t10k")}
        files = {"no folder": {}, "files that lack": lacking, "broken .gz": packed}
        lay(place, files.get(fault, mnist))
        if fault not in files:
            damage(place / name, fault)
        with pytest.raises(DataError, match=message):
            data.load_mnist()

    def test_any_photographs_and_nothing_else(self, masks, folder):
        del masks["with_mask/b.png"]
        lay(folder / "face-mask", masks)
        alone = data.load_face_masks()
        assert alone.source == "BOOK_DATA" and alone.labels.tolist() == [0, 1]
        lay(folder / "face-mask", NO_PHOTOGRAPHS)
        (folder / "face-mask/with_mask/folder.png").mkdir()
        loaded = data.load_face_masks()
        assert (loaded.sha256, loaded.items) == (alone.sha256, alone.items)

    def test_a_set_that_is_absent_is_looked_for_elsewhere(self, mnist, masks, folder):
        lay(folder / "MNIST/raw", mnist)
        missing = f"BOOK_DATA has no folder {folder / 'face-mask'}"
        for source in ("download", "cache"):
            with pytest.warns(UserWarning, match=f"{missing}.*from the {source}"):
                loaded = data.load_face_masks()
            assert loaded.source == source and loaded[0].ndim == 3
        shutil.rmtree(os.environ["BOOK_CACHE"])
        no_data(data.load_face_masks, f"{missing}, and .*OFFLINE", offline="1")
        assert data.load_mnist().source == "BOOK_DATA"

    @pytest.mark.parametrize("fault", ["empty", "a dead link", "only one class"])
    def test_photographs_that_are_wrong_are_an_error(self, folder, fault, masks):
        lay(place := folder / "face-mask", NO_PHOTOGRAPHS)
        if fault == "a dead link":
            place.rename(folder.parent / "elsewhere")
            place.symlink_to(folder / "elsewhere")
        if fault == "only one class":
            lay(place, {"with_mask/a.png": masks["with_mask/a.png"]})
        with pytest.raises(DataError, match="with.*_mask/ is .*has no photographs"):
            data.load_face_masks()


class TestState:
    """It changes with what a loader would find, and with nothing else."""

    @pytest.fixture
    def folder(self, masks, tmp_path, monkeypatch):
        """`BOOK_DATA`, where the photographs are a link to a folder elsewhere."""
        lay(tmp_path / "elsewhere", masks)
        folder = tmp_path / "data"
        folder.mkdir()
        (folder / "face-mask").symlink_to(tmp_path / "elsewhere")
        monkeypatch.setenv("BOOK_DATA", str(folder))
        return folder

    def test_only_data_count_and_whether_they_may_be_fetched(self, folder, monkeypatch):
        before = data.state()
        lay(folder, {"images": b"", "datasets/large": b"", "cifar10.tar": b""})
        lay(folder / "face-mask", NO_PHOTOGRAPHS)
        lay(Path(os.environ["BOOK_CACHE"]), {"face-mask/with_mask/a.png": b"unused"})
        assert data.state() == before
        monkeypatch.setenv("BOOK_OFFLINE", "1")
        assert data.state() != before

    @pytest.mark.parametrize(
        "place, name",
        [
            ("elsewhere", "with_mask/a.png"),
            ("elsewhere", "without_mask/new.jpg"),
            ("data", "MNIST/raw/train-images-idx3-ubyte.gz"),
            ("cache", "cifar-10-batches-py/test_batch"),
            ("", "what a link leads to"),
        ],
    )
    def test_what_is_data_does(self, folder, tmp_path, place, name):
        (linked := tmp_path / "what a link leads to").write_bytes(b"before")
        (folder / "face-mask/with_mask/link.jpg").symlink_to(linked)
        before = data.state()
        lay(tmp_path / place, {name: b"new"})
        after = data.state()
        linked.unlink()
        assert len({before, after, data.state()}) == 3


class TestCifar10:
    def test_download(self, cifar10, tmp_path):
        loaded = data.load_cifar10()
        assert loaded.source == "download"
        assert loaded.train_images.shape == (10, 32, 32, 3)
        assert loaded.train_labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
        assert loaded.test_labels.tolist() == [5, 4]
        raw = pickle.loads(cifar10["data_batch_1"])[b"data"][1]
        assert np.array_equal(loaded.train_images[1, 5, 7], raw[5 * 32 + 7 :: 1024])
        assert contents(tmp_path / "cache/cifar-10-batches-py") == cifar10
        assert data.load_cifar10().source == "cache"

    def test_no_pickle_is_read_before_its_checksum(self, cifar10, tmp_path):
        """A pickle that would run code on being read stays unread."""
        marker = tmp_path / "ran"
        evil = f"cbuiltins\nopen\n(V{marker}\nVw\ntR.".encode()
        pickle.loads(evil)
        assert marker.exists()  # it does run when it is read carelessly
        marker.unlink()
        lay(tmp_path / "cache/cifar-10-batches-py", {**cifar10, "test_batch": evil})
        assert data.load_cifar10().source == "download"
        assert not marker.exists()

    @pytest.mark.parametrize("evil", [b"cos\nsystem\n(Vfalse\ntR.", b"cnumpy\nsave\n."])
    def test_only_arrays_are_unpickled(self, evil):
        with pytest.raises(pickle.UnpicklingError, match="not part of an array"):
            data._ArraysOnly(io.BytesIO(evil)).load()


class TestArchive:
    SPARSE = tarfile.TarInfo("in/a")  # a few bytes that claim to be very large
    SPARSE.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1"}
    SPARSE.pax_headers |= {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**50)}
    HUGE = tarfile.TarInfo("in/a")
    HUGE.size = 2**40
    KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    OUTSIDE = "in/../../x ../x /x in\\..\\..\\x C:\\x C:x \\\\h\\s\\x"

    @pytest.mark.parametrize(
        "name, content, message",
        [(name, b"x", "leads out of its folder") for name in OUTSIDE.split()]
        + [("x", link("in/a", kind), "not a plain file") for kind in KINDS]
        + [("x", SPARSE, "not a plain file"), ("x", HUGE, "cannot be read")],
    )
    def test_a_member_that_could_do_harm(self, name, content, message):
        archive = tar({"in/a": b"a", name: content}, compress=False)
        with pytest.raises(DataError, match=message):
            sources._untar(archive, "in")

    @pytest.mark.parametrize("cut", [100, 513, 600, 1100])
    def test_cut_short(self, cut):
        whole = tar({"in/a": b"a" * 600, "in/b": b"b"}, compress=False)
        try:
            files = sources._untar(whole[:cut], "in")
        except DataError as error:
            assert "cannot be read" in str(error)
        else:
            assert "in/b" not in files  # which the list of known files then misses

    @pytest.mark.parametrize(
        "members, message",
        [
            ({"in/a": bytes(10**6)}, "unpacks to more than the expected 200,000 bytes"),
            ({"../../x": b"x"}, "'../../x' leads out"),
            ({"cifar-10-batches-py/test_batch": b""}, "data_batch_3.* are missing"),
        ],
    )
    def test_the_disk_stays_as_it_was(
        self, server, cifar10, tmp_path, members, message
    ):
        server.pages["cifar.tar.gz"] = tar(members)
        no_data(data.load_cifar10, message)
        assert not contents(tmp_path)


class TestFaceMasks:
    def test_download(self, masks):
        for source in ("download", "cache"):
            loaded = data.load_face_masks()
            assert loaded.source == source and len(loaded) == 3
            assert [path.name for path in loaded.items] == ["a.png", "b.png", "c.png"]
            assert loaded.labels.tolist() == [0, 0, 1]
            widths = [image.shape[1] for image in loaded]
            assert widths == [11, 10, 12] and loaded[0].shape == (20, 11, 3)
            assert loaded[2][0, 0].tolist() == [2, 0, 0]

    def test_the_cache_holds_other_files_but_no_other_photograph(self, masks, tmp_path):
        loaded = data.load_face_masks()
        lay(tmp_path / "cache/face-mask", NO_PHOTOGRAPHS)
        again = data.load_face_masks()
        assert (again.source, again.items) == ("cache", loaded.items)
        with (tmp_path / "cache/face-mask/with_mask/a.png").open("ab") as file:
            file.write(b".")
        no_data(data.load_face_masks, "BOOK_OFFLINE", offline="1")

    @pytest.mark.parametrize("content", ["half.jpg", "half.png", b"", b"no picture"])
    def test_a_photograph_that_cannot_be_read_is_named(self, tmp_path, content):
        path = tmp_path / (content if isinstance(content, str) else "a.jpg")
        picture = Image.fromarray(rng.integers(256, size=(90, 90)).astype(np.uint8))
        picture.save(path)
        half = path.read_bytes()[: path.stat().st_size // 2]
        path.write_bytes(half if isinstance(content, str) else content)
        faces = self.only(path)
        with pytest.raises(DataError, match=f"{path} cannot be read as a photograph"):
            faces[0]
        with pytest.raises(IndexError):
            faces[1]

    @staticmethod
    def only(path):
        return data.Photographs("", (), "BOOK_DATA", "", np.zeros(1), (path,))

    @pytest.mark.parametrize("kind", ["u2", "i4", "u1", "1", "P"])
    def test_photographs_of_other_depths(self, tmp_path, kind):
        """Half black, half grey (or white): neither comes out as the other."""
        dtype, mode = (kind, None) if len(kind) > 1 else ("u1", kind)
        most = 65535 if np.dtype(dtype).itemsize > 1 else 255
        pixels = np.zeros((4, 6), dtype)
        pixels[:, 3:] = most if mode == "1" else most // 3
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(path := tmp_path / "a.tiff")
        found = self.only(path)[0]
        assert found.shape == (4, 6, 3) and found.dtype == np.uint8
        assert np.unique(found).tolist() == [0, 255 if mode == "1" else 85]

    def test_blob_ids(self):
        """They are git's own."""
        found = sources.blob_ids({"a": b"", "b": b"hello\n"}).decode().split()
        empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        assert found == ["ce013625030ba8dba906f756967f9e9ca394464a", empty]


class TestStandIn:
    @pytest.fixture(autouse=True)
    def offline(self, monkeypatch):
        monkeypatch.setenv("BOOK_OFFLINE", "1")
        monkeypatch.setenv("BOOK_CACHE", "/nowhere")

    pytestmark = pytest.mark.filterwarnings("ignore:Not .*, but a stand-in")

    @pytest.mark.parametrize(
        "load, shape, checksum",
        [
            (data.load_cifar10, (32, 32, 3), "26d5c065f4a4"),
            (data.load_mnist, (28, 28), "98d590846d14"),
        ],
    )
    def test_form(self, load, shape, checksum):
        found = load()
        assert found.train_images.shape == (8000, *shape)
        assert found.test_images.shape == (2000, *shape)
        for images, labels in parts(found):
            assert images.dtype == np.uint8 and images.max() == 255
            assert labels.dtype == np.int64 and labels.shape == images.shape[:1]
            assert np.bincount(labels).min() > 0.08 * len(labels)
            assert len({image.tobytes() for image in images}) == len(images)
        assert found.sha256.startswith(checksum)  # the same each time and everywhere
        assert found.classes == tuple("0123456789")

    def test_parts_are_disjoint(self):
        """Cut out, a digit of one part is not found in the other; labels are right."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        known = {self.key(image): k for k, image in enumerate(digits.images)}
        assert len(known) == 1797
        held = []
        for images, labels in parts(data.load_mnist()):
            steps = np.ceil(images * (16 / 255))
            which = [known[self.key(image, enlarged=3)] for image in steps]
            assert np.array_equal(digits.target[which], labels)
            held.append(set(which))
        assert [len(part) for part in held] == [1437, 360]
        assert not held[0] & held[1]

    @staticmethod
    def key(image, enlarged=1):
        """What is left of a digit without its empty margins."""
        inner = image[image.any(axis=1)][:, image.any(axis=0)][::enlarged, ::enlarged]
        return inner.shape, inner.astype(np.uint8).tobytes()

    def test_colours_do_not_tell_the_class_and_shapes_do(self):
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier

        loaded = data.load_cifar10()
        corners = loaded.train_images[:, 0, 0].astype(float) / 97
        model = LogisticRegression().fit(corners[:4000], loaded.train_labels[:4000])
        assert model.score(corners[4000:], loaded.train_labels[4000:]) < 0.15
        loaded = data.load_mnist()
        model = KNeighborsClassifier(1)
        model.fit(loaded.train_images.reshape(8000, -1), loaded.train_labels)
        test = loaded.test_images[:300].reshape(300, -1)
        assert model.score(test, loaded.test_labels[:300]) > 0.7

    def test_masks(self):
        found = data.load_face_masks()
        assert len(found) == len(found.labels) == 1797
        assert {image.shape[0] for image in found} == {48, 56, 64, 72, 80}
        assert all(image.dtype == np.uint8 for image in found)
        assert found.sha256.startswith("a1e9ae8c2223")
        assert found.labels.dtype == np.int64 and found.labels[:3].tolist() == [0, 1, 0]

    def test_notice_on_a_page(self):
        from nbclient import NotebookClient
        from nbformat.v4 import new_code_cell, new_notebook

        cell = new_code_cell("from helpers import data\nd = data.load_mnist()")
        notebook = new_notebook(cells=[cell])
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        (output,) = notebook.cells[0].outputs
        assert output.data["text/plain"].startswith("Not MNIST, but a stand-in")
        assert output.data["text/html"].startswith('<p class="stand-in" role="note">')


def test_torch_is_not_imported():
    program = "import sys, helpers.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.skipif(not REAL, reason="BOOK_DATA is not set")
class TestRealData:
    @pytest.fixture(autouse=True)
    def real(self, monkeypatch):
        monkeypatch.setenv("BOOK_DATA", REAL)

    def test_cifar10(self):
        found = data.load_cifar10()
        assert found.train_images.shape == (50_000, 32, 32, 3)
        assert found.test_images.shape == (10_000, 32, 32, 3)
        assert np.bincount(found.train_labels).tolist() == [5000] * 10
        assert np.bincount(found.test_labels).tolist() == [1000] * 10
        assert found.sha256.startswith("c5d76e78434e") and found.source == "BOOK_DATA"
        mean = found.train_images.mean(axis=(0, 1, 2)) / 255
        assert np.allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-4)

    def test_mnist(self):
        found = data.load_mnist()
        assert found.train_images.shape == (60_000, 28, 28)
        assert found.test_images.shape == (10_000, 28, 28)
        assert found.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
        assert np.bincount(found.test_labels)[:2].tolist() == [980, 1135]
        assert found.sha256.startswith("d0a3eec1f5a4")
        assert abs(found.train_images.mean() / 255 - 0.1307) < 1e-4

    def test_face_masks(self):
        found = data.load_face_masks()
        assert len(found) > 100 and set(found.labels) == {0, 1}
        assert found[0].ndim == found[len(found) - 1].ndim == 3
