"""Malformed and ambiguous requests, each with a name; every one has to be answered 400 or so, and closed."""

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def lengths() -> dict[str, bytes]:
    """Content-Length in every way that two parsers might read differently (RFC 9110 §8.6, RFC 9112 §6.3)."""
    values = (
        b"+5", b"-5", b"-0", b"5,5", b"5, 5", b"5,6", b"5;5", b"5 5", b"0x5", b"0X5", b"5.0", b"5e0", b"five", b"",
        b" ", b"5a", b"a5", b"\xb5", b"5\x0b", b"5\x0c", b"\x005", b"5\x00", b"5_0", b"\xef\xbc\x95", b"'5'", b'"5"',
        b"18446744073709551616", b"18446744073709551621", b"9223372036854775808", b"99999999999999999999999999",
        b"4294967296999999999",
    )  # fmt: skip
    table = {f"length {value!r}": POST + b"Content-Length: " + value + b"\r\n\r\nhello" + SMUGGLED for value in values}
    pairs = ((b"5", b"5"), (b"5", b"6"), (b"0", b"5"), (b"5", b"0"), (b"5", b""), (b"", b"5"))
    for one, other in pairs:
        lines = b"Content-Length: " + one + b"\r\ncontent-length: " + other + b"\r\n\r\nhello"
        table[f"lengths {one!r} and {other!r}"] = POST + lines + SMUGGLED
    return table


