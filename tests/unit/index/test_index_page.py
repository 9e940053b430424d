from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.index.index_page import (
    JSON_TYPE,
    IndexFile,
    Link,
    PageError,
    parse_page,
    render_page,
    select_files,
)

BASE = "https://index.example/simple/a/"
SHA = "0" * 64
WHEEL = "a-1.0-py3-none-any.whl"
ABS = f"https://files.example/{WHEEL}"


def parse_html(text: str, content_type: str = "text/html") -> list[Link]:
    return parse_page(text.encode(), content_type=content_type, url=BASE)


def parse_json(*files: dict[str, object], version: str = "1.0") -> list[Link]:
    page = {"meta": {"api-version": version}, "name": "a", "files": files}
    return parse_page(json.dumps(page).encode(), content_type=JSON_TYPE, url=BASE)


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        pytest.param(f'<a href="{ABS}">x</a>', Link(filename=WHEEL, url=ABS), id="bare"),
        pytest.param(
            f'<a href="{ABS}#sha256={SHA.upper()}">x</a>',
            Link(filename=WHEEL, url=ABS, hashes={"sha256": SHA}),
            id="hash in the fragment",
        ),
        pytest.param(
            f'<a href="../../files/{WHEEL}#md5=12&amp;egg=a">x</a>',
            Link(
                filename=WHEEL,
                url=f"https://index.example/files/{WHEEL}",
                hashes={"md5": "12", "egg": "a"},
            ),
            id="relative",
        ),
        pytest.param(
            f'<A HREF="/files/{WHEEL}" data-requires-python="&gt;=3.8,&lt;4" data-yanked="broken" '
            'data-core-metadata="sha256=12">',
            Link(
                filename=WHEEL,
                url=f"https://index.example/files/{WHEEL}",
                requires_python=">=3.8,<4",
                yanked="broken",
                metadata=True,
            ),
            id="attributes",
        ),
        pytest.param(
            f'<a href="{ABS}" data-yanked>',
            Link(filename=WHEEL, url=ABS, yanked=""),
            id="no reason",
        ),
        pytest.param(
            f'<base href="https://files.example/x/"><a href="{WHEEL}?a=1">x</a>',
            Link(filename=WHEEL, url=f"https://files.example/x/{WHEEL}?a=1"),
            id="base",
        ),
        pytest.param(
            '<a href="https://files.example/a-1.0%2Bcpu-py3-none-any.whl">x</a>',
            Link(
                filename="a-1.0+cpu-py3-none-any.whl",
                url="https://files.example/a-1.0%2Bcpu-py3-none-any.whl",
            ),
            id="quoted",
        ),
    ],
)
def test_an_anchor_of_a_html_page_is_a_link(anchor: str, expected: Link) -> None:
    assert parse_html(f"<!DOCTYPE html><html><body>{anchor}</body></html>") == [expected]


@pytest.mark.parametrize(
    "piece", ["<a ", "<a href=", "<a x='", "<a x=\"y' ", "<!-- ", "<a/", "<", "<a &#", "<a   = "]
)
def test_a_page_is_read_in_linear_time(piece: str) -> None:
    """With a megabyte of it, anything more than linear would take hours."""
    assert parse_html(f'<a href="{ABS}">x</a>' + piece * 300_000)[0] == Link(
        filename=WHEEL, url=ABS
    )


def test_what_is_in_comments_and_scripts_is_no_anchor() -> None:
    text = f"<!-- <a href='x.whl'> --><script>'<a href=y.whl>'</script><a href='{ABS}' href='z'>"
    assert parse_html(text) == [Link(filename=WHEEL, url=ABS)]


@pytest.mark.parametrize("url", ["file:///etc/a-1.0.whl", "FILE:///etc/a-1.0.whl"])
def test_a_server_names_no_file_of_this_machine(url: str) -> None:
    with pytest.raises(PageError, match="a file of this machine"):
        parse_html(f'<a href="{url}">x</a>')
    with pytest.raises(PageError, match="a file of this machine"):
        parse_json({"filename": WHEEL, "url": url, "hashes": {}})
    page = f'<a href="{url}">x</a>'.encode()
    assert parse_page(page, content_type="text/html", url="file:///srv/links.html")


