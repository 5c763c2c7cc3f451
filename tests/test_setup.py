"""The set-up files agree with each other, with the package and with the embedded data."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import gnnrec_helpers

ROOT = Path(__file__).resolve().parents[1]
EMBEDDED = [line.split()[1] for line in (ROOT / "data/SHA256SUMS").read_text("utf-8").splitlines()]
TARGETS = [
    "help", "lab", "fresh", "test", "test-browser", "check", "mutants", "execute", "bench", "site",
    "clean",
]  # fmt: skip

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DEPENDENCIES = sorted(
    {
        line
        for lines in [PROJECT["dependencies"], *EXTRAS.values()]
        for line in lines
        if canonicalize_name(Requirement(line).name) != PROJECT["name"]
    }
)


TORCHREC_LOCK = "requirements-torchrec.lock"
INSTALLED = {canonicalize_name(one.metadata["Name"]) for one in metadata.distributions()}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def lock_lines(name: str = "requirements.lock") -> list[str]:
    lines = read(name).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pinned() -> dict[str, str]:
    pins = [Requirement(line) for line in lock_lines()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-torchrec.lock"])
def test_lock_has_exact_versions_only(name: str):
    for line in lock_lines(name):
        pin = Requirement(line)  # refuses options such as an index, and plain addresses
        assert pin.url is None, line
        assert not pin.extras, line
        (specifier,) = pin.specifier
        assert specifier.operator == "==", line
        assert "*" not in specifier.version, line
        assert Version(specifier.version).local is None, line


def test_lock_has_torch_first_then_everything_once_in_order():
    first, *others = (Requirement(line).name for line in lock_lines())
    assert first == "torch"
    assert others == sorted(others, key=canonicalize_name)
    assert len(pinned()) == len(lock_lines())


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_lock_pins_dependency_within_its_range(dependency: str):
    wanted = Requirement(dependency)
    version = pinned()[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version), f"{dependency}, but {version} is pinned"


def test_lock_pins_what_an_editable_install_needs_offline():
    assert {"hatchling", "editables"} <= set(pinned())


def test_lock_of_torchrec_has_all_that_it_needs():
    """What its packages ask for is in one of the locks, but for fbgemm, whose CPU build is."""
    if "torchrec" not in INSTALLED:
        pytest.skip("TorchRec is not installed")
    second = {canonicalize_name(Requirement(line).name) for line in lock_lines(TORCHREC_LOCK)}
    assert not second & set(pinned())
    for name in second:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            wanted = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if wanted and needed.name != "fbgemm-gpu":
                assert canonicalize_name(needed.name) in second | set(pinned()), f"{name}: {line}"


def test_no_package_for_cuda_is_installed():
    """In the environment that the Makefile makes; another may have a GPU's."""
    if not (Path(sys.prefix) / "ready-for-gnnrec").exists() or torch.version.cuda is not None:
        pytest.skip("another environment, or a build of torch for CUDA, which brings its libraries")
    assert not [name for name in INSTALLED if re.match(r"nvidia-|cuda|triton|fbgemm-gpu$", name)]


def test_environment_says_the_same_as_lock_and_package():
    environment = yaml.safe_load(read("environment.yml"))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["name"] == "gnnrec"
    assert environment["channels"] == ["conda-forge"]
    python, pip, through_pip = environment["dependencies"]
    name, _, version = python.partition("=")
    assert name == "python"
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0")
    assert pip == "pip"
    assert through_pip == {"pip": ["-r requirements.lock", "-e ."]}


