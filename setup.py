"""What `pyproject.toml` cannot say: a wheel brings folders of the top, see `harness.shipped`.

A checkout has them at the top, as people edit them there; setuptools packs what lies in packages.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
PLACE = Path("harness/shipped")
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

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """All files that are made, for setuptools' record."""
        own = super().get_outputs(include_bytecode)
        return [*own, *(str(target) for _, target in self._copies())]

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