def test_a_version_of_thousands_of_digits_is_passed_over() -> None:
    digits = "9" * 5000
    links = [
        Link(filename=f"a-{digits}-py3-none-any.whl", url=ABS),
        Link(filename=f"a-{digits}.tar.gz", url=ABS),
        Link(filename=WHEEL, url=ABS, requires_python=f">={digits}"),
    ]
    (file,) = select_files(links, canonicalize_name("a"))
    assert (file.filename, file.requires_python) == (WHEEL, None)


def test_a_page_to_log_in_with_is_told() -> None:
    with pytest.raises(PageError, match="a page to log in with"):
        parse_html('<form><input name="user"><input TYPE="Password"></form>')


def test_an_anchor_without_address_is_none() -> None:
    assert parse_html('<a name="top">x</a>') == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(
            {"filename": WHEEL, "url": ABS, "hashes": {}}, Link(filename=WHEEL, url=ABS), id="least"
        ),
        pytest.param(
            {
                "filename": WHEEL,
                "url": "../../f/1",
                "hashes": {"sha256": SHA},
                "size": 12,
                "requires-python": ">=3.8",
                "yanked": "broken",
                "upload-time": "2020-02-02T02:02:02Z",
                "core-metadata": True,
            },
            Link(
                filename=WHEEL,
                url="https://index.example/f/1",
                hashes={"sha256": SHA},
                size=12,
                requires_python=">=3.8",
                yanked="broken",
                metadata=True,
            ),
            id="all of it",
        ),
        pytest.param(
            {"filename": WHEEL, "url": ABS, "hashes": {}, "yanked": True, "requires-python": None},
            Link(filename=WHEEL, url=ABS, yanked=""),
            id="yanked without a reason",
        ),
        pytest.param(
            {"filename": WHEEL, "url": ABS, "hashes": {}, "yanked": False},
            Link(filename=WHEEL, url=ABS),
            id="not yanked",
        ),
    ],
)
def test_a_file_of_a_json_page_is_a_link(file: dict[str, object], expected: Link) -> None:
    assert parse_json(file) == [expected]


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        pytest.param(JSON_TYPE, b"[", "its JSON is not that of an index", id="no JSON"),
        pytest.param(JSON_TYPE, b"{}", "its JSON is not that of an index", id="no index"),
        pytest.param(
            JSON_TYPE,
            b'{"meta": {"api-version": "1.0"}, "files": ["x"]}',
            "its JSON is not that of an index",
            id="no files",
        ),
        pytest.param(
            JSON_TYPE,
            b'{"meta": {"api-version": "1.0"}, "files": [{"filename": 1, "url": "x"}]}',
            "its JSON is not that of an index",
            id="no file name",
        ),
        pytest.param(
            JSON_TYPE,
            b'{"meta": {"api-version": "2.0"}, "files": []}',
            "it has version '2.0' of the index API; this reads 1",
            id="JSON of a later API",
        ),
        pytest.param(
            "text/html",
            b'<meta name="pypi:repository-version" content="2.1">',
            "it has version '2.1' of the index API; this reads 1",
            id="HTML of a later API",
        ),
        pytest.param(JSON_TYPE, b"[" * 100_000, "its JSON is not that of an index", id="deep"),
        pytest.param("text/html", b'<a href="//[/x">', "its HTML cannot be read", id="no address"),
        pytest.param(
            "application/pdf", b"", "a page of type 'application/pdf' is not one", id="no page"
        ),
    ],
)
def test_what_is_no_page_of_an_index_is_refused(
    content_type: str, body: bytes, message: str
) -> None:
    with pytest.raises(PageError, match=message):
        parse_page(body, content_type=content_type, url=BASE)


@given(
    st.sampled_from([JSON_TYPE, "text/html"]),
    st.one_of(
        st.binary(),
        st.lists(st.sampled_from(["<", "!", "[", "a", " href=", "//[", '"', ">", "&#", "--"])).map(
            lambda words: "".join(words).encode()
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["meta", "api-version", "files", "filename", "url", "hashes"]),
                    inner,
                )
            ),
        ).map(lambda page: json.dumps(page).encode()),
    ),
)
@example("text/html", b"<![x[ y ]]>")  # Older Pythons' HTMLParser fails an assertion.
def test_any_page_is_read_or_refused_and_never_a_crash(content_type: str, body: bytes) -> None:
    with suppress(PageError):
        select_files(parse_page(body, content_type=content_type, url=BASE), canonicalize_name("a"))


