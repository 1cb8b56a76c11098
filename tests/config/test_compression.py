"""Pages are compressed; streams, downloads and small answers are not."""

import gzip
import re
from collections.abc import Iterator

import brotli  # type: ignore[import-untyped]  # it has no types
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from config.compression import CompressionMiddleware, accepted, compress

PAGE = "<p>" + "Words. " * 1000
PATH = "/account/log-in/"


def answer(response: HttpResponse | StreamingHttpResponse, header: str) -> HttpResponse:
    request = RequestFactory().get("/", headers={"Accept-Encoding": header})
    return CompressionMiddleware(lambda _: response)(request)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("GZIP", "gzip"),
        ("br ; q=0.5", "br"),
        ("identity", ""),
        ("gzip;q=0.000", ""),
        ("", ""),
        ("brr", ""),
    ],
)
def test_best_accepted_encoding_is_chosen(header: str, encoding: str) -> None:
    assert accepted(header) == encoding


@given(st.text())
def test_any_header_is_understood(header: str) -> None:
    assert accepted(header) in {"", "br", "gzip"}


@given(st.binary(max_size=2000))
def test_content_comes_back_unchanged(content: bytes) -> None:
    assert brotli.decompress(compress(content, "br")) == content
    assert gzip.decompress(compress(content, "gzip")) == content


def test_page_is_compressed_and_its_length_is_hidden() -> None:
    lengths = set()
    for _ in range(20):
        page = answer(HttpResponse(PAGE), "br")
        text = brotli.decompress(page.content).decode()
        assert re.sub(r"<!-- [\w]+ -->$", "", text) == PAGE
        assert page.headers["Content-Length"] == str(len(page.content))
        lengths.add(len(page.content))
    assert max(lengths) < len(PAGE) / 10
    assert len(lengths) > 5


def test_streams_small_answers_and_other_kinds_stay_as_they_are() -> None:
    def stream() -> Iterator[bytes]:
        yield PAGE.encode()

    for response in (
        StreamingHttpResponse(stream(), content_type="text/html"),
        HttpResponse("small"),
        HttpResponse(PAGE, content_type="application/json"),
        HttpResponse(PAGE, headers={"Content-Encoding": "x"}),
    ):
        before = response.headers.get("Content-Encoding")
        assert answer(response, "br").headers.get("Content-Encoding") == before


@pytest.mark.django_db
def test_site_compresses_its_pages_for_those_who_accept_it(client: Client) -> None:
    plain = client.get(PATH)
    small = client.get(PATH, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert b"<h1>Log in</h1>" in gzip.decompress(small.content)
