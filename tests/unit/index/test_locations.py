from __future__ import annotations

from tests.unit.index.test_sources import OTHER, OWN, THIRD, Settings, choose


def test_the_table_stands_before_all_others_in_naming_a_location() -> None:
    settings = Settings(
        index_url=OWN, extra_index_urls=(OTHER, THIRD), find_links=("wheels", "more")
    )
    origins = choose(settings, environ={"UV_INDEX_URL": OWN}).origins
    assert origins == {
        OWN: "tool.multiplat.index-url",
        OTHER: "tool.multiplat.extra-index-urls[0]",
        THIRD: "tool.multiplat.extra-index-urls[1]",
        "file:///project/wheels": "tool.multiplat.find-links[0]",
        "file:///project/more": "tool.multiplat.find-links[1]",
    }


def test_variables_are_named() -> None:
    environ = {
        "UV_DEFAULT_INDEX": f"main={OWN}",
        "UV_INDEX": f"team={OTHER} {THIRD}",
        "UV_FIND_LINKS": "a, b",
    }
    assert choose(environ=environ).origins == {
        OWN: "UV_DEFAULT_INDEX",
        OTHER: "UV_INDEX",
        THIRD: "UV_INDEX",
        "file:///here/a": "UV_FIND_LINKS",
        "file:///here/b": "UV_FIND_LINKS",
    }
    environ = {"UV_INDEX_URL": OWN, "UV_EXTRA_INDEX_URL": f"{OTHER} {THIRD}"}
    assert choose(environ=environ).origins == {
        OWN: "UV_INDEX_URL",
        OTHER: "UV_EXTRA_INDEX_URL",
        THIRD: "UV_EXTRA_INDEX_URL",
    }


def test_settings_in_files_are_named_by_whose_they_are() -> None:
    project = {"index": [{"name": "own", "url": OWN}], "find-links": ["wheels"]}
    origins = choose(uv=project, user={"index-url": OTHER}, pip={"index-url": THIRD}).origins
    assert origins == {
        OWN: "index[0].url of the project's settings for uv",
        "file:///project/wheels": "find-links of the project's settings for uv",
        OTHER: "index-url of the user's settings for uv",
        THIRD: "index-url of pip's settings",
    }
    environ = {"PIP_EXTRA_INDEX_URL": OWN}
    assert choose(environ=environ).origins == {OWN: "PIP_EXTRA_INDEX_URL"}


def test_an_index_for_single_packages_is_named_where_uv_leaves_the_projects_settings() -> None:
    project = {"index": [{"name": "own", "url": OWN}], "index-url": OTHER}
    assert choose(uv=project, environ={"UV_NO_CONFIG": "1"}).origins == {
        OWN: "index[0].url of the project's settings for uv"
    }
