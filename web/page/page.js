// The page: a model in a worker, which asks this site alone and keeps nothing.

import { connect } from "./atome/index.mjs";

const at = (id) => document.getElementById(id);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const CHOICES = ["temperature", "topK", "topP", "minP", "repetitionPenalty"];

const worker = connect();
let about = null;
let running = null;
let isLoading = false;

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** One line, whatever there is of it. */
function fault(text) {
  at("fault").textContent = text.replaceAll(/\s+/g, " ");
}

function enable() {
  const isReady = Boolean(about) && !running && !isLoading;
  at("send").disabled = !isReady;
  at("more").disabled = !isReady || about.classes !== null || !at("said").textContent;
  at("stop").disabled = !running;
  at("choose").disabled = isLoading || Boolean(running);
  for (const button of at("site").children) button.disabled = at("choose").disabled;
}

function facts(state) {
  const rows = [
    ["Family", about.architecture],
    ["Parameters", about.parameters.toLocaleString("en")],
    about.classes === null ? ["Tokens known", about.vocab.toLocaleString("en")] : ["Classes", about.classes],
    ["Weights", size(about.modelBytes)],
    ["State", size(about.stateBytes)],
    ["Memory", size(state.memoryBytes)],
    ["Instructions", about.instructions],
  ];
  at("facts").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", String(value))]));
}

async function load(name, source, config) {
  if (isLoading || running) return;
  isLoading = true;
  about = null;
  fault("");
  enable();
  at("progress").hidden = false;
  at("progress").value = 0;
  at("model").textContent = `loading ${name}`;
  const start = performance.now();
  try {
    const progress = (done, all) => { at("progress").value = all ? done / all : 1; };
    const loaded = await (await worker).load(source, { config, progress });
    about = loaded.about;
    at("model").textContent = name;
    const seconds = ((performance.now() - start) / 1000).toFixed(2);
    at("about").textContent = `${about.architecture}, ${(about.parameters / 1e6).toFixed(1)} million parameters, loaded in ${seconds} s`;
    facts(loaded);
    for (const id of CHOICES) at(id).value = Number(about.sampling[id].toFixed(4));
    at("said").replaceChildren();
    at("speed").textContent = "";
    if (!about.text) fault(about.noText);
  } catch (why) {
    at("model").textContent = "no model";
    at("facts").replaceChildren();
    fault(`${name}: ${why.message}`);
  } finally {
    isLoading = false;
    at("progress").hidden = true;
    enable();
    if (about) at("text").focus();
  }
}

/** The model among some files, and the dimensions beside it. */
async function take(files) {
  const isJson = (file) => file.name.toLowerCase().endsWith(".json");
  const models = files.filter((file) => !isJson(file));
  const configs = files.filter(isJson);
  if (models.length !== 1 || configs.length > 1) {
    fault(`${models.length} model files and ${configs.length} .json files, expected one, and at most one beside it`);
    return;
  }
  await load(models[0].name, models[0], configs.length ? await configs[0].text() : undefined);
}

/** The address of a file of this site. */
function own(file) {
  const url = new URL(file, document.baseURI);
  if (url.origin !== location.origin) throw new Error(`${url.href} is not of this site, ${location.origin}`);
  return url.href;
}

/** The models that the site has: `models.json`, a list of `{ name, file, config }`. */
async function site() {
  const answer = await fetch("models.json").catch(() => null);
  if (!answer?.ok) return;
  for (const { name, file, config } of await answer.json()) {
    try {
      const url = own(file);
      const button = make("button", "", name);
      button.type = "button";
      button.addEventListener("click", () => load(name, url, config));
      at("site").append(button);
    } catch (why) {
      fault(`models.json, ${name}: ${why.message}`);
    }
  }
  enable();
}

/** Shows text as it comes, once a frame. */
function shower(answer) {
  const said = at("said");
  let waiting = "";
  let line = "";
  let frame = 0;
  const flush = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    const follows = said.scrollTop + said.clientHeight > said.scrollHeight - 40;
    if (waiting) answer.append(waiting);
    waiting = "";
    if (line) at("speed").textContent = line;
    if (follows) said.scrollTop = said.scrollHeight;
  };
  const more = (text, told) => {
    waiting += text;
    line = told;
    frame ||= requestAnimationFrame(flush);
  };
  return { more, flush };
}

function told({ written, seconds, memoryBytes }) {
  const speed = written > 1 && seconds > 0 ? `, ${((written - 1) / seconds).toFixed(1)} tokens/s` : "";
  return `${written} tokens${speed}, memory ${size(memoryBytes)}`;
}

async function classify(text) {
  const { index, logits } = await (await worker).classify(text);
  const most = Math.max(...logits);
  const shares = Array.from(logits, (logit) => Math.exp(logit - most));
  const all = shares.reduce((sum, share) => sum + share, 0);
  const table = make("table", "classes");
  shares.forEach((share, i) => {
    const row = make("tr", i === index ? "best" : "");
    row.append(make("td", "", about.labels?.[i] ?? `class ${i}`), make("td", "", `${((100 * share) / all).toFixed(1)} %`));
    table.append(row);
  });
  at("said").replaceChildren(make("div", "given", text), table);
}

async function write(text, goOn) {
  const said = at("said");
  if (!goOn) said.replaceChildren(make("span", "given", text));
  else if (text) said.append(make("span", "given", text));
  const answer = make("span", "answer");
  said.append(answer);
  said.scrollTop = said.scrollHeight;
  const settings = { n: Number(at("n").value), goOn, signal: running.signal };
  for (const id of CHOICES) if (at(id).value !== "") settings[id] = Number(at(id).value);
  settings.seed = at("seed").value === "" ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(at("seed").value);
  if (at("ends").value) settings.stop = [at("ends").value];
  const shown = shower(answer);
  settings.more = (part) => {
    if (part.read !== undefined) shown.more("", `read ${part.read} of ${part.all} tokens`);
    else shown.more(part.text, told(part));
  };
  try {
    const done = await (await worker).generate(text, settings);
    const read = done.read && done.readSeconds > 0 ? `, ${done.read} read at ${(done.read / done.readSeconds).toFixed(0)}/s` : "";
    shown.more(done.text, `${told(done)}${read}, seed ${settings.seed}`);
    facts(done);
  } finally {
    shown.flush();
  }
}

async function send(goOn = false) {
  const text = at("text").value;
  if (running || isLoading || !about || (!text && !goOn)) return;
  fault("");
  running = new AbortController();
  at("said").setAttribute("aria-busy", "true");
  enable();
  try {
    if (about.classes === null) await write(goOn ? "" : text, goOn);
    else await classify(text);
  } catch (why) {
    fault(why.message);
  } finally {
    running = null;
    at("said").removeAttribute("aria-busy");
    enable();
    at("text").focus();
  }
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); send(); });
at("more").addEventListener("click", () => send(true));
at("stop").addEventListener("click", () => running?.abort());
at("clear").addEventListener("click", () => {
  running?.abort();
  at("said").replaceChildren();
  at("speed").textContent = "";
  fault("");
  enable();
});
at("choose").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", async () => {
  await take([...at("file").files]);
  at("file").value = "";
});
document.addEventListener("keydown", (event) => {
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.key === "Escape") running?.abort();
  if (event.key === "Enter" && isCommand) send();
  if (event.key === "o" && isCommand) {
    event.preventDefault();
    at("choose").click();
  }
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take([...event.dataTransfer.files]);
});
worker.catch((why) => fault(why.message));
site().catch((why) => fault(`models.json: ${why.message}`));
