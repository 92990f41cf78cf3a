"""The list of encoders, torchvision's networks and their weights files, and the principal components of pixels."""

import hashlib
import importlib
import io
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from usl_core.encoders import device as encoder_device
from usl_core.encoders import pixels as encoder_pixels
from usl_core.encoders import preprocessing as encoder_preprocessing
from usl_core.encoders import torchvision as encoder_torchvision
from usl_core.encoders import weights as encoder_weights
from usl_core.encoders.efficientnet import SIDES
from usl_core.encoders.network import TorchModel
from usl_core.encoders.pixels import PixelEncoder
from usl_core.encoders.registry import get_encoder
from usl_core.encoders.torchvision import TorchvisionEncoder
from usl_core.encoders.weights import NETWORKS, weights_dir
from usl_core.errors import UslError

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
Image = pytest.importorskip("PIL.Image")

encoders = importlib.import_module("usl_core.encoders.registry")
SMALL = "torchvision:mobilenet_v3_small"


@pytest.fixture(autouse=True)
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "torch"


def picture(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def quiet(note):
    pass


# --- the list -------------------------------------------------------------------------------------------------------


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, usl_core.encoders.registry as e; cards = e.encoder_cards(); [e.get_encoder(c.name) for c in cards];"
        "print([m for m in ('torch', 'torchvision', 'sklearn', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_card_has_an_encoder_of_that_name():
    cards = encoders.encoder_cards()
    assert [card.name for card in cards] == [get_encoder(card.name).name for card in cards]
    assert cards[0].name == "pixels:pca"
    assert cards[0].cached
    assert cards[1].name == "bundled:mini"
    along = [card.name for card in cards if card.cached]
    assert along == ["pixels:pca", "bundled:mini", *SIDES]
    assert [card.size for card in cards[:3]] == ["no weights", "2.7 MB", "19 MB"]
    assert len({card.name for card in cards}) == len(cards)


def test_a_weights_file_that_is_there_counts_as_cached(torch_home):
    weights_dir().mkdir(parents=True)
    (weights_dir() / NETWORKS[SMALL].file).touch()
    assert [card.name for card in encoders.encoder_cards() if card.cached] == ["pixels:pca", "bundled:mini", *SIDES, SMALL]


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(UslError, match=r"no encoder 'resnet18'; did you mean torchvision:resnet18\?"):
        get_encoder("resnet18")
    with pytest.raises(UslError, match=r"no encoder 'bundled:min'; did you mean bundled:mini\?"):
        get_encoder("bundled:min")
    with pytest.raises(
        UslError, match=r"no encoder '\?'; choose pixels:pca or bundled:mini or efficientnet:lite0\. `encoders`"
    ):
        get_encoder("?")


@pytest.mark.parametrize(("name", "weights"), [("pixels:pca", "random"), (SMALL, "IMAGENET1K_V1")])
def test_weights_that_an_encoder_cannot_have(name, weights):
    with pytest.raises(UslError, match=f"weights of {name} must be None.* but is '{weights}'"):
        get_encoder(name, weights)


@pytest.mark.parametrize(
    "environment", [{"TORCH_HOME": "/a"}, {"XDG_CACHE_HOME": "/b"}, {"TORCH_HOME": "~/c", "XDG_CACHE_HOME": "/b"}, {}]
)
def test_weights_are_where_torch_looks_for_them(environment, monkeypatch):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(weights_dir().parent) == torch.hub.get_dir()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_table_agrees_with_torchvision(name):
    facts = NETWORKS[name]
    weights = torchvision.models.get_weight(facts.weights)
    assert weights == torchvision.models.get_model_weights(facts.builder).DEFAULT
    assert weights.url == facts.url
    assert facts.url.endswith(f"{facts.builder}-{facts.hash_prefix}.pth")
    assert weights.meta["_file_size"] == pytest.approx(facts.size_mb, abs=0.1)
    published = weights.transforms()
    assert (published.crop_size, published.resize_size) == ([encoder_torchvision.CROP], [facts.resize])
    assert (tuple(published.mean), tuple(published.std)) == encoder_preprocessing.IMAGENET
    assert published.interpolation.value == "bilinear"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_is_what_turns_features_into_classes(name):
    with torch.device("meta"):
        network = TorchvisionEncoder(name, random_weights=True).network(quiet).eval()
        assert network(torch.empty(2, 3, 224, 224)).shape == (2, NETWORKS[name].dim)
        whole = getattr(torchvision.models, NETWORKS[name].builder)(weights=None)
    missing = set(whole.state_dict()) - set(network.state_dict())
    assert [whole.state_dict()[key].shape for key in sorted(missing)] == [(1000,), (1000, NETWORKS[name].dim)]


# --- preprocessing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [SMALL, "torchvision:resnet50"])
@pytest.mark.parametrize("size", [(256, 256), (232, 300), (500, 375), (333, 500), (40, 31), (224, 224), (301, 1199)])
def test_preprocessing_equals_the_published_transforms(name, size):
    image = picture(*size)
    model = TorchModel(torch.nn.Identity(), torch.device("cpu"), "float32", channels_last=True)
    ours = model(np.stack([get_encoder(name).prepare(image)]))[0]
    published = torchvision.models.get_weight(NETWORKS[name].weights).transforms()(image).numpy()
    np.testing.assert_allclose(ours, published, atol=1e-6)


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (4999, 2), (20_000, 300)])
def test_a_strip_is_cut_to_its_middle_before_it_is_resized(size):
    long, short = max(size), min(size)
    ramp = np.abs(np.arange(long) - (long - 1) / 2).clip(0, 255).round().astype(np.uint8)  # dark in the very middle
    pixels = np.broadcast_to(ramp[:, None], (long, short))
    pixels = pixels.T if size[0] == long else pixels
    cut = encoder_preprocessing._cut_strip(Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB"))
    assert max(cut.size) <= 4 * short + 1
    grey = np.asarray(cut)[..., 0]
    np.testing.assert_array_equal(grey, grey[::-1, ::-1])
    assert get_encoder(SMALL).prepare(cut).shape == (224, 224, 3)


# --- the forward pass -----------------------------------------------------------------------------------------------


def test_features_are_those_before_the_last_layer_and_draw_no_random_numbers():
    state = torch.get_rng_state()
    encoder = get_encoder("torchvision:resnet18", weights="random")
    pixels = np.stack([encoder.prepare(picture(230, 260, seed)) for seed in range(2)])
    values = encoder.load("cpu", "float32", quiet)(pixels)
    assert torch.equal(torch.get_rng_state(), state)
    assert values.shape == (2, 512)
    assert values.dtype == np.float32

    torch.random.default_generator.manual_seed(0)
    whole = torchvision.models.resnet18(weights=None).eval()
    torch.set_rng_state(state)
    seen = []
    whole.avgpool.register_forward_hook(lambda module, inputs, output: seen.append(output.flatten(1)))
    transforms = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    with torch.inference_mode():
        whole(torch.stack([transforms(picture(230, 260, seed)) for seed in range(2)]))
    np.testing.assert_allclose(values, seen[0].numpy(), rtol=1e-4, atol=1e-5)


def test_bfloat16_is_refused_where_it_would_be_slower(monkeypatch):
    monkeypatch.setattr(encoder_device, "_cpu_has_bfloat16", lambda: False)
    with pytest.raises(UslError, match="precision 'bfloat16' needs a device with bfloat16 instructions"):
        get_encoder(SMALL, "random").load("cpu", "bfloat16", quiet)


def test_bfloat16_is_nearly_float32(monkeypatch):
    monkeypatch.setattr(encoder_device, "_cpu_has_bfloat16", lambda: True)
    encoder = get_encoder(SMALL, "random")
    pixels = np.stack([encoder.prepare(picture(224, 224))])
    exact, rounded = (encoder.load("cpu", precision, quiet)(pixels)[0] for precision in ("float32", "bfloat16"))
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    assert exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded) > 0.999
    assert encoder.identity("float32") != encoder.identity("bfloat16")


