// Beside a preset's form: a question, and the answer by what the form says now. Model text is text.

import { showErrors } from "./preset-form.js";

const pane = document.querySelector("[data-tryout]");
const part = (name) => pane.querySelector(`[data-${name}]`);
const word = (name, values = {}) =>
  part(`word="${name}"`).textContent.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

let running = null;

function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

function clear() {
  for (const name of ["trouble", "model", "answer", "tools"]) show(part(name), "");
  part("thoughts").hidden = true;
  part("thoughts").querySelector("div").textContent = "";
  part("figures").textContent = word("writes");
}

function begin() {
  running = new AbortController();
  part("ask").disabled = true;
  part("stop").hidden = false;
  clear();
}

function end() {
  running = null;
  part("ask").disabled = false;
  part("stop").hidden = true;
}

function fail(text) {
  part("figures").textContent = "";
  show(part("trouble"), text);
}

async function ask() {
  if (running) return;
  begin();
  const body = new FormData(document.getElementById(pane.dataset.form));
  body.set("question", document.getElementById("tryout-question").value);
  try {
    const answer = await fetch(pane.dataset.url, { method: "POST", body, signal: running.signal });
    if (answer.headers.get("content-type")?.startsWith("application/x-ndjson")) await read(answer.body);
    else await refuse(answer);
  } catch (trouble) {
    if (trouble.name === "AbortError") part("figures").textContent = word("stopped");
    else fail(word("broken"));
  }
  end();
}

async function refuse(answer) {
  if (answer.redirected || !answer.headers.get("content-type")?.includes("json")) {
    return fail(word(answer.redirected || answer.status === 403 ? "signed-out" : "broken"));
  }
  const { detail, errors } = await answer.json();
  fail(detail);
  if (errors) showErrors(errors, true);
}

/** Lines of JSON as they come; a piece may end anywhere. */
async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let ended = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) ended = take(JSON.parse(line)) || ended;
  }
  if (!ended) fail(word("broken"));
}

function take(line) {
  if ("model" in line) show(part("model"), word("answers", { model: line.model }));
  if ("text" in line) grow(part("answer"), line.text);
  if ("reasoning" in line) {
    part("thoughts").hidden = false;
    grow(part("thoughts").querySelector("div"), line.reasoning);
  }
  if ("tool" in line) {
    part("tools").hidden = false;
    part("tools").append(Object.assign(document.createElement("li"), { textContent: word("calls", { tool: line.tool }) }));
  }
  if ("error" in line) fail(line.status ? `${line.error} (HTTP ${line.status})` : line.error);
  if ("done" in line) part("figures").textContent = figures(line.done);
  return "error" in line || "done" in line;
}

function grow(element, text) {
  element.hidden = false;
  element.append(text);
}

function figures(done) {
  const said = [];
  if (part("answer").hidden && part("tools").hidden) said.push(word("empty"));
  if (done.completion_tokens !== null) {
    const tokens = word("tokens", { in: done.prompt_tokens, out: done.completion_tokens });
    said.push(done.estimated ? `${tokens} ${word("estimated")}` : tokens);
  }
  said.push(done.cost ? word("cost", { cost: done.cost }) : word("no-cost"));
  if (done.first_ms !== null) said.push(word("first", { ms: done.first_ms }));
  said.push(word("seconds", { s: done.seconds.toFixed(1) }));
  if (done.finish === "length") said.push(word("length"));
  return said.join(" · ");
}

if (pane) {
  part("ask").addEventListener("click", ask);
  part("stop").addEventListener("click", () => running?.abort());
}