def codings() -> dict[str, bytes]:
    """Transfer-Encoding in every way but one (RFC 9112 §6.1)."""
    values = (
        b"gzip, chunked", b"chunked, gzip", b"gzip", b"identity", b"chunked, identity", b"identity, chunked",
        b"chunked, chunked", b"chunked,", b"xchunked", b"chunked x", b"chunkedx", b"'chunked'", b'"chunked"', b"",
        b"chunked;q=1", b"chunked; a=b", b"\x0bchunked", b"chunked\x0b", b"\x00chunked", b"chunked\x00", b"cow",
        b"deflate, chunked", b"chunk", b"\xe3\x80\x80chunked", b"trailers", b"chunked\xa0",
    )  # fmt: skip
    table = {
        f"coding {value!r}": POST + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
        for value in values
        if value != b"chunked,"  # an empty list member is allowed: RFC 9110 §5.6.1
    }
    table |= {
        "length beside coding": POST + b"Content-Length: 5\r\n" + TE + b"\r\n0\r\n\r\n" + SMUGGLED,
        "coding beside length": POST + TE + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding beside length 0": POST + TE + b"Content-Length: 0\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding twice": POST + TE + TE + b"\r\n0\r\n\r\n" + SMUGGLED,
        "coding twice, one unknown": POST + TE + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding twice, first unknown": POST + b"Transfer-Encoding: x\r\n" + TE + b"\r\n0\r\n\r\n" + SMUGGLED,
        "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\n" + TE + b"\r\n0\r\n\r\n" + SMUGGLED,
        "coding of a GET beside length": GET + TE + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding before a colon with space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding after a fold": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding with a tab in its name": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding behind a bare CR": POST + b"X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding behind a bare LF": POST + b"X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        "coding with a NUL in its name": POST + b"Transfer\x00-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    }
    return table


def chunks() -> dict[str, bytes]:
    """Chunked bodies that are none (RFC 9112 §7.1)."""
    bodies = {
        "size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
        "negative size": b"-5\r\nhello\r\n0\r\n\r\n",
        "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
        "size with a space before it": b" 5\r\nhello\r\n0\r\n\r\n",
        "size with a space behind it": b"5 \r\nhello\r\n0\r\n\r\n",
        "size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
        "no size": b"\r\nhello\r\n0\r\n\r\n",
        "size that is none": b"xyz\r\nhello\r\n0\r\n\r\n",
        "size of 64 bits": b"10000000000000000\r\nhello\r\n0\r\n\r\n",
        "size of 64 bits and 5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        "size of many digits": b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n",
        "size of many zeros": b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n",
        "bare LF behind the size": b"5\nhello\r\n0\r\n\r\n",
        "bare CR behind the size": b"5\rhello\r\n0\r\n\r\n",
        "bare LF behind the content": b"5\r\nhello\n0\r\n\r\n",
        "bare LF behind the last chunk": b"5\r\nhello\r\n0\n\r\n",
        "bare LF at the end": b"5\r\nhello\r\n0\r\n\n",
        "content longer than the size": b"5\r\nhelloXX\r\n0\r\n\r\n",
        "content shorter than the size": b"5\r\nhel\r\n0\r\n\r\nXX\r\n",
        "NUL in an extension": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
        "bare LF in an extension": b"5;a\n0\r\n\r\nhello\r\n0\r\n\r\n",
        "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        "extension without a semicolon": b"5 a\r\nhello\r\n0\r\n\r\n",
        "endless extension": b"5;" + b"a" * 100_000,
        "extensions beyond measure": b"1;" + b"a" * 4000 + b"\r\nx\r\n" + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 9,
        "endless trailers": b"0\r\n" + b"X: y\r\n" * 10_000,
        "endless trailer": b"0\r\nX: " + b"y" * 100_000,
        "trailer with a space before the colon": b"0\r\nX : y\r\n\r\n",
        "trailer that is folded": b"0\r\nX: y\r\n z\r\n\r\n",
        "trailer without a colon": b"0\r\nrubbish\r\n\r\n",
        "trailer with a bare LF": b"0\r\nX: y\nZ: a\r\n\r\n",
        "Content-Length in trailers": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        "Transfer-Encoding in trailers": b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "trailer with a NUL": b"0\r\nX: \x00\r\n\r\n",
        "trailer with a NUL behind many spaces": b"0\r\nX:" + b" " * 4000 + b"\x00\r\n\r\n",
        "full-width digits": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
        "content of letters where a size belongs": b"5\r\nhello\r\nhello\r\n0\r\n\r\n",
    }
    return {f"chunks, {name}": POST + TE + b"\r\n" + body + SMUGGLED for name, body in bodies.items()}


def heads() -> dict[str, bytes]:
    """Header sections that are ambiguous (RFC 9112 §2.2, §5)."""
    lines = {
        "space before the colon": b"X : 1\r\n",
        "tab before the colon": b"X\t: 1\r\n",
        "folded with a space": b"X: 1\r\n 2\r\n",
        "folded with a tab": b"X: 1\r\n\t2\r\n",
        "line without a colon": b"rubbish\r\n",
        "empty name": b": 1\r\n",
        "NUL in a name": b"X\x00Y: 1\r\n",
        "NUL in a value": b"X: 1\x002\r\n",
        "bare CR in a value": b"X: 1\r2\r\n",
        "bare CR before CRLF": b"X: 1\r\r\n",
        "bare LF in a value": b"X: 1\n2\r\n",
        "bare LF ends a line": b"X: 1\nY: 2\r\n",
        "space in a name": b"X Y: 1\r\n",
        "non-ASCII name": "Ü: 1\r\n".encode(),
        "control character in a name": b"X\x01: 1\r\n",
        "control character in a value": b"X: \x01\r\n",
        "DEL in a value": b"X: \x7f\r\n",
        "escape in a value": b"X: \x1b[2J\r\n",
        "parenthesis in a name": b"X(): 1\r\n",
        "comma in a name": b"X,Y: 1\r\n",
        "quote in a name": b'"X": 1\r\n',
        "semicolon in a name": b"X;: 1\r\n",
        "slash in a name": b"X/Y: 1\r\n",
        "at sign in a name": b"@X: 1\r\n",
        "name in braces": b"{X}: 1\r\n",
        "second Host": b"Host: b\r\n",
        "second Host, the same": b"Host: a\r\n",
        "second Host, spelt otherwise": b"hOST: b\r\n",
    }
    table = {f"head, {name}": GET + line + b"\r\n" + SMUGGLED for name, line in lines.items()}
    table |= {
        "head, fold in the first line": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n" + SMUGGLED,
        "head, space before the first field": b"GET / HTTP/1.1\r\n  X: 1\r\nHost: a\r\n\r\n" + SMUGGLED,
        "head, bare LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n" + SMUGGLED,
        "head, bare CR everywhere": b"GET / HTTP/1.1\rHost: a\r\r" + SMUGGLED,
        "head, CR CR LF": b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" + SMUGGLED,
        "head, LF CR": b"GET / HTTP/1.1\n\rHost: a\n\r\n\r" + SMUGGLED,
        "head, too large": GET + b"X: " + b"y" * 40_000 + b"\r\n\r\n" + SMUGGLED,
        "head, too many fields": GET + b"X: y\r\n" * 10_000 + b"\r\n" + SMUGGLED,
        "head, endless value": GET + b"X: " + b"y" * 400_000,
        "head, TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    }
    return table


def hosts() -> dict[str, bytes]:
    """Host values that are none (RFC 9110 §7.2, RFC 3986 §3.2.2)."""
    values = (
        b"a b", b"a\tb", b"a,b", b"a/b", b"a@b", b"user:pw@a", b"http://a", b"a#b", b"a?b", b"a\\b", b"a:b", b"a:80:80",
        b"a:-1", b"a:99999", b"a:123456", b"[::1", b"::1]", b"[::1]x", b"[zz]", b"[1.2.3.4]", b"[::1%25eth0]", b"<a>",
        b'"a"', b"a|b", b"a^b", b"a{b}", b"\xc3\xbc", b"a\x0bb", b"a:80 ", b"a\x7f", b"[]", b"[::1]:x",
    )  # fmt: skip
    allowed = {b"a:80 "}  # space around a value is no part of it (RFC 9110 §5.5)
    table = {
        f"host {value!r}": b"GET / HTTP/1.1\r\nHost: " + value + b"\r\n\r\n" + SMUGGLED
        for value in values
        if value not in allowed
    }
    return table | {"host missing": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n" + SMUGGLED}


def request_lines() -> dict[str, bytes]:
    """Request lines that are none (RFC 9112 §3)."""
    lines = (
        b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1", b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ", b"GET / HTTP/1.1\t", b"GET / HTTP/1.1 x", b"GET / x HTTP/1.1", b"GET /", b"GET", b"",
        b"GET / HTTP/0.9", b"GET / HTTP/2.0", b"GET / HTTP/2", b"GET / HTTP/3.0", b"GET / HTTP/1.2", b"GET / HTTP/1.",
        b"GET / HTTP/1", b"GET / HTTP/11.1", b"GET / HTTP/1.10", b"GET / HTTP/1.01", b"GET / HTTP/+1.1",
        b"GET / http/1.1", b"GET / Http/1.1", b"GET / HTTP / 1.1", b"GET / HTTP\\1.1", b"GET / HTTPS/1.1",
        b"GET / RTSP/1.1", b"GET / ICE/1.0", b"GET / XTTP/1.1", b"GET / HTTP/1,1", b"GET / HTTP/1.1\x00",
        b"GET / HTTP/\xd9\xa1.1", b"G\x00T / HTTP/1.1", b"G(T / HTTP/1.1", b"G@T / HTTP/1.1", b"GET, / HTTP/1.1",
        b"GET: / HTTP/1.1", b"\xc3\x9cET / HTTP/1.1", b"{GET} / HTTP/1.1", b'"GET" / HTTP/1.1', b"/ GET HTTP/1.1",
        b"GET a HTTP/1.1", b"GET a/b HTTP/1.1", b"GET ?a HTTP/1.1", b"GET * HTTP/1.1", b"GET a:80 HTTP/1.1",
        b"GET http:// HTTP/1.1", b"GET http:///x HTTP/1.1", b"GET http:/a HTTP/1.1", b"GET ftp://a/ HTTP/1.1",
        b"GET file:///etc/passwd HTTP/1.1", b"GET http://a b/ HTTP/1.1", b"GET http://u:p@a/ HTTP/1.1",
        b"GET http://a:x/ HTTP/1.1", b"GET http://[::1/ HTTP/1.1", b"GET /#fragment HTTP/1.1", b"GET # HTTP/1.1",
        b"GET /\x00 HTTP/1.1", b"GET /\x01 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\xc3\xbc HTTP/1.1",
        b"GET /a\rb HTTP/1.1", b"GET /a\nb HTTP/1.1", b"GET \\ HTTP/1.1", b"GET //a@b HTTP/1.1\x0b",
        b"PRI * HTTP/2.0",
    )  # fmt: skip
    return {
        f"line {line!r}": line + b"\r\nHost: a\r\nX: 1\r\n\r\n" + SMUGGLED
        for line in lines
        if line  # an empty line before a request line is ignored: RFC 9112 §2.2
    }


REFUSED = lengths() | codings() | chunks() | heads() | hosts() | request_lines()
