// The page as somebody uses it: check.mjs URL KEYED_URL, of a server without keys and of one whose key is `secret`.
// `run` beside it starts both.

import assert from "node:assert/strict";

const { chromium } = await import(process.env.PLAYWRIGHT);
const [open, keyed] = process.argv.slice(2);

const context = await chromium.launchPersistentContext(process.env.PROFILE, {
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
  viewport: { width: 1200, height: 800 },
  colorScheme: "light",
});
const page = await context.newPage();
page.setDefaultTimeout(120_000);
// More tokens than are written while an answer is stopped.
const MANY = 1_000_000;
const faults = [];
page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
page.on("pageerror", (error) => faults.push(String(error)));
page.on("request", (request) => {
  const url = request.url();
  if (![open, keyed].some((own) => url.startsWith(own)) && !url.startsWith("data:")) faults.push(`asks ${url}`);
});

const shot = (name) => page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, animations: "disabled" });
const text = (selector) => page.locator(selector).textContent();
const answer = () => text("#said .answer:last-of-type");
const idle = () => page.waitForFunction(() => document.getElementById("stop").disabled && !document.getElementById("said").ariaBusy);
const done = () => page.waitForFunction(() => /seed \d+/.test(document.getElementById("speed").textContent));
async function fill(values) {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, String(value));
}

// What the server says to the same request, whole.
async function told(path, ask) {
  const response = await fetch(`${open}/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(ask),
  });
  return (await response.json()).choices[0];
}

async function metric(name) {
  const lines = (await (await fetch(`${open}/metrics`)).text()).split("\n");
  return Number(lines.find((line) => line.startsWith(`${name} `)).split(" ")[1]);
}

// The least contrast of a text and what is behind it.
function contrast() {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => {
      const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = rgb(getComputedStyle(at).backgroundColor);
        if (color[3] === 255) return color;
      }
      return [255, 255, 255, 255];
    };
    let least = [99, ""];
    for (const element of document.body.querySelectorAll("*")) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      const style = getComputedStyle(element);
      if (!own || element.disabled || style.visibility === "hidden" || !element.offsetParent) continue;
      const [a, b] = [light(rgb(style.color)), light(behind(element))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < least[0]) least = [ratio, `${element.tagName}#${element.id}.${element.className}`];
    }
    return least;
  });
}

