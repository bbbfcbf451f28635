"""What `pyproject.toml` cannot say: a wheel brings folders of the top, see `harness.shipped`, and
the script that draws the page of a report, see `harness.report.html.libraries`.

A checkout has the folders at the top, as people edit them there; setuptools packs what lies in
packages.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
PLACE = Path("harness/shipped")
BUNDLE = Path("harness/report/html/vega.bundle")
SHIPPED = (
    "configs/**/*.yaml",
    "scenarios/**/*.yaml",
    "schemas/*.json",
    "docs/**/*.md",
    "examples/**/*",
    "results/README.md",
    "README.md",
    "CHANGELOG.md",
)


class BuildWithShipped(build_py):
    """Copies what is shipped into the package, but where it is read from the checkout."""

    def run(self) -> None:
        """As setuptools calls it."""
        super().run()
        for source, target in self._copies():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target), preserve_mode=False)
        if not self.editable_mode:
            import vl_convert  # noqa: PLC0415 - no need of an editable installation

            bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
            (Path(self.build_lib) / BUNDLE).write_text(bundle, encoding="utf-8")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """All files that are made, for setuptools' record."""
        own = super().get_outputs(include_bytecode)
        made = [] if self.editable_mode else [str(Path(self.build_lib) / BUNDLE)]
        return [*own, *(str(target) for _, target in self._copies()), *made]

    def _copies(self) -> list[tuple[Path, Path]]:
        if self.editable_mode:
            return []
        into = Path(self.build_lib) / PLACE
        found = sorted({path for pattern in SHIPPED for path in TOP.glob(pattern)})
        return [(path, into / path.relative_to(TOP)) for path in found if _is_shipped(path)]


def _is_shipped(path: Path) -> bool:
    """Not what somebody's runs or tools have left in an example."""
    within = path.relative_to(TOP).parts
    left = any(part.startswith(".") or part in ("__pycache__", "results") for part in within[1:])
    return path.is_file() and not left


setup(cmdclass={"build_py": BuildWithShipped})
