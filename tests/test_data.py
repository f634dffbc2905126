"""The loaders against a server that answers in every wrong way, and damaged files."""

import dataclasses
import errno
import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import tempfile
import threading
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
FIRST = "train-images-idx3-ubyte"


class Handler(BaseHTTPRequestHandler):
    """Serves the `pages` of its server, in the manner that `manner[path]` names."""

    def do_GET(self):
        server, name = self.server, self.path.rpartition("/")[2]
        server.asked.append(self.path)
        body, manner = server.pages.get(name, b""), server.manner.get(name, "right")
        if manner == "truncated_once" and server.asked.count(self.path) == 1:
            manner = "truncated"
        if manner == "wrong":
            body = gzip.compress(b"other content")
        if manner == "silent":
            server.closing.wait()
        statuses = {"not_found": 404, "busy": 503, "loop": 302, "to_a_file": 302}
        self.send_response(statuses.get(manner, 200))
        if place := {"loop": self.path, "to_a_file": "file:///etc/hostname"}.get(
            manner
        ):
            self.send_header("Location", place)
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
        """Called for each answer, before its content is sent."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.pages, found.manner, found.asked = {}, {}, []
        found.closing = threading.Event()
        threading.Thread(target=found.serve_forever, args=(0.01,)).start()
        yield found
        found.closing.set()
        found.shutdown()


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


def tar(members, mode="w:gz"):
    """An archive of `{name: content}`; content may be a prepared `TarInfo`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members.items():
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                archive.addfile(content)
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
        address = f"http://127.0.0.1:{server.server_port}"
        known |= {"urls": tuple(f"{address}/{p}" for p in pages), "limit": limit}
        origin = dataclasses.replace(getattr(sources, name), **known)
        monkeypatch.setattr(sources, name, origin)
        return files

    return publish


@pytest.fixture
def mnist(publish):
    """A small set of MNIST's form, on the server; returns the content of its files."""
    images, labels = rng.integers(256, size=(6, 28, 28)), np.arange(6)
    arrays = images[:4], labels[:4], images[4:], labels[4:]
    files = dict(zip(sources.MNIST.sums, map(idx, arrays), strict=True))
    return publish("MNIST", files, zipped(files), limit=10_000)


@pytest.fixture
def cifar10(publish):
    """A small set of CIFAR-10's form, on the server; returns its files."""
    files = {}
    for k, name in enumerate(sources.CIFAR10.sums):
        batch = {b"data": rng.integers(256, size=(2, 3072), dtype=np.uint8)}
        files[name] = pickle.dumps(batch | {b"labels": [k, 9 - k]}, protocol=4)
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


def zipped(files):
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def damage(file, fault):
    content = file.read_bytes()
    file.unlink()
    if fault == "folder":
        file.mkdir()
    else:
        file.write_bytes(content[:-1] + (fault == "flipped") * bytes([content[-1] ^ 1]))


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
        server.manner[FIRST + ".gz"] = manner
        loaded = data.load_mnist()
        assert loaded.source == "download"
        assert loaded.train_images.shape == (4, 28, 28)
        assert loaded.test_labels.tolist() == [4, 5]
        assert contents(tmp_path / "cache/MNIST/raw") == mnist
        again = data.load_mnist()
        assert again.source == "cache" and again.sha256 == loaded.sha256
        assert np.array_equal(again.train_images, loaded.train_images)
        assert len(server.asked) == 4 + (manner == "truncated_once")

    REASONS = {"truncated": "broke off after|IncompleteRead", "loop": "redirect"}
    REASONS |= {"stalled": "no data within 0.4 s|timed out", "to_a_file": "not allowed"}
    REASONS |= {"silent": "no answer within 0.4 s", "trickle": "no data within 0.4 s"}
    REASONS |= {"endless": "more than the expected 10,000 bytes", "busy": "503"}
    REASONS |= {"understated": "cannot be unpacked", "not_found": "404"}
    REASONS |= {"wrong": f"{FIRST} is not the original"}
    ASKED = {
        "truncated": 3,
        "loop": 5,
        "stalled": 3,
        "trickle": 3,
        "busy": 3,
        "wrong": 4,
    }

    @pytest.mark.parametrize("manner", REASONS)
    def test_failure(self, server, mnist, manner, tmp_path, monkeypatch):
        if manner in ("silent", "stalled", "trickle"):
            monkeypatch.setattr(sources, "TIMEOUT", 0.4)
        server.manner[FIRST + ".gz"] = manner
        for _ in range(2):  # the second time it is not tried again
            no_data(data.load_mnist, self.REASONS[manner])
            assert len(server.asked) == self.ASKED.get(manner, 1)
        assert not contents(tmp_path)