const checks = {
  async "the page says what it serves"() {
    await page.goto(`${open}/`);
    await page.waitForFunction(() => document.getElementById("about").textContent.includes("million parameters"));
    assert.match(await text("#about"), /state \d/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "text");
    assert.equal(await page.inputValue("#temperature"), "0.8");
    await shot("1-empty-light");
  },

  async "a completion streams, and is what the server says"() {
    await fill({ text: "In the beginning", max_tokens: 120, seed: 7 });
    await page.keyboard.press("Control+Enter");
    await done();
    const expected = await told("v1/completions", { prompt: "In the beginning", max_tokens: 120, seed: 7 });
    assert.equal(await answer(), expected.text);
    assert.equal(await text("#said .given"), "In the beginning");
    assert.match(await text("#speed"), /^120 tokens, \d+ tokens\/s, state [\d.]+ [kM]B, 16 read \(\d+ kept\), seed 7$/);
    await shot("2-completion-light");
  },

  async "a token shows how likely it was, by pointer and by keys"() {
    assert.equal(await page.locator("#said .token").count(), 120);
    await page.locator("#said .token").nth(5).hover();
    assert.match(await text("#token"), /id \d+: [\d.]+ %/);
    assert.equal(await page.locator("#token tr").count(), 8, "five tokens and three weights of the router");
    const shares = await page.locator("#token tr td:last-child").allTextContents();
    const router = shares.slice(5).map(parseFloat);
    assert.ok(Math.abs(router.reduce((sum, share) => sum + share, 0) - 100) < 0.3, `${router}`);
    for (const name of ["convolution", "state", "attention"]) assert.ok((await text("#token")).includes(name));
    await page.locator("#said").focus();
    const chosen = () => page.evaluate(() => {
      const tokens = [...document.querySelectorAll("#said .token")];
      return tokens.findIndex((token) => token.classList.contains("chosen"));
    });
    const before = await chosen();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft"]) await page.keyboard.press(key);
    assert.equal(await chosen(), before + 1);
    for (const [key, at] of [["End", 119], ["Home", 0]]) {
      await page.keyboard.press(key);
      assert.equal(await chosen(), at);
    }
    await shot("3-token-light");
  },

  async "parameters count, and one that is wrong is spoken of"() {
    await fill({ text: "And", temperature: 0, max_tokens: 40, ends: "e" });
    await page.keyboard.press("Control+Enter");
    await done();
    const expected = await told("v1/completions", { prompt: "And", max_tokens: 40, temperature: 0, stop: "e" });
    assert.equal(await answer(), expected.text);
    await fill({ ends: "", top_p: 0 });
    await page.click("#send");
    await page.waitForSelector(".fault");
    assert.match(await text(".fault"), /top-p/);
    await shot("4-fault-light");
    // It is asked for nothing where a number is none, and again it works.
    await fill({ top_p: 0.95, temperature: 0.8 });
  },

  async "an answer is stopped by Escape and by the button, and costs no more"() {
    for (const stop of [() => page.keyboard.press("Escape"), () => page.click("#stop")]) {
      await fill({ text: "In the beginning", max_tokens: MANY, seed: "" });
      await page.keyboard.press("Control+Enter");
      await page.waitForFunction(() => document.querySelectorAll("#said .token").length > 50);
      await stop();
      await idle();
      const count = await page.locator("#said .token").count();
      assert.ok(count < MANY, `${count} tokens`);
      await page.waitForTimeout(200);
      assert.equal(await page.locator("#said .token").count(), count);
      for (let i = 0; i < 50 && (await metric("atome_running")); i++) await page.waitForTimeout(100);
      assert.equal(await metric("atome_running"), 0);
    }
    assert.ok((await metric("atome_left_total")) >= 2);
  },

  async "what is typed is text"() {
    await fill({ text: "<img src=x onerror=alert(1)><b>bold</b>", max_tokens: 5 });
    await page.keyboard.press("Control+Enter");
    await done();
    assert.equal(await text("#said .given"), "<img src=x onerror=alert(1)><b>bold</b>");
    assert.equal(await page.locator("#said img, #said b").count(), 0);
  },

  async "a conversation goes on, all by keys"() {
    await page.locator("[name=mode][value=text]").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.isVisible("#system"));
    await fill({ text: "", system: "Be brief.", max_tokens: 60, seed: 3 });
    const talk = [{ role: "system", content: "Be brief." }];
    for (const said of ["Who art thou?", "And whence comest thou?"]) {
      await page.locator("#text").focus();
      await page.keyboard.type(said);
      await page.keyboard.press("Control+Enter");
      await done();
      await idle();
      talk.push({ role: "user", content: said });
      const expected = await told("v1/chat/completions", { messages: talk, max_tokens: 60, seed: 3 });
      talk.push({ role: "assistant", content: expected.message.content });
      assert.equal(await answer(), expected.message.content);
    }
    assert.equal(await page.locator("#said .who").count(), 4);
    assert.match(await text("#speed"), /\([1-9]\d* kept\)/);
    assert.equal(await page.inputValue("#text"), "");
    assert.equal(await page.evaluate(() => document.activeElement.id), "text");
    await shot("5-chat-light");
  },

  async "all that can be used is reached by Tab"() {
    const wanted = new Set(["said", "text", "send", "clear", "system", "max_tokens", "temperature", "seed", "ends"]);
    await page.locator("#said").focus();
    for (let i = 0; i < 40 && wanted.size; i++) {
      const found = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return [document.activeElement.id, style.outlineStyle];
      });
      if (wanted.delete(found[0])) assert.notEqual(found[1], "none", `${found[0]} does not show that it has the focus`);
      await page.keyboard.press("Tab");
    }
    assert.deepEqual([...wanted], []);
    const names = await page.evaluate(() =>
      [...document.querySelectorAll("input, textarea, button")]
        .filter((e) => e.offsetParent && !(e.labels?.[0]?.textContent || e.textContent || e.ariaLabel).trim())
        .map((e) => e.id));
    assert.deepEqual(names, [], "without a name");
  },

  async "light, dark and small, it can be read"() {
    for (const [scheme, width, name] of [["light", 1200, null], ["dark", 1200, "6-chat-dark"], ["dark", 390, "7-small-dark"], ["light", 390, "8-small-light"]]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 800 });
      await page.locator("#said .token").nth(3).hover();
      const [least, where] = await contrast();
      assert.ok(least >= 4.5, `${scheme}: a contrast of ${least} at ${where}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${scheme} at ${width}: wider than the window by ${wide}`);
      if (name) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: width < 1000 });
    }
    await page.setViewportSize({ width: 1200, height: 800 });
    await page.click("#clear");
    assert.equal(await text("#said"), "");
    assert.match(await text("#token"), /^Choose a token/);
  },

  async "a long text scrolls in its own box"() {
    await page.locator("[name=mode][value=text]").check();
    await fill({ text: "In the beginning", max_tokens: 3000, seed: 1 });
    await page.keyboard.press("Control+Enter");
    await done();
    const box = await page.evaluate(() => {
      const said = document.getElementById("said");
      return [said.scrollTop + said.clientHeight - said.scrollHeight, document.documentElement.scrollHeight - innerHeight];
    });
    assert.ok(Math.abs(box[0]) < 40 && box[1] <= 0, `${box}`);
    await shot("9-long-light");
  },

  async "a server with keys asks for one"() {
    await page.goto(`${keyed}/`);
    await page.waitForSelector("#key", { state: "visible" });
    await shot("10-key-light");
    await fill({ text: "And", max_tokens: 5 });
    await page.click("#send");
    await page.waitForSelector(".fault");
    assert.match(await text(".fault"), /key/);
    await page.fill("#key", "secret");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => document.getElementById("about").textContent.includes("million parameters"));
    await page.fill("#text", "And");
    await page.keyboard.press("Control+Enter");
    await done();
  },
};

try {
  for (const [name, check] of Object.entries(checks)) {
    await check().catch(async (error) => {
      await shot("failed").catch(() => {});
      throw new Error(`${name}: ${error.stack}`);
    });
    console.log(`ok: ${name}`);
  }
  // Requests that were refused on purpose the browser writes there by itself.
  const other = faults.filter((fault) => !/status of 40[01]/.test(fault));
  assert.deepEqual(other, [], "the console is empty, and nothing is asked for elsewhere");
} finally {
  await context.close();
}
console.log(`page: all is well, in ${process.env.SHOTS}`);