def test_a_device_that_is_not_there():
    with pytest.raises(UslError, match="device 'cuda:99' does not exist"):
        get_encoder(SMALL, "random").load("cuda:99", "float32", quiet)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_features_of_the_cpu():
    encoder = get_encoder("torchvision:resnet18", "random")
    pixels = np.stack([encoder.prepare(picture(224, 224, seed)) for seed in range(4)])
    cpu, cuda = (encoder.load(device, "float32", quiet)(pixels) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda, cpu, rtol=1e-3, atol=1e-4)
    assert torch.backends.cudnn.allow_tf32


# --- weights files --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights_bytes():
    buffer = io.BytesIO()
    with torch.random.fork_rng(devices=[]):
        torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def server():
    """A web server with `files` (path -> bytes) that remembers what it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = files.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    files, asked = {}, []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    httpd.files, httpd.asked, httpd.url = files, asked, f"http://127.0.0.1:{httpd.server_port}"
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def publish(monkeypatch, content, url="http://127.0.0.1:9"):
    """Make `content` what SMALL's file must hold, to be found under `url`; the file's name."""
    file = f"small-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setitem(encoder_weights.NETWORKS, SMALL, replace(NETWORKS[SMALL], url=f"{url}/{file}"))
    return file


def test_weights_are_downloaded_once(server, weights_bytes, monkeypatch):
    file = publish(monkeypatch, weights_bytes, server.url)
    server.files[f"/{file}"] = weights_bytes
    notes = []
    first = get_encoder(SMALL).load("cpu", "float32", notes.append)
    assert f"downloading {file}, 10 MB" in notes
    assert (weights_dir() / file).read_bytes() == weights_bytes
    second = get_encoder(SMALL).load("cpu", "float32", quiet)
    assert server.asked == [f"/{file}"]
    pixels = np.stack([picture(224, 224)])
    np.testing.assert_array_equal(first(pixels), second(pixels))
    whole = torchvision.models.mobilenet_v3_small(weights=None)
    whole.load_state_dict(torch.load(io.BytesIO(weights_bytes), weights_only=True))
    whole.classifier[3] = torch.nn.Identity()
    x = torchvision.models.MobileNet_V3_Small_Weights.DEFAULT.transforms(resize_size=224)(Image.fromarray(pixels[0]))
    with torch.inference_mode():
        np.testing.assert_allclose(first(pixels), whole.eval()(x[None]).numpy(), rtol=1e-4, atol=1e-5)


def test_a_file_put_there_by_hand_needs_no_network(weights_bytes, monkeypatch):
    file = publish(monkeypatch, weights_bytes)
    weights_dir().mkdir(parents=True)
    (weights_dir() / file).write_bytes(weights_bytes)
    get_encoder(SMALL).load("cpu", "float32", quiet)


@pytest.mark.parametrize("fault", ["refused", "404", "wrong hash", "folder"])
def test_a_failed_download_says_what_to_put_where(fault, server, weights_bytes, monkeypatch, torch_home):
    file = publish(monkeypatch, weights_bytes, "http://127.0.0.1:9" if fault == "refused" else server.url)
    if fault == "wrong hash":
        server.files[f"/{file}"] = weights_bytes[:-1]
    if fault == "folder":
        torch_home.touch()  # a file where the directory should be
    with pytest.raises(UslError) as caught:
        get_encoder(SMALL).load("cpu", "float32", quiet)
    message = str(caught.value)
    assert all(part in message for part in (SMALL, file, NETWORKS[SMALL].url, str(weights_dir()), "bundled:mini"))
    assert {"refused": "refused", "404": "404", "wrong hash": "invalid hash", "folder": "directory"}[fault] in message
    assert fault == "folder" or list(weights_dir().iterdir()) == []


def test_a_damaged_file_is_named_and_may_be_deleted(weights_bytes, monkeypatch):
    file = publish(monkeypatch, weights_bytes)
    weights_dir().mkdir(parents=True)
    (weights_dir() / file).write_bytes(weights_bytes[:1000])
    with pytest.raises(UslError, match=r"weights file .* is damaged: its SHA-256 .* delete it") as caught:
        get_encoder(SMALL).load("cpu", "float32", quiet)
    assert str(weights_dir() / file) in str(caught.value)


class Touch:
    """Pickled, this would create a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("content", ["noise", "empty", "list", "wrong keys", "wrong shapes", "code"])
