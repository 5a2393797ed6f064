"""How each defence is taken out, by the name of its row.

What is left is a gateway that works, but for this one thing. A defence that consists in doing nothing (cookies are not
kept, a status shows no token) is taken out by doing it.
"""

from collections.abc import Mapping

from tests.threats.removal import Removal

REACH = {
    "peer": Removal(
        "not client.admitted or (request.told is not None and not self.access.allows(request.told.address))",
        "request.told is not None and not self.access.allows(request.told.address)",
    ),
    "listen": Removal("                if beyond_loopback(address):", "                if False:"),
    "socket": Removal("chmod(0o600)", "chmod(0o666)"),
    "key": Removal("            if name is None:", "            if False:"),
    "key-time": Removal("if hmac.compare_digest(given, own):", "if given == own:"),
    "certificate": Removal("ssl.CERT_REQUIRED", "ssl.CERT_OPTIONAL"),
    "authority": Removal(
        "self.context = await asyncio.to_thread(self._files.context)", "await asyncio.to_thread(self._files.context)"
    ),
    "forwarded": Removal(
        "client.trusted = over_network and within(client.address, self.access.trusted_proxies)",
        "client.trusted = over_network",
    ),
    "shared-key": Removal("        if len(keys) > 1:", "        if False:"),
    "admin": Removal("    if refused is not None:", "    if False:"),
    "admin-listen": Removal("        if beyond_loopback(admin.listen) and not", "        if False and not"),
    "admin-allow": Removal("        if peer is not None and not within(peer, self._allow):", "        if False:"),
    "admin-key": Removal(
        "        if path not in OPEN and not (peer is None or", "        if False and not (peer is None or"
    ),
}

PAGES = {
    "rebound-name": Removal("elif not self.hosts.answered(request.host) and (", "elif False and ("),
    "any-address": Removal('return not ipaddress.IPv4Address(name.decode("ascii")).is_unspecified', "return True"),
    "mapped-address": Removal("return not v6.is_unspecified and v6.ipv4_mapped is None", "return True"),
    "foreign-page": Removal("        if origin not in own:", "        if False:"),
    "simple-post": Removal("return site is not None and site not in OWN_SITE", "return False"),
    "websocket": Removal("        if cross_site(request", "        if not request.upgrade and cross_site(request"),
    "any-origin": Removal('raise ValueError(f"would let pages of any site in; {ORIGIN}")', "return text.encode()"),
    "preflight": Removal('return control.get(b"origin") in self.origins and', 'return b"origin" in control and'),
    "origins-cors": Removal("[line for line in lines if not name_of(line).startswith(OURS)]", "lines"),
    "vary": Removal(
        "varied([line for line in lines if not name_of(line).startswith(OURS)])",
        "[line for line in lines if not name_of(line).startswith(OURS)]",
    ),
}