class TestCache:
    @pytest.mark.parametrize("fault", ["truncated", "flipped", "folder"])
    def test_damaged_file_is_fetched_anew(self, mnist, tmp_path, fault):
        data.load_mnist()
        damage(file := tmp_path / "cache/MNIST/raw" / FIRST, fault)
        no_data(data.load_mnist, "no good copy in the cache", offline="1")
        if fault == "folder":  # it may hold something of the reader's
            no_data(data.load_mnist, f"{file} cannot be written.*mend")
            sources._failed.clear()
            file.rmdir()
        assert data.load_mnist().source == "download"
        assert file.read_bytes() == mnist[file.name]

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, None])
    def test_read_only(self, server, mnist, tmp_path, monkeypatch, number):
        def refuse(dir):
            raise OSError(number, os.strerror(number), str(dir))

        if number:
            monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        else:
            (tmp_path / "cache").write_text("a file")
        no_data(data.load_mnist, "cannot be written.*BOOK_CACHE")
        assert server.asked == [], "it is known before anything is downloaded"

    def test_full_disk(self, mnist, tmp_path):
        with no_file_larger_than(1000):  # some fit
            no_data(data.load_mnist, "cannot be written .*BOOK_CACHE")
        assert not [name for name in contents(tmp_path) if name.endswith(".tmp")]
        sources._failed.clear()
        assert data.load_mnist().source == "download"

    def test_what_a_kill_in_a_download_leaves(self, mnist, tmp_path, monkeypatch):
        def look(*_):
            there.append(contents(tmp_path))

        there = []
        monkeypatch.setattr(Handler, "log_message", look)
        left = {f"{FIRST}.1.tmp": mnist[FIRST][:50]}  # by a kill a moment later
        lay(tmp_path / "cache/MNIST/raw", left)
        assert data.load_mnist().source == "download"
        assert there == 4 * [left]

    def test_place(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", "/b")
        assert data.folder_of("cache") == tmp_path / "cache"
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
        lay(folder / "MNIST/raw", zipped(mnist) if packed else mnist)
        loaded = data.load_mnist()
        assert loaded.source == "BOOK_DATA" and server.asked == []
        assert loaded.train_labels.tolist() == [0, 1, 2, 3]
        assert loaded.train_labels.dtype == np.int64

    FAULTS = {"truncated": "t10k-labels.*original.*Put the original files there"}
    FAULTS |= {"flipped": FAULTS["truncated"], "broken .gz": "cannot be unpacked"}
    FAULTS |= {"folder": "t10k-labels.*missing.*Put the original files there"}
    FAULTS |= {"files that lack": "t10k-images.*, t10k-labels.* are missing"}
    FAULTS |= {"no folder": "there is no folder .*or unset BOOK_DATA"}

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_wrong_set_is_an_error(self, mnist, folder, fault):
        packed = {name: content[:-9] for name, content in zipped(mnist).items()}
        lacking = {n: c for n, c in mnist.items() if not n.startswith("t10k")}
        files = {"no folder": {}, "files that lack": lacking, "broken .gz": packed}
        lay(folder / "MNIST/raw", files.get(fault, mnist))
        if fault not in files:
            damage(folder / "MNIST/raw/t10k-labels-idx1-ubyte", fault)
        with pytest.raises(DataError, match=f"BOOK_DATA is set.*{self.FAULTS[fault]}"):
            data.load_mnist()

    def test_any_photographs_and_nothing_else(self, masks, folder):
        del masks["with_mask/b.png"]
        lay(place := folder / "face-mask", masks)
        alone = data.load_face_masks()
        assert alone.source == "BOOK_DATA" and alone.labels.tolist() == [0, 1]
        lay(place, NO_PHOTOGRAPHS)
        (place / "with_mask/folder.png").mkdir()
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

    PHOTOGRAPHS = (
        "elsewhere/with_mask/a.png",
        "elsewhere/without_mask/new.jpg",
        "linked",
    )
    ARRAYS = f"data/MNIST/raw/{FIRST}.gz", "cache/cifar-10-batches-py/test_batch"

    @pytest.mark.parametrize("name", PHOTOGRAPHS + ARRAYS)
    def test_what_is_data_does(self, folder, tmp_path, name):
        (linked := tmp_path / "linked").write_bytes(b"before")
        (folder / "face-mask/with_mask/link.jpg").symlink_to(linked)
        before = data.state()
        lay(tmp_path, {name: b"new"})
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
        marker.unlink()  # it does run when it is read carelessly
        lay(tmp_path / "cache/cifar-10-batches-py", {**cifar10, "test_batch": evil})
        assert data.load_cifar10().source == "download"
        assert not marker.exists()

    @pytest.mark.parametrize("evil", [b"cos\nsystem\n(Vfalse\ntR.", b"cnumpy\nsave\n."])
    def test_only_arrays_are_unpickled(self, evil):
        with pytest.raises(pickle.UnpicklingError, match="not part of an array"):
            data._ArraysOnly(io.BytesIO(evil)).load()


class TestArchive:
    SPARSE, HUGE = tarfile.TarInfo("in/a"), tarfile.TarInfo("in/a")
    SPARSE.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1"}
    SPARSE.pax_headers |= {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**50)}
    HUGE.size = 2**40
    KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    OUTSIDE = "in/../../x ../x /x in\\..\\..\\x C:\\x C:x \\\\h\\s\\x"
    HARMFUL = [(name, b"x", "leads out of its folder") for name in OUTSIDE.split()]
    HARMFUL += [("x", link("in/a", kind), "not a plain file") for kind in KINDS]
    HARMFUL += [("x", SPARSE, "not a plain file"), ("x", HUGE, "cannot be read")]

    @pytest.mark.parametrize("name, content, message", HARMFUL)
    def test_a_member_that_could_do_harm(self, name, content, message):
        archive = tar({"in/a": b"a", name: content}, mode="w")
        with pytest.raises(DataError, match=message):
            sources._untar(archive, "in")

    @pytest.mark.parametrize("cut", [100, 513, 600, 1100])
    def test_cut_short(self, cut):
        whole = tar({"in/a": b"a" * 600, "in/b": b"b"}, mode="w")
        try:
            files = sources._untar(whole[:cut], "in")
        except DataError as error:
            assert "cannot be read" in str(error)
        else:
            assert "in/b" not in files  # which the list of known files then misses

    MEMBERS = {"in/a": "unpacks to more than the expected 200,000 bytes"}
    MEMBERS |= {"../../x": "'../../x' leads out"}
    MEMBERS |= {"cifar-10-batches-py/test_batch": "data_batch_3.* are missing"}

    @pytest.mark.parametrize("name", MEMBERS)
    def test_the_disk_stays_as_it_was(self, publish, tmp_path, name):
        content = bytes(10**6 if name == "in/a" else 0)
        files = dict.fromkeys(sources.CIFAR10.sums, b"")
        publish("CIFAR10", files, {"cifar.tar.gz": tar({name: content})})
        no_data(data.load_cifar10, self.MEMBERS[name])
        assert not contents(tmp_path)