def test_a_file_that_holds_no_such_weights(content, weights_bytes, monkeypatch, tmp_path):
    state = torch.load(io.BytesIO(weights_bytes), weights_only=True)
    buffer = io.BytesIO()
    things = {
        "list": [1, 2],
        "wrong keys": {"a": torch.zeros(2)},
        "wrong shapes": {key: torch.zeros(3) for key in state},
        "code": {"a": Touch(str(tmp_path / "touched"))},
    }
    if content in things:
        torch.save(things[content], buffer)
    data = {"noise": b"no weights at all", "empty": b""}.get(content, buffer.getvalue())
    file = publish(monkeypatch, data)
    weights_dir().mkdir(parents=True)
    (weights_dir() / file).write_bytes(data)
    with pytest.raises(UslError, match=f"{file} is damaged: .*; delete it"):
        get_encoder(SMALL).load("cpu", "float32", quiet)
    assert not (tmp_path / "touched").exists()


# --- principal components of pixels ---------------------------------------------------------------------------------


def finish(rows, block=7):
    rows = np.asarray(rows, dtype=np.uint8)
    return PixelEncoder().finish(lambda: (rows[at : at + block] for at in range(0, len(rows), block)), len(rows))


def noise(n, r=300, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, r), dtype=np.uint8)