CALLERS = {
    "absolute": Removal("if not (self.table.names(request.host) or self._meant(client, request.host)):", "if False:"),
    "other-upstream": Removal("self._by_upstream.get(split_authority(host)) if absolute else None", "None"),
    "trace": Removal("    if method.upper() in NEVER_FORWARDED:", "    if False:"),
    "login-path": Removal("return LOGIN_PATHS if isinstance(given, kinds.Apikey) else ()", "return ()"),
    "deny": Removal("if self.deny.match(reading) or self.deny.match(loose(reading)):", "if False:"),
    "spelling": Removal("decoded(path).replace(", "path.replace("),
    "loose-end": Removal(" or self.deny.match(loose(reading)):", ":"),
    "parameter": Removal("""    if b"%" in path and b";" in decoded(path):""", "    if False:"),
    "other-route": Removal(
        "        if any(found is not self._longest(tables, form) for form in forms(path)):", "        if False:"
    ),
    "base-path": Removal("        if any(form != self.base and not", "        if any(False and not"),
    "base-deny": Removal("        if self.deny is not None and not self.deny.match(self.base):", "        if False:"),
    "allow": Removal("        if self.allow is not None and not all", "        if False and not all"),
    "method": Removal("        if route.methods is not None and method not in", "        if False and method not in"),
    "other-method": Removal("            for name in methods:", "            for name in ():"),
    "other-target": Removal("            for name in targets:", "            for name in ():"),
    "told-of-itself": Removal("        elif not TOLD.isdisjoint(request.control):", "        elif False:"),
    "second-credential": Removal(
        "            if lower not in NOTED:",
        '            if lower not in NOTED and lower != b"authorization":',
    ),
    "cgi-name": Removal('return name.replace(b"_", b"-")', "return name"),
    "nominated": Removal(
        "self._credential_line(token) if token is not None and self._usual else own",
        'b"" if b"authorization" in control.get(b"connection", b"").lower() else '
        "self._credential_line(token) if token is not None and self._usual else own",
    ),
    "key-forwarded": Removal("        del control[AUTHORIZATION]", "        pass"),
    "redirected-token": Removal("        if self.parameter is not None:", "        if False:"),
    "echo": Removal("            hide(answer, self.request.scrub)", "            pass"),
    "echo-cut": Removal("len(data) if last else self._scrub.decided(data)", "len(data)"),
    "echo-encoded": Removal("(raw, *in_base64(raw))", "(raw,)"),
    "upgrade": Removal('each and each.partition(b"/")[0].lower() not in HTTP_AGAIN', "each"),
}

SMUGGLING = {
    "two-lengths": Removal("        if http10 or length is not None:", "        if False:"),
    "chunk": Removal(
        '                raise BadRequest(cause="chunk longer than its size")',
        "                self._stage = Stage.SIZE",
    ),
    "two-hosts": Removal(
        "    if host is not None and host not in GOOD_HOSTS and not good_host(host):", "    if False:"
    ),
    "second-answer": Removal("            and not self._spoilt\n", ""),
}

WAY = {
    "plain-http": Removal("if name is not None and insecure(given.upstream) and not given.insecure:", "if False:"),
    "localhost-name": Removal('    if host == "localhost":', '    if host.endswith("localhost"):'),
    "plain-login": Removal('            if split.scheme == "http" and not', "            if False and not"),
    "false-origin": Removal("    if not verification.verify:", "    if True:"),
    "false-login": Removal("context: ssl.SSLContext | bool = True", "context: ssl.SSLContext | bool = False"),
    "false-login-named": Removal("    if not verification.verify:", "    if True:"),
    "login-redirect": Removal("return target if same else None", "return target"),
    "token-lines": Removal("        if not sendable(value):", "        if False:"),
    "egress-words": Removal(
        "raise EgressFailed(words.format(status), cause", "raise EgressFailed(head.decode(), cause"
    ),
    "others-token": Removal("= sources[route.credential],", "= next(iter(sources.values())),"),
    "cookies": Removal(
        "        return self._referral.lines(lines, request.host, request.scheme, request.target)",
        "        cookies = [line for line in lines if line.lower().startswith(b'set-cookie:')]\n"
        "        self._host_line += b''.join(b'Cookie:' + line.partition(b':')[2] for line in cookies)\n"
        "        return self._referral.lines(lines, request.host, request.scheme, request.target)",
    ),
}