@pytest.mark.parametrize("target", TARGETS)
def test_makefile_has_target(target: str):
    assert re.search(rf"^{target}:.*## \w", read("Makefile"), re.MULTILINE)
    phony = re.findall(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    assert target in " ".join(phony).split()


def test_make_without_target_lists_the_targets():
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    # not as part of the `make test` this may run in
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(
        [make, "--no-print-directory"], cwd=ROOT, env=clean, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    for target in TARGETS:
        assert re.search(rf"^  make {target} +\w", run.stdout, re.MULTILINE), target


def test_makefile_compares_notebooks_strictly():
    options = read("Makefile").split()
    assert "--nbval" in options
    assert "--nbval-lax" not in options


@pytest.mark.parametrize("target", ["test", "execute"])
def test_outputs_are_stored_and_compared_without_bars_of_progress(target: str):
    (conditions,) = re.findall("^CONDITIONS := (.*)$", read("Makefile"), re.MULTILINE)
    assert "GNNREC_PROGRESS=0" in conditions.split()
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert "$(CONDITIONS) " in recipe


def test_the_lab_opens_the_learner_s_copy_and_is_quiet():
    (recipe,) = re.findall(r"^lab:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    first, *_ = recipe.splitlines()
    assert first == "\t@$(MY_COPY)"
    assert (ROOT / "notebooks" / re.findall(r"/lab/tree/my/(\S+)", recipe)[0]).exists()
    assert "--Application.log_level=WARN" in recipe  # the address is printed as CRITICAL
    assert '--LabApp.app_settings_dir="$(CURDIR)/.jupyterlab"' in recipe


def test_jupyterlab_asks_about_no_news_and_looks_for_no_updates():
    from jupyterlab_server.settings_utils import get_settings

    lab = Path(sys.prefix) / "share/jupyter/lab/schemas"
    settings = get_settings(
        str(ROOT / ".jupyterlab"), str(lab), "", "@jupyterlab/apputils-extension:notification"
    )[0]["schema"]["properties"]
    assert settings["fetchNews"]["default"] == "false"
    assert settings["checkForUpdates"]["default"] is False


def test_workflow_runs_the_test_command_everywhere():
    (path,) = (ROOT / ".github" / "workflows").glob("test.y*ml")
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["test"]
    assert "make test" in [step.get("run") for step in job["steps"]]
    matrix = job["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    pythons = matrix["python"] + [extra["python"] for extra in matrix["include"]]
    for version in pythons:
        assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0")


def release_steps() -> list[dict]:
    job = yaml.safe_load(read(".github/workflows/release.yml"))["jobs"]["build"]
    assert job["needs"] == "test"
    assert job["permissions"].keys() == {"attestations", "contents", "id-token"}
    return job["steps"]


def test_a_tag_is_tested_before_it_is_released():
    workflow = yaml.safe_load(read(".github/workflows/release.yml"))
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # `on` is true in YAML
    assert workflow["jobs"]["test"] == {"uses": "./.github/workflows/test.yml"}
    assert "workflow_call" in yaml.safe_load(read(".github/workflows/test.yml"))[True]


def test_a_release_attests_what_it_builds():
    steps = release_steps()
    commands = "\n".join(step["run"] for step in steps if "run" in step)
    assert "make site" in commands
    assert "-m build --outdir dist" in commands
    actions = [step["uses"].partition("@")[0] for step in steps if "uses" in step]
    attest, upload = actions.index("actions/attest-build-provenance"), "actions/upload-artifact"
    assert actions.index(upload) > attest
    (attested,) = (step["with"] for step in steps if "attest" in step.get("uses", ""))
    assert attested == {"subject-path": "dist/*"}
    assert 'gh release create "$GITHUB_REF_NAME" dist/*' in commands


@pytest.mark.skipif(os.name != "posix", reason="runs on Linux, in a shell")
@pytest.mark.parametrize(
    ("tag", "repository", "good"),
    [
        (f"v{gnnrec_helpers.__version__}", PROJECT["urls"]["Repository"], True),
        (gnnrec_helpers.__version__, PROJECT["urls"]["Repository"], False),
        (f"v{gnnrec_helpers.__version__}.1", PROJECT["urls"]["Repository"], False),
        (f"v{gnnrec_helpers.__version__}", "https://example.org/somebody/else", False),
    ],
)
def test_a_release_refuses_another_version_or_address(tag: str, repository: str, good: bool):
    (compared,) = (step["run"] for step in release_steps() if "__version__" in step.get("run", ""))
    server, owner, name = repository.rsplit("/", 2)
    github = {
        "GITHUB_REF_NAME": tag, "GITHUB_SERVER_URL": server, "GITHUB_REPOSITORY": f"{owner}/{name}",
    }  # fmt: skip
    run = subprocess.run(["bash", "-e", "-c", compared], cwd=ROOT, env={**os.environ, **github})
    assert (run.returncode == 0) == good


def test_ci_runs_the_test_command():
    assert "make test" in read(".ci/run").splitlines()
    if os.name == "posix":
        assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_citation_says_the_version_of_the_package():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == gnnrec_helpers.__version__
    assert PROJECT["license"].startswith(citation["license"] + " AND ")  # of the code
    assert f"## [{gnnrec_helpers.__version__}]" in read("CHANGELOG.md")


@pytest.mark.parametrize("file", EMBEDDED)
def test_data_readme_has_rows_and_columns_of(file: str):
    (row,) = re.findall(rf"^\| `{re.escape(file)}` \| ([\d,]+) \| (.*) \|$", data_readme(), re.M)
    table = pd.read_csv(ROOT / "data" / file)
    assert row[0] == f"{len(table):,}"
    assert re.findall(r"`(\w+)` (?:integer|number|text)", row[1]) == list(table)


def test_data_readme_names_no_absent_file():
    named = re.findall(r"^\| `([\w-]+/[\w.-]+)`", data_readme(), re.MULTILINE)
    assert sorted(named) == EMBEDDED


def test_data_readme_counts_what_is_there():
    movies = pd.read_csv(ROOT / "data/movielens-small/movies.csv.gz")
    ratings = pd.read_csv(ROOT / "data/movielens-small/ratings.csv.gz")
    listens = pd.read_csv(ROOT / "data/lastfm-2k/listens.csv.gz")
    tags = pd.read_csv(ROOT / "data/lastfm-2k/tags.csv.gz")
    untitled = movies.loc[movies["title"].isna(), "movie"].astype(str).tolist()
    tagged = set(tags["artist"])
    for claim in [
        f"{len(ratings):,} ratings of {len(movies):,} movies by {ratings['user'].nunique()} users",
        f"at least {ratings['user'].value_counts().min()} movies",
        f"Movies {', '.join(untitled[:-1])} and {untitled[-1]} come without",
        f"For {(movies['genres'] == '(no genres listed)').sum()} movies",
        f"{listens['user'].nunique():,} users, {listens['artist'].nunique():,} artists",
        f"{tags['tag'].nunique():,} are given",
        f"{len(tagged):,} artists have a tag; {len(tagged - set(listens['artist']))} of them",
    ]:
        assert claim in " ".join(data_readme().split())


def data_readme() -> str:
    return read("data/README.md")


# ---------------------------------------------------------------------- the wheel
LITTER = [
    ".ipynb_checkpoints/test_a-checkpoint.py", ".idea/workspace.xml", ".DS_Store", "a.py~",
    "#b.py#", ".c.py.swp", "._d.py", "__pycache__/d.cpython-311.pyc",
]  # fmt: skip


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built from, with what a person's tools leave behind."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("gnnrec_helpers", "data", "tests", "licenses"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy / name)
    for folder in (
        "gnnrec_helpers",
        "gnnrec_helpers/training",
        "data",
        "data/toy",
        "tests",
        "tests/data",
    ):
        for name in LITTER:
            (copy / folder / name).parent.mkdir(exist_ok=True)
            (copy / folder / name).write_text("neither code nor data (")
    return copy


def test_what_tools_leave_behind_is_no_test(littered: Path):
    (littered / "notebooks/.ipynb_checkpoints").mkdir(parents=True)
    (littered / "notebooks/.ipynb_checkpoints/01-checkpoint.ipynb").write_text("no notebook (")
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "--nbval", "--nbval-current-env", "--doctest-modules",
            "gnnrec_helpers/training", "tests/data", "tests/test_public_api.py", "notebooks",
            "-k", "test_every_module_has_a_floor",
        ],
        cwd=littered,
        env={**os.environ, "PYTHONPATH": str(littered)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout  # also where a file cannot be imported
    assert "1 passed" in run.stdout


def built(tree: Path, kind: str, **environment: str) -> Path:
    """The wheel or sdist of a tree."""
    target = tree / f"out-{kind}-{len(environment)}"
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "-o", target, tree],
        check=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    (path,) = target.iterdir()
    return path


def test_what_tools_leave_behind_does_not_travel(littered: Path):
    with zipfile.ZipFile(built(littered, "wheel")) as wheel:
        names = wheel.namelist()
    modules = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("gnnrec_helpers/**/*.py")}
    travelling = {name for name in names if name.endswith(".py") and "/_data/" not in name}
    assert travelling == {m for m in modules if all(p.isidentifier() for p in m[:-3].split("/"))}
    with tarfile.open(built(littered, "sdist")) as sdist:
        names += sdist.getnames()
    marks = [litter.rpartition("/")[2] for litter in LITTER]
    assert [name for name in names if name.endswith(tuple(marks))] == []


def test_the_wheel_names_the_terms_of_its_data(littered: Path):
    with zipfile.ZipFile(built(littered, "wheel")) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        metadata = Metadata.from_email(wheel.read(path))  # refuses an expression that is none
        carried = {n.split("/")[2] for n in wheel.namelist() if "/_data/" in n and n.count("/") > 2}
    assert metadata.license_expression == PROJECT["license"]
    parts = metadata.license_expression.split(" AND ")
    texts = {path.stem for path in (ROOT / "licenses").glob("*.txt")}
    assert {part.removeprefix("LicenseRef-") for part in parts[1:-1]} | {"Freebase"} == texts
    assert {f"licenses/{name}.txt" for name in texts} | {"LICENSE"} == set(metadata.license_files)
    assert carried == {"lastfm-2k", "movielens-small", "toy"}


def test_the_code_can_be_had_without_the_data(littered: Path, tmp_path: Path):
    wheel = built(littered, "wheel", GNNREC_WITHOUT_DATA="1")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    code = (
        "from gnnrec_helpers import datasets; print(datasets.load('toy').interactions)\n"
        "datasets.load('movielens-small')"
    )
    clean = {k: v for k, v in os.environ.items() if k != "GNNREC_DATA"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "10 pairs of 5 users and 5 items" in run.stdout
    assert "FileNotFoundError" in run.stderr
    sentence = run.stderr.splitlines()[-1]
    for part in ("ratings.csv.gz", "data/movielens-small of the gnnrec repo", "$GNNREC_DATA/movie"):
        assert part in sentence