def test_pixels_are_shrunk_with_antialiasing_and_flattened():
    encoder = PixelEncoder()
    stripes = np.zeros((320, 640, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = encoder.prepare(Image.fromarray(stripes))
    assert small.shape == (32, 32, 3)
    assert np.abs(small.astype(int) - 128).max() <= 2
    assert encoder.load("auto", "float32", quiet)(small[None]).shape == (1, 3072)


@pytest.mark.parametrize("n", [2, 30, 200, 500])
def test_projections_are_those_of_a_singular_value_decomposition(n):
    rows = noise(n)
    values = finish(rows)
    centred = rows - rows.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    d = min(64, n - 1)
    assert values.shape == (n, d)
    assert values.dtype == np.float32
    signs = np.sign(vt[np.arange(d), np.abs(vt[:d]).argmax(axis=1)])
    np.testing.assert_allclose(values, (u * s)[:, :d] * signs, atol=1e-2)


def test_many_images_keep_as_much_spread_as_the_exact_axes():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(700, 80)) * 0.95 ** np.arange(80)) @ rng.normal(size=(80, 400))
    rows = ((rows - rows.min()) * 255 / np.ptp(rows)).round()
    values = finish(rows, block=100)
    exact = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:64]
    assert values.shape == (700, 64)
    assert (values.astype(float) ** 2).sum() > 0.999 * (exact**2).sum()
    np.testing.assert_array_equal(values, finish(rows, block=100))


def test_fewer_dimensions_than_images_when_the_rank_is_low():
    rows = np.outer(np.arange(100), np.ones(300)) + np.outer(np.arange(100) % 3, np.arange(300) % 2)
    assert finish(rows).shape == (100, 2)


@pytest.mark.parametrize("n", [1, 3])
def test_equal_images_share_the_first_unit_vector(n):
    np.testing.assert_array_equal(finish(np.full((n, 300), 77)), np.ones((n, 1), dtype=np.float32))


def test_the_mean_image_has_no_direction():
    values = finish(np.stack([np.zeros(300), np.full(300, 254), np.full(300, 127), np.full(300, 128), np.full(300, 126)]))
    assert np.flatnonzero(np.linalg.norm(values, axis=1) == 0).tolist() == [2]


def test_axes_are_fitted_on_images_spread_over_the_set(monkeypatch):
    monkeypatch.setattr(encoder_pixels, "FIT_ON", 5)
    rows = noise(21)
    sample = encoder_pixels._sample(lambda: iter([rows[:2], rows[2:9], rows[9:]]), 21)
    np.testing.assert_array_equal(sample, rows[[0, 5, 10, 15, 20]])
    assert finish(rows).shape == (21, 4)


def test_a_rare_picture_that_the_sample_misses_is_still_seen(monkeypatch):
    monkeypatch.setattr(encoder_pixels, "FIT_ON", 5)
    rows = np.full((21, 300), 9)
    rows[[3, 4]] = noise(2)
    values = finish(rows)
    assert values.shape == (21, 2)
    assert len(np.unique(values.round(2), axis=0)) == 3


@pytest.mark.parametrize("n", [2, 3, 40, 90])
def test_few_images_have_the_axes_of_scikit_learn_to_the_last_bit(n):
    """Features that were kept by a version that asked it stay what they are called."""
    from sklearn.decomposition import PCA

    sample = np.random.default_rng(n).integers(0, 256, (n, 75), dtype=np.uint8)
    sample[-1] = sample[0] + np.uint8(n == 2)
    mean, axes = encoder_pixels._principal_axes(sample)
    solver = PCA(min(64, n), svd_solver="full").fit(sample - sample.mean(axis=0))
    theirs = solver.components_[: axes.shape[1]].T
    largest = np.take_along_axis(theirs, np.abs(theirs).argmax(axis=0)[None], axis=0)
    assert np.array_equal(mean, sample.mean(axis=0))
    assert axes.shape[1] == min(64, max(1, n - 2))
    assert np.array_equal(axes, theirs * np.sign(largest))


def test_few_images_are_encoded_without_loading_scikit_learn(tmp_path):
    for at in range(5):
        picture(9, 9, at).save(tmp_path / f"{at}.png")
    code = (
        "import sys, usl_core\n"
        f"found = usl_core.encode({str(tmp_path)!r}, 'pixels:pca', cache_dir={str(tmp_path / 'cache')!r})\n"
        "print(found.values.shape, [m for m in ('sklearn', 'pandas', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "(5, 4) []\n"
