"""How a project on GitLab is named."""

import pytest

from precedent.errors import UsageError
from precedent.sources.kinds.gitlab.kind import KIND
from precedent.sources.options import configuration_values
from precedent.sources.registry import configuration_of


@pytest.mark.parametrize(
    ("where", "given", "project", "base"),
    [
        ("acme/shop", {}, "acme/shop", "https://gitlab.com"),
        ("acme/web/shop", {"base-url": "https://git.example.com"}, "acme/web/shop", "https://git.example.com"),
        ("https://git.example.com/acme/shop.git", {}, "acme/shop", "https://git.example.com"),
        ("https://host/gitlab/acme/shop", {"base-url": "https://host/gitlab"}, "acme/shop", "https://host/gitlab"),
    ],
)
def test_a_project_is_named_by_its_path_or_its_url(where: str, given: dict[str, str], project: str, base: str) -> None:
    found = configuration_of("gitlab", configuration_values(KIND.configuration, where, given))
    assert found.model_dump(include={"project", "base_url"}) == {"project": project, "base_url": base}
    assert found.address == base


@pytest.mark.parametrize("where", ["shop", "acme/shop?x=1", "https://other.example.com/acme/shop"])
def test_what_names_no_project_is_refused(where: str) -> None:
    given = {"base-url": "https://git.example.com"}
    with pytest.raises(UsageError, match="GROUP/PROJECT"):
        configuration_of("gitlab", configuration_values(KIND.configuration, where, given))