class TestFaceMasks:
    def test_the_cache_holds_other_files_but_no_other_photograph(self, masks, tmp_path):
        for source in ("download", "cache"):
            loaded = data.load_face_masks()
            assert loaded.source == source and len(loaded) == 3
            assert [path.name for path in loaded.items] == ["a.png", "b.png", "c.png"]
            assert loaded.labels.tolist() == [0, 0, 1]
            widths = [image.shape[1] for image in loaded]
            assert widths == [11, 10, 12] and loaded[0].shape == (20, 11, 3)
            assert loaded[2][0, 0].tolist() == [2, 0, 0]
            lay(tmp_path / "cache/face-mask", NO_PHOTOGRAPHS)
        with loaded.items[0].open("ab") as file:
            file.write(b".")
        no_data(data.load_face_masks, "BOOK_OFFLINE", offline="1")

    @pytest.mark.parametrize("content", ["half.jpg", "half.png", b"", b"no picture"])
    def test_a_photograph_that_cannot_be_read_is_named(self, tmp_path, content):
        path = tmp_path / "a.jpg"
        if isinstance(content, str):
            pixels = rng.integers(256, size=(90, 90), dtype=np.uint8)
            Image.fromarray(pixels).save(path := tmp_path / content)
            content = path.read_bytes()[: path.stat().st_size // 2]
        path.write_bytes(content)
        faces = self.only(path)
        with pytest.raises(DataError, match=f"{path} cannot be read as a photograph"):
            faces[0]
        with pytest.raises(IndexError):
            faces[1]

    @staticmethod
    def only(path):
        return data.Photographs("", (), "BOOK_DATA", "", np.zeros(1), (path,))

    @pytest.mark.parametrize(
        "dtype, mode, grey, expected",
        [("u2", "I;16", 65535 // 3, 85), ("i4", "I", 65535 // 3, 85)]
        + [("u1", "L", 85, 85), ("u1", "1", 255, 255), ("u1", "P", 85, 85)],
    )
    def test_photographs_of_other_depths(self, tmp_path, dtype, mode, grey, expected):
        """Half black, half grey (or white): neither comes out as the other."""
        pixels = np.array([[0, 0, 0, grey, grey, grey]] * 4, dtype)
        Image.fromarray(pixels).convert(mode).save(path := tmp_path / "a.tiff")
        found = self.only(path)[0]
        assert found.shape == (4, 6, 3) and found.dtype == np.uint8
        assert np.unique(found).tolist() == [0, expected]

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

    FORMS = ((32, 32, 3), "26d5c065f4a4"), ((28, 28), "98d590846d14")

    @pytest.mark.parametrize("shape, checksum", FORMS)
    def test_form(self, shape, checksum):
        found = data.load_cifar10() if len(shape) == 3 else data.load_mnist()
        for count, (images, labels) in zip((8000, 2000), parts(found), strict=True):
            assert images.shape == (count, *shape) and labels.shape == (count,)
            assert images.dtype == np.uint8 and images.max() == 255
            assert labels.dtype == np.int64 and np.bincount(labels).min() > 0.08 * count
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
        (images, labels), (test, answers) = parts(data.load_mnist())
        model = KNeighborsClassifier(1).fit(images.reshape(8000, -1), labels)
        assert model.score(test[:300].reshape(300, -1), answers[:300]) > 0.7

    def test_masks(self):
        found = data.load_face_masks()
        assert len(found) == len(found.labels) == 1797
        kinds = {(image.shape[0], image.dtype.name) for image in found}
        assert kinds == {(side, "uint8") for side in (48, 56, 64, 72, 80)}
        assert found.sha256.startswith("a1e9ae8c2223")
        assert found.labels.dtype == np.int64 and found.labels[:3].tolist() == [0, 1, 0]


@pytest.mark.skipif(not REAL, reason="BOOK_DATA is not set")
class TestRealData:
    @pytest.fixture(autouse=True)
    def real(self, monkeypatch):
        monkeypatch.setenv("BOOK_DATA", REAL)

    CIFAR10 = "c5d76e78434e", (50_000, 32, 32, 3), [6, 9, 9, 4], [0.491, 0.482, 0.447]
    MNIST = "d0a3eec1f5a4", (60_000, 28, 28), [5, 0, 4, 1], 0.1307

    @pytest.mark.parametrize("name", ["CIFAR10", "MNIST"])
    def test_arrays(self, name):
        checksum, shape, first, means = getattr(self, name)
        found = getattr(data, f"load_{name.lower()}")()
        assert found.sha256.startswith(checksum) and found.source == "BOOK_DATA"
        for count, (images, labels) in zip(
            (shape[0], 10_000), parts(found), strict=True
        ):
            assert images.shape == (count, *shape[1:])
            assert np.bincount(labels, minlength=10).min() > 0.08 * count
        assert found.train_labels[:4].tolist() == first
        pixels = found.train_images.reshape(-1, *shape[3:])
        assert np.allclose(pixels.mean(axis=0) / 255, means, atol=1e-3)

    def test_face_masks(self):
        found = data.load_face_masks()
        assert len(found) > 100 and set(found.labels) == {0, 1}
        assert found[0].ndim == found[len(found) - 1].ndim == 3