@pytest.mark.parametrize(
    "content_type",
    ["", "text/html", "TEXT/HTML; charset=utf-8", "application/vnd.pypi.simple.v1+html"],
)
def test_html_goes_by_several_names(content_type: str) -> None:
    assert len(parse_html(f'<a href="{ABS}">', content_type)) == 1


def test_a_page_is_read_in_the_charset_that_it_declares() -> None:
    for charset, known in (("latin-1", "latin-1"), ("no-such-charset", "utf-8")):
        body = f'<a href="{ABS}" data-yanked="schön">'.encode(known)
        (link,) = parse_page(body, content_type=f"text/html; charset={charset}", url=BASE)
        assert link.yanked == "schön"


def link(filename: str, **changes: object) -> Link:
    return Link(filename=filename, url=f"https://files.example/{filename}", **changes)  # type: ignore[arg-type]


def select(*links: Link) -> list[str]:
    return [file.filename for file in select_files(links, canonicalize_name("My.Project"))]


def test_a_wheel_is_understood_by_its_name() -> None:
    name = "my_project-1.0-2-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    found = select_files(
        [link(name, hashes={"sha256": SHA}, size=3, requires_python=">=3.8", yanked="why")],
        canonicalize_name("my-project"),
    )
    assert found == (
        IndexFile(
            filename=name,
            url=f"https://files.example/{name}",
            version=Version("1.0"),
            tags=parse_tag("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"),
            hashes={"sha256": SHA},
            size=3,
            requires_python=SpecifierSet(">=3.8"),
            yanked=True,
            yanked_reason="why",
        ),
    )
    assert found[0].hashes["sha256"] == SHA


def test_an_sdist_has_no_tags() -> None:
    (file,) = select_files([link("my_project-1.0.tar.gz")], canonicalize_name("my-project"))
    assert (file.version, file.tags, file.hashes) == (Version("1.0"), frozenset(), {})


def test_only_wheels_and_sdists_of_the_project_count() -> None:
    assert select(
        link("my_project-1.0-py3-none-any.whl"),
        link("My-Project-0.1.zip"),
        link("my_project-1.0-py3.8.egg"),
        link("my_project-1.0.exe"),
        link("my_project-1.0-py3-none-any.whl.asc"),
        link("my_project-not.a.version-py3-none-any.whl"),
        link("my_project-x.tar.gz"),
        link("my_project_extra-1.0-py3-none-any.whl"),
        link("other-1.0.tar.gz"),
    ) == ["my_project-1.0-py3-none-any.whl", "My-Project-0.1.zip"]


def test_a_requires_python_that_cannot_be_read_admits_every_python() -> None:
    (file,) = select_files(
        [link("a-1.0.tar.gz", requires_python=">=3.6.*")], canonicalize_name("a")
    )
    assert file.requires_python is None


def test_credentials_in_a_link_are_not_handed_on() -> None:
    (file,) = select_files(
        [Link(filename=WHEEL, url=f"https://ann:secret@files.example/{WHEEL}")],
        canonicalize_name("a"),
    )
    assert file.url == f"https://files.example/{WHEEL}"


def test_a_page_that_is_rendered_says_the_same_of_its_files() -> None:
    links = [
        Link(
            filename=WHEEL,
            url=f"{ABS}?a=1&b=2",
            hashes={"md5": "12", "sha256": SHA},
            requires_python="<4,>=3.8",
            yanked='it is "broken"',
            metadata=True,
        ),
        Link(filename="a-1.0.tar.gz", url="https://files.example/a-1.0.tar.gz"),
    ]
    files = select_files(links, canonicalize_name("a"), place=2, index="https://index.example/")
    assert [(file.place, file.index) for file in files] == [(2, "https://index.example/")] * 2
    again = parse_html(render_page(files))
    assert again == [replace(links[0], hashes={"sha256": SHA}), links[1]]