READERS = {
    "secret-shown": Removal('return "Secret(****)"', "return self._value"),
    "token-shown": Removal('return f"<Token stale_at=', 'return f"<Token {self.value} stale_at='),
    "egress-password": Removal(
        'return f"http://{TcpAddress(self.host, self.port)}"',
        'return f"http://{self.login.reveal() if self.login else None}@{TcpAddress(self.host, self.port)}"',
    ),
    "mistake": Removal("complaint(flaw, kind))", 'f"{complaint(flaw, kind)}: {value}")'),
    "logged-query": Removal("(HIDDEN if secret_name(name, names) else value)", "value"),
    "forged-line": Removal(
        "return text if text.isascii() and text.isprintable() else UNSHOWN.sub(escaped, text)", "return text"
    ),
    "log-gap": Removal(
        "if self._missing and not self._outlet.write(encoded(self._gap(self._missing))):", "if self._missing:"
    ),
    "traceback": Removal('{"cause": defect(error)}', '{"cause": logging.Formatter().formatException(record.exc_info)}'),
    "library-words": Removal(
        "FILLED_IN.split(str(record.msg), maxsplit=1)[0].strip()[:MAX_TEXT]", "record.getMessage()[:MAX_TEXT]"
    ),
    "defect": Removal('" ".join((type(error).__name__,', '" ".join((repr(error),'),
    "login-words": Removal(
        'cause = f"the login failed: {type(error).__name__}"', 'cause = f"the login failed: {error}"'
    ),
    "own-page": Removal("REQUEST.format(escape(request_id))", "REQUEST.format(request_id)"),
    "cause": Removal('"detail": error.detail,', '"detail": error.cause or error.detail,'),
    "status": Removal(
        "{name: self._credential(source.state) for name, source in app.sources.items()}",
        "{name: {**self._credential(source.state), 'value': source.current().value}"
        " for name, source in app.sources.items()}",
    ),
    "exec": Removal("if name not in names and not any(secret in value for secret in secrets)", "if True"),
    "exec-proxy": Removal('WAY_IN.sub(r"\\1", value) if name.lower().endswith("_proxy") else value', "value"),
    "core-dump": Removal("    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))\n", ""),
    "debugger": Removal("        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)", "        pass"),
    "upload": Removal("self._file = tempfile.TemporaryFile(", "self._file = tempfile.NamedTemporaryFile("),
    "store-read": Removal("return self._fernet.encrypt(note.written(written))", "return note.written(written)"),
    "store-file": Removal(
        "        Path(name).replace(path)\n", "        Path(name).chmod(0o644)\n        Path(name).replace(path)\n"
    ),
}

SUPPLY = {
    "locks": Removal("--no-deps --require-hashes -r", "--no-deps -r"),
    "image-locks": Removal("--require-hashes -r requirements-shared.txt", "-r requirements-shared.txt"),
    "image-user": Removal("USER 65532:65532", "USER root"),
}

FLOOD = {
    "requests": Removal(
        "        if in_flight > self.fairness.half and not self.fairness", "        if False and not self.fairness"
    ),
    "half": Removal("and (modest or now >= self._others_first)", ""),
    "connections": Removal("return max(0, self.limit - len(self._open))", "return sys.maxsize"),
    "most-first": Removal("(gone - share.connections, -idle_for, which)", "(0, -idle_for, which)"),
    "large-head": Removal(
        '        """Turn a whole head into the request that arrives. Raises GatewayError."""\n'
        "        if len(head) > self.wire.max_head:",
        '        """Turn a whole head into the request that arrives. Raises GatewayError."""\n        if False:',
    ),
    "slow-head": Removal("        if data and not self._head:", "        if data:"),
    "large-body": Removal("        if self._body.size + self._left > self._max_body:", "        if False:"),
    "origin-flood": Removal(
        "if self.open >= self._limit or self._spoken_for or self._held.get(share, 0) >= self._most:", "if False:"
    ),
    "logins": Removal("if len(self.charges) == BUDGET else -math.inf", "if False else -math.inf"),
    "blind": Removal(
        "        response: web.StreamResponse = await handler(request)",
        '        if (await request.app[VIEW].status())["in_flight"] > 1:\n'
        "            return web.Response(status=503)\n"
        "        response: web.StreamResponse = await handler(request)",
    ),
    "admin-flood": Removal(
        "        for oldest in there[: max(0, len(there) - CONNECTIONS + 1)]:", "        for oldest in ():"
    ),
    "files": Removal("        if wanted > soft:", "        if False:"),
}

REMOVALS: Mapping[str, Removal] = REACH | PAGES | CALLERS | SMUGGLING | WAY | READERS | SUPPLY | FLOOD
