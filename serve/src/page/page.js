// The page: asks this server alone, keeps nothing.
"use strict";

const at = (id) => document.getElementById(id);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const NUMBERS = ["max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"];
const ROUTER = ["convolution", "state", "attention"];

let props = {};
let talk = [];
let running = null;
let chosen = null;
const HINT = at("token").textContent;

const isChat = () => document.querySelector("[name=mode]:checked").value === "chat";

function headers() {
  const key = at("key").value;
  const all = { "Content-Type": "application/json" };
  if (key) all.Authorization = `Bearer ${key}`;
  return all;
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function about() {
  const answer = await fetch("props", { headers: headers() });
  if (answer.status === 401) {
    document.body.classList.add("keys");
    at("about").textContent = "asks for a key";
    return;
  }
  props = await answer.json();
  at("model").textContent = props.model === "atome" ? "" : props.model;
  at("about").textContent =
    `${props.architecture}, ${(props.parameters / 1e6).toFixed(1)} million parameters, ` +
    `${props.backend} on ${props.cpu}, a session's state ${size(props.state_bytes)}`;
  for (const [name, value] of Object.entries(props.sampling)) {
    const input = at(name);
    if (input && !input.value) input.value = +value.toFixed(4);
  }
}

function request(text) {
  const ask = { stream: true, stream_options: { include_usage: true }, details: true };
  for (const name of NUMBERS) {
    if (at(name).value !== "") ask[name] = Number(at(name).value);
  }
  if (at("ends").value) ask.stop = at("ends").value;
  if (!isChat()) return ["v1/completions", { ...ask, prompt: text }];
  const system = at("system").value.trim();
  const before = system ? [{ role: "system", content: system }] : [];
  return ["v1/chat/completions", { ...ask, messages: [...before, ...talk] }];
}

// The events of a stream, as they come.
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith("data: ") && part !== "data: [DONE]") yield JSON.parse(part.slice(6));
    }
  }
}

// A token's text, in which blanks and line breaks can be seen.
function visible(text) {
  return JSON.stringify(text).slice(1, -1).replaceAll(" ", "\u2423");
}

function show(detail) {
  const box = at("token");
  box.replaceChildren();
  const percent = (logprob) => `${(100 * Math.exp(logprob)).toFixed(1)} %`;
  const table = make("table");
  const row = (name, value, share) => {
    const line = make("tr");
    const first = make("td");
    first.append(make("code", "", name));
    const meter = make("meter");
    meter.value = share;
    const middle = make("td");
    middle.append(meter);
    line.append(first, middle, make("td", "", value));
    table.append(line);
  };
  box.append(make("p", "", `${JSON.stringify(detail.text)}, id ${detail.id}: ${percent(detail.logprob)}`));
  for (const top of detail.top) row(visible(top.text), percent(top.logprob), Math.exp(top.logprob));
  detail.output.forEach((share, i) => {
    const name = detail.output.length === ROUTER.length ? ROUTER[i] : `output ${i}`;
    row(name, `${(100 * share).toFixed(1)} %`, share);
  });
  box.append(table);
}

function choose(token) {
  chosen?.classList.remove("chosen");
  chosen = token;
  chosen.classList.add("chosen");
  chosen.scrollIntoView({ block: "nearest" });
  show(chosen.detail);
}

function add(into, text, details) {
  // A character of several tokens comes with its last one.
  const spans = details.map((detail) => {
    const span = make("span", "token");
    const share = Math.exp(detail.logprob);
    span.classList.add(share < 0.05 ? "p0" : share < 0.25 ? "p1" : share < 0.6 ? "p2" : "p3");
    span.detail = detail;
    return span;
  });
  let rest = text;
  spans.forEach((span, i) => {
    const own = spans[i].detail.text;
    const length = i + 1 === spans.length ? rest.length : rest.startsWith(own) ? own.length : 0;
    span.textContent = rest.slice(0, length);
    rest = rest.slice(length);
    into.append(span);
  });
  if (!spans.length && rest) into.append(rest);
}

