"""A hub on this machine: the few endpoints that its client really uses, with the answers and headers it looks for."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_secret"  # noqa: S105  # it opens nothing
REPOSITORY = r"(?P<name>[^/]+/[^/]+)"
ROUTES = {
    ("POST", r"/api/repos/create"): "create",
    ("POST", r"/api/validate-yaml"): "validate",
    ("POST", rf"/api/models/{REPOSITORY}/preupload/main"): "preupload",
    ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/batch"): "batch",
    ("PUT", r"/large/(?P<oid>\w+)"): "store",
    ("POST", rf"/api/models/{REPOSITORY}/commit/main"): "commit",
    ("GET", rf"/api/models/{REPOSITORY}(/revision/(?P<revision>[^/]+))?"): "info",
    ("HEAD", rf"/{REPOSITORY}/resolve/(?P<revision>\w+)/(?P<file>.+)"): "resolve",
    ("GET", rf"/{REPOSITORY}/resolve/(?P<revision>\w+)/(?P<file>.+)"): "resolve",
    ("GET", r"/large/(?P<oid>\w+)"): "large",
}


@dataclass
class Repository:
    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # oldest first

    def add(self, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(repr((len(self.commits), sorted(files.items()))).encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = files
        return sha

    @property
    def head(self) -> str:
        return list(self.commits)[-1]


class Hub(ThreadingHTTPServer):
    """Repositories and large files in memory; a request without the token changes and shows nothing that is private."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.broken: int | None = None  # a status to answer everything with
        self.spoilt: set[str] = set()  # files that change on their way out


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def is_large(content: bytes) -> bool:
    return b"\0" in content[:512]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.route()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  # the standard library asks for these names

    def route(self) -> None:
        path = self.path.partition("?")[0]
        self.body = b"".join(self.chunks())
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.broken:
            return self.answer({}, self.server.broken)
        for (verb, pattern), name in ROUTES.items():
            if verb == self.command and (found := re.fullmatch(pattern, path)):
                return getattr(self, name)(**found.groupdict())
        return self.answer({}, 404)

    def chunks(self) -> Iterator[bytes]:
        """What was sent, in one piece or in several that say their length in hexadecimal first."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for key, text in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str = "") -> None:
        self.answer({"error": code}, status, **({"X_Error_Code": code} if code else {}))

    def repository(self, name: str) -> Repository | None:
        """The one of that name, once it has been told why not if it may not be seen."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and not self.known):
            self.refuse(404 if self.known else 401, "RepoNotFound")
            return None
        return found

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self.known:
            return self.refuse(401)
        if asked["organization"] != "ann":
            return self.refuse(403)
        if name in self.server.repositories:
            return self.answer({"error": "there is one", "url": f"{self.server.url}/{name}"}, 409)
        made = self.server.repositories[name] = Repository(asked.get("visibility") == "private")
        made.add({".gitattributes": b"*.safetensors filter=lfs\n"})
        return self.answer({"url": f"{self.server.url}/{name}"})

    def validate(self) -> None:
        content = json.loads(self.body)["content"]
        fine = re.match(r"---\n.*?\n---\n", content, re.DOTALL)
        self.answer({} if fine else {"errors": [{"message": "no metadata"}]}, 200 if fine else 400)

    def preupload(self, name: str) -> None:
        here = self.repository(name)
        if here is None:
            return
        head = here.commits[here.head]
        rows = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(base64.b64decode(file["sample"])) else "regular",
                "shouldIgnore": False,
                "oid": blob(head[file["path"]]) if file["path"] in head else None,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.answer({"files": rows})

    def batch(self, name: str) -> None:
        objects = [
            {"oid": o["oid"], "size": o["size"], "actions": {"upload": {"href": f"{self.server.url}/large/{o['oid']}"}}}
            for o in json.loads(self.body)["objects"]
        ]
        self.answer({"transfer": "basic", "objects": objects})

    def store(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.refuse(400)
        self.server.large[oid] = self.body
        return self.answer({})

    def commit(self, name: str) -> None:
        here = self.repository(name)
        if here is None:
            return
        files = dict(here.commits[here.head])
        for line in self.body.splitlines():
            kind, value = (json.loads(line)[key] for key in ("key", "value"))
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif kind == "deletedFile":
                del files[value["path"]]
        sha = here.add(files)
        self.answer({"commitUrl": f"{self.server.url}/{name}/commit/{sha}", "commitOid": sha})

    def info(self, name: str, revision: str | None) -> None:
        here = self.repository(name)
        if here is None:
            return None
        sha = here.head if revision in (None, "main") else next((c for c in here.commits if c.startswith(revision)), None)
        if sha is None:
            return self.refuse(404, "RevisionNotFound")
        siblings = []
        for file, content in here.commits[sha].items():
            row: dict[str, Any] = {"rfilename": file}
            if "blobs=" in self.path:
                row |= {"size": len(content), "blobId": blob(content)}
                if is_large(content):
                    row["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
            siblings.append(row)
        return self.answer({"id": name, "sha": sha, "private": here.private, "siblings": siblings})

    def resolve(self, name: str, revision: str, file: str) -> None:
        here = self.repository(name)
        if here is None:
            return None
        if file not in here.commits.get(revision, {}):
            return self.refuse(404, "EntryNotFound")
        content = here.commits[revision][file]
        if file in self.server.spoilt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if not is_large(content):
            return self.answer(content, ETag=f'"{blob(content)}"', X_Repo_Commit=revision)
        oid = hashlib.sha256(content).hexdigest()
        self.server.large[oid] = content
        elsewhere = self.server.url.replace("127.0.0.1", "localhost")  # another host, as large files are on the real one
        there = {"Location": f"{elsewhere}/large/{oid}", "X_Repo_Commit": revision}
        return self.answer(b"", 302, **there, X_Linked_Etag=f'"{oid}"', X_Linked_Size=str(len(content)))

    def large(self, oid: str) -> None:
        self.answer(self.server.large[oid], ETag=f'"{oid}"')
