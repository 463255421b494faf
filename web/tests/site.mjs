// A folder as a site on this machine: site.mjs FOLDER [PORT]. Prints its address. The policy that its page states goes with
// every answer, since a worker has that of its own script's answer.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";

const [folder, port = "0"] = process.argv.slice(2);
const TYPES = {
  ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript",
  ".json": "application/json", ".wasm": "application/wasm",
};
const root = path.resolve(folder);
const page = await readFile(path.join(root, "index.html"), "utf8").catch(() => "");
const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1];

/** The path of a request; null if it asks for what is no address, such as `/%` or `//`. */
function asked(url) {
  try {
    return decodeURIComponent(new URL(url, "http://site").pathname);
  } catch {
    return null;
  }
}

const server = createServer(async (request, response) => {
  const name = asked(request.url);
  if (name === null) {
    response.writeHead(400).end();
    return;
  }
  const file = path.join(root, name.endsWith("/") ? `${name}index.html` : name);
  try {
    if (!file.startsWith(root + path.sep)) throw new Error("outside");
    const bytes = await readFile(file);
    const type = TYPES[path.extname(file)] ?? "application/octet-stream";
    response.writeHead(200, {
      "content-type": type,
      "content-length": bytes.length,
      ...(policy && { "content-security-policy": policy }),
    });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