// Shows an answer as it comes, once a frame: to lay a long text out for each of its tokens takes longer than writing it.
function shower(answer) {
  const said = at("said");
  let waiting = [];
  let frame = 0;
  let written = 0;
  let first = 0;
  const flush = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!waiting.length) return;
    const follows = said.scrollTop + said.clientHeight > said.scrollHeight - 40;
    for (const [text, details] of waiting) add(answer, text, details);
    waiting = [];
    const seconds = (performance.now() - first) / 1000;
    const speed = written > 1 && seconds > 0 ? `, ${((written - 1) / seconds).toFixed(0)} tokens/s` : "";
    at("speed").textContent = `${written} tokens${speed}, state ${size(props.state_bytes ?? 0)}`;
    if (follows) said.scrollTop = said.scrollHeight;
  };
  const more = (text, details) => {
    waiting.push([text, details]);
    written += details.length;
    first ||= performance.now();
    frame ||= requestAnimationFrame(flush);
  };
  return { more, flush };
}

async function send() {
  const text = at("text").value;
  if (running || !text) return;
  const said = at("said");
  const chat = isChat();
  // What is cleared meanwhile is another conversation.
  const conversation = talk;
  if (chat) {
    talk.push({ role: "user", content: text });
    said.append(make("span", "who", "you"), text);
    at("text").value = "";
  } else {
    said.replaceChildren(make("span", "given", text));
  }
  if (chat) said.append(make("span", "who", props.model));
  const answer = make("span", "answer");
  said.append(answer);
  said.scrollTop = said.scrollHeight;
  running = new AbortController();
  at("send").disabled = true;
  at("stop").disabled = false;
  said.setAttribute("aria-busy", "true");
  const shown = shower(answer);
  let whole = "";
  try {
    const [path, ask] = request(text);
    const response = await fetch(path, {
      method: "POST", headers: headers(), body: JSON.stringify(ask), signal: running.signal,
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices[0];
      if (!choice) {
        shown.flush();
        const cached = event.usage.prompt_tokens_details.cached_tokens;
        at("speed").textContent += `, ${event.usage.prompt_tokens} read (${cached} kept), seed ${event.seed}`;
        continue;
      }
      const more = (chat ? choice.delta.content : choice.text) ?? "";
      shown.more(more, choice.details ?? []);
      whole += more;
    }
  } catch (fault) {
    shown.flush();
    if (fault.name !== "AbortError") answer.append(make("span", "fault", fault.message));
  } finally {
    shown.flush();
    if (chat && whole) conversation.push({ role: "assistant", content: whole });
    else if (chat) conversation.pop();
    running = null;
    at("send").disabled = false;
    at("stop").disabled = true;
    said.removeAttribute("aria-busy");
    at("text").focus();
  }
}

function clear() {
  running?.abort();
  talk = [];
  chosen = null;
  at("token").replaceChildren(make("p", "", HINT));
  at("said").replaceChildren();
  at("speed").textContent = "";
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); send(); });
at("stop").addEventListener("click", () => running?.abort());
at("clear").addEventListener("click", clear);
at("key").addEventListener("change", about);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
at("said").addEventListener("pointerover", (event) => {
  if (event.target.detail && event.target.classList.contains("token")) choose(event.target);
});
at("said").addEventListener("keydown", (event) => {
  const tokens = [...at("said").querySelectorAll(".token")];
  const now = tokens.indexOf(chosen);
  const to = {
    ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: tokens.length - 1,
  }[event.key];
  if (to === undefined) return;
  if (tokens[to]) choose(tokens[to]);
  event.preventDefault();
});
for (const mode of document.querySelectorAll("[name=mode]")) {
  mode.addEventListener("change", () => {
    document.body.classList.toggle("chat", isChat());
    clear();
  });
}
about();
