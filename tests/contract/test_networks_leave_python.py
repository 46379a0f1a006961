"""Networks keep what they compute when they are exported, compiled, or run by ONNX Runtime."""

import shutil

import pytest
import torch
from catalogue import KINDS, small
from selection import networks

ONE_OF_EACH = ("vgg11", "resnet18", "densenet121", "mobilenet_v2", "vit_b_16")  # plain, residual, dense, inverted, attention
ANY_BATCH = ({0: torch.export.Dim("n", min=2, max=64)},)


def close(found, expected, share):
    torch.testing.assert_close(found, expected, rtol=share, atol=share * expected.abs().max().item())


EXPORTED = ("densenet121", "mobilenet_v2")
ALL = list(dict.fromkeys([*KINDS, *ONE_OF_EACH]))


@pytest.mark.parametrize("name", networks(ALL, ("resnet18", "vit_b_16"), EXPORTED))
def test_exported_for_any_batch(name):
    model, x = small(name)
    program = torch.export.export(model.eval(), (x,), dynamic_shapes=ANY_BATCH)
    with torch.no_grad():
        close(program.module()(x[:3]), model(x[:3]), 1e-5)


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    """Compiled code goes where it leaves no trace; the headers are compiled once."""
    if not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("no compiler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield torch.compile


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("name", networks(ONE_OF_EACH, ()))
def test_compiled(name, compiler):
    torch.compiler.reset()
    model, x = small(name)
    model.eval()
    with torch.no_grad():
        close(compiler(model)(x), model(x), 1e-4)


@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("name", networks(ALL, (), ("resnet18",)))
def test_run_by_onnx_runtime(name, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, x = small(name)
    program = torch.onnx.export(model.eval(), (x,), dynamo=True, dynamic_shapes=ANY_BATCH, verbose=False)
    program.save(tmp_path / "model.onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(tmp_path / "model.onnx", options, providers=["CPUExecutionProvider"])
    for batch in (x, x[:3]):
        found = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
        assert len(found) == 1
        with torch.no_grad():
            close(torch.from_numpy(found[0]), model(batch), 1e-4)
