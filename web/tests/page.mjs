// The page as somebody uses it, in Chromium: page.mjs SITE_URL ATOME CLASSIFIER CONFIG. `run` beside it starts the site.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, get } from "node:http";

const { chromium } = await import(process.env.PLAYWRIGHT);
const [site, atome, model, classifier, config] = process.argv.slice(2);

const browser = await chromium.launchPersistentContext(process.env.PROFILE, {
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
  viewport: { width: 1200, height: 800 },
  colorScheme: "light",
});
const page = await browser.newPage();
page.setDefaultTimeout(60_000);
const faults = [];
page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
page.on("pageerror", (error) => faults.push(String(error)));
page.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(site) && !/^(data|blob):/.test(url)) faults.push(`asks ${url}`);
});
const text = (selector) => page.locator(selector).textContent();
const shot = (name) => page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, animations: "disabled" });
const idle = () => page.waitForFunction(() => document.getElementById("stop").disabled && !document.getElementById("said").ariaBusy);
const loaded = (name) => page.waitForFunction((name) => document.getElementById("model").textContent === name, name);
const failed = (words) => page.waitForFunction((words) => document.getElementById("fault").textContent.includes(words), words);

/** Drops files on the page. */
async function drop(...files) {
  const given = files.map(([name, path]) => [name, (Buffer.isBuffer(path) ? path : readFileSync(path)).toString("base64")]);
  await page.evaluate((given) => {
    const data = new DataTransfer();
    for (const [name, base64] of given) {
      data.items.add(new File([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))], name));
    }
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, given);
}

// The site answers whatever it is asked.
const answers = (path) => new Promise((resolve, reject) => {
  get(new URL(site), { path }, (answer) => resolve(answer.resume().statusCode)).on("error", reject);
});
for (const [path, status] of [["/%", 400], ["//", 400], ["/%00", 404], ["/..%2frun", 404], ["/none", 404], ["/", 200]]) {
  assert.equal(await answers(path), status, path);
}

await page.goto(site);

// The site's model, by the keyboard alone.
await page.getByRole("button", { name: "Default model" }).focus();
await page.keyboard.press("Enter");
await loaded("Default model");
assert.match(await text("#facts"), /relaxed-simd/, "this browser has relaxed SIMD");
await page.fill("#text", "And the king said");
await page.fill("#n", "60");
await page.fill("#seed", "7");
await page.keyboard.press("Control+Enter");
await page.waitForFunction(() => /seed 7/.test(document.getElementById("speed").textContent));
await idle();
const run = execFileSync(atome, ["run", model, "-p", "And the king said", "-n", "60", "--seed", "7", "--quiet"]).toString();
assert.equal(`And the king said${await text("#said .answer")}`, run.replace(/\n$/, ""), "the text of the command");
assert.match(await text("#speed"), /60 tokens, [\d.]+ tokens\/s, memory [\d.]+ MB/);
await shot("text-light");

// Two halves are the whole.
await page.fill("#n", "30");
await page.click("#send");
await idle();
const half = await text("#said .answer");
assert.ok(run.startsWith(`And the king said${half}`));
await page.click("#more");
await idle();
assert.equal(await page.locator("#said .answer").count(), 2);

// Stopping, in the midst of a long text.
await page.fill("#n", "1000000");
await page.click("#send");
await page.waitForFunction(() => document.getElementById("said").textContent.length > 500);
const asked = Date.now();
await page.keyboard.press("Escape");
await idle();
assert.ok(Date.now() - asked < 2000, "it stops at once");
// A text that ends it.
await page.fill("#ends", "e");
await page.click("#send");
await idle();
assert.ok(!(await text("#said .answer")).includes("e"), "ends before the text");
await page.fill("#ends", "");

// What cannot be loaded is said in a line, and the page goes on.
await drop(["notes.txt", Buffer.from("not a model at all")]);
await failed("notes.txt: ");
const bytes = readFileSync(model);
await drop(["cut.safetensors", bytes.subarray(0, bytes.length >> 1)]);
await failed("cut.safetensors: ");
assert.ok(!(await text("#fault")).includes("\n"));
assert.equal(await text("#model"), "no model");
await drop(["a.bin", bytes], ["b.bin", bytes]);
await failed("2 model files");
await shot("fault");

// A classifier, with its dimensions beside it and without.
if (existsSync(classifier)) {
  await drop(["head.atomecl", classifier]);
  await failed("head.atomecl: ");
  await drop(["head.atomecl", classifier], ["head.json", config]);
  await loaded("head.atomecl");
  await page.fill("#text", "hello");
  await page.click("#send");
  await idle();
  const told = JSON.parse(execFileSync(atome, ["classify", classifier, "--config", config, "-p", "hello"]));
  assert.equal(await page.locator("#said tr.best").evaluate((row) => row.rowIndex), told.class);
} else {
  console.log(`skipped: the page with a classifier, there is no ${classifier}`);
}

// A file by drag and drop, dark and narrow.
await page.emulateMedia({ colorScheme: "dark" });
await drop(["own.safetensors", model]);
await loaded("own.safetensors");
await page.fill("#text", "In the beginning");
await page.fill("#n", "200");
await page.click("#send");
await idle();
await shot("text-dark");
await page.setViewportSize({ width: 380, height: 700 });
const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
assert.ok(wide <= 0, `${wide} pixels beyond a small window`);
await shot("text-narrow");

// A worker of one's own, whose files are named from the page.
const vocab = await page.evaluate(async () => {
  const { connect } = await import("/atome/index.mjs");
  const remote = await connect();
  const wasm = new URL("atome/simd128.wasm", document.baseURI);
  const { about } = await remote.load("default.safetensors", { build: "simd128", wasm });
  await remote.close();
  return about.vocab;
});
assert.equal(vocab, 256);
assert.deepEqual(faults, []);

// Another site is asked for nothing: neither by the page's list of models nor by the worker, whatever it was told.
const heard = [];
const elsewhere = createServer((request, response) => {
  heard.push(request.url);
  response.writeHead(200, { "access-control-allow-origin": "*" }).end();
});
await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
const there = `http://127.0.0.1:${elsewhere.address().port}/model.bin`;
const ask = (url) => fetch(url).then(() => "answered", () => "refused");
assert.equal(await ask(there), "answered");
assert.deepEqual(heard.splice(0), ["/model.bin"]);
for (const thread of [page, ...page.workers()]) assert.equal(await thread.evaluate(ask, there), "refused");
assert.equal(page.workers().length, 1);
const listed = [{ name: "Elsewhere", file: there }, { name: "Here", file: "default.safetensors" }];
await page.route("**/models.json", (route) => route.fulfill({ json: listed }));
await page.goto(site);
await failed(`models.json, Elsewhere: ${there} is not of this site`);
assert.deepEqual(await page.locator("#site button").allTextContents(), ["Here"]);
assert.deepEqual(heard, []);
elsewhere.close();
await browser.close();
console.log("the page does what it should");
