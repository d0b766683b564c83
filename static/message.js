// Dresses messages: head, notices, actions and figures, from the article's data and the page's words.
// Loaded, posted and live articles are all dressed here, so that shared bytes need no words.

import { articleOf, articles, byId, changed, copyOf, followed, isOpen, lastOnes, word } from "./dom.js";
import { addCodeTools } from "./code.js";
import { say, speak } from "./tell.js";

const FACTS = ["state", "run", "place", "error", "finish", "stoppedBy", "tokens", "cost", "first", "speed", "thought", "leftOut", "window", "room", "json", "jsonProblem", "jsonPath"];
const GROWS = '.part[data-length]:not([data-length="end"])';
const begun = new WeakMap();

const isMine = (name) => name === document.body.dataset.personName;

const isMe = (id) => id === document.body.dataset.person;

const hasText = (article) => article.querySelector(".part--answer") !== null;

/** Put everything into `article` that its markup leaves to the page. */
export function dress(article) {
  dressHead(article);
  dressFoot(article);
  dressThoughts(article);
  dressCalls(article);
  if (!isOpen(article)) dressFigures(article);
}

/** What only a finished answer has: tools beside code, two forms of JSON. */
function dressFigures(article) {
  article.querySelectorAll("figure.code").forEach(addCodeTools);
  if (article.querySelector("figure[data-json]")) import("./json.js").then(({ dressJson }) => dressJson(article));
}

/** Few conversations have calls of tools, or JSON: what dresses them is loaded when it is needed. */
function dressCalls(article) {
  if (article.querySelector(".part--tool_call")) import("./tools.js").then(({ dressCalls: put }) => put(article));
}

export const dressAll = () => articles().forEach(dress);

function dressHead(article) {
  const { role, author, preset, askedBy, askedById, at } = article.dataset;
  const head = article.querySelector(":scope > .message-head");
  const pieces = [span("who", role === "user" ? author : preset)];
  if (role === "user" && at) pieces.push(" ", timeOf(at));
  if (askedBy && !isMe(askedById)) pieces.push(" ", span("", word("for", { name: askedBy })));
  head.replaceChildren(...pieces);
}

function span(name, text) {
  const element = document.createElement("span");
  if (name) element.className = name;
  element.textContent = text ?? "";
  element.dir = "auto";
  return element;
}

function timeOf(at) {
  const time = document.createElement("time");
  const date = new Date(at);
  const language = document.documentElement.lang;
  const isToday = date.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: "numeric", month: "short" };
  time.dateTime = at;
  time.title = date.toLocaleString(language);
  time.textContent = date.toLocaleString(language, { ...day, hour: "2-digit", minute: "2-digit" });
  return time;
}

function dressFoot(article) {
  const foot = byId(`${article.id}-foot`);
  const hadFocus = foot.contains(document.activeElement);
  const told = isOpen(article) ? [waiting(article)] : [...notices(article), ...contextNotes(article)];
  foot.replaceChildren(...told, bar(article));
  if (hadFocus) (foot.querySelector("button:not([disabled])") ?? byId("text"))?.focus({ preventScroll: true });
}

/** What a reply without text waits for: its first token, or a free place at the provider. */
function waiting({ dataset }) {
  const element = copyOf("t-waiting");
  if (dataset.place) element.querySelector("span").textContent = word("place", { number: dataset.place });
  return element;
}

function bar(article) {
  const element = copyOf("t-bar");
  const allowed = allowedOn(article);
  for (const button of element.querySelectorAll("[data-act]")) {
    if (!allowed.has(button.dataset.act)) button.remove();
  }
  element.querySelectorAll('[data-act="retry"]').forEach(offerPresets);
  element.querySelector('[data-act="choose"]')?.setAttribute("aria-pressed", followed() === article);
  dressBranches(article, element.querySelector(".branches"));
  const figures = element.querySelector(".figures");
  figures.textContent = figuresOf(article.dataset);
  if (!figures.textContent) figures.remove();
  return element;
}

function allowedOn(article) {
  if (article.dataset.role === "user") return new Set(isMe(article.dataset.authorId) ? ["edit", "copy"] : ["copy"]);
  const choice = isBesideOthers(article) ? ["choose"] : [];
  if (isOpen(article)) return new Set(choice);
  return new Set(["retry", "details", ...choice, ...(hasText(article) ? ["copy"] : [])]);
}

/** Mark the replies that stand side by side, for the stylesheet. */
export function markBeside() {
  const several = ({ dataset } = { dataset: {} }) => dataset.choices;
  const all = [...articles()];
  const beside = all.filter((one, at) => several(one) && (several(all[at - 1]) || several(all[at + 1])));
  byId("messages")?.toggleAttribute("data-beside", beside.length > 0);
  for (const one of all) one.toggleAttribute("data-beside", beside.includes(one));
}

const isBesideOthers = (article) => Boolean(article.dataset.choices) && lastOnes().length > 1 && lastOnes().includes(article);

function offerPresets(button) {
  if (!byId("retry-menu")) return;
  button.setAttribute("popovertarget", "retry-menu");
  button.setAttribute("aria-haspopup", "menu");
}

function dressBranches(article, element) {
  const { siblings, prev, next } = article.dataset;
  if (!siblings) return element.remove();
  article.dataset.many = "";
  element.querySelector("[data-count]").textContent = siblings;
  element.querySelector('[data-to="prev"]').disabled = !prev;
  element.querySelector('[data-to="next"]').disabled = !next;
}

function figuresOf({ tokens, first, speed, cost, json }) {
  return [
    json === "valid" && word("json-valid"),
    tokens && word("tokens", { number: tokens }),
    first && word("first", { number: first }),
    speed && word("speed", { number: speed }),
    cost && `$${cost}`,
  ].filter(Boolean).join(" · ");
}

function notices(article) {
  const text = noticeFor(article.dataset);
  if (!text) return [];
  const { state, finish } = article.dataset;
  const notice = copyOf("t-notice");
  const failed = state === "failed";
  notice.querySelector("p").textContent = text;
  if (failed) {
    notice.classList.add("notice--failed");
    notice.prepend(copyOf("t-failed-icon"));
  }
  const repair = notice.querySelector('[data-act="repair"]');
  if (!isMisfit(article.dataset) || article.dataset.repairs) repair.remove();
  const retry = notice.querySelector('[data-act="retry"]');
  if (failed || !hasText(article)) offerPresets(retry);
  else retry.remove();
  if (!hasText(article) || finish === "content_filter" || isMisfit(article.dataset)) notice.querySelector('[data-act="continue"]').remove();
  return [notice];
}

function noticeFor(dataset) {
  const { state, finish, error, stoppedBy } = dataset;
  if (state === "failed") return word(`error-${error}`) || word("failed");
  // Not every interruption is a restart: where the cause is known, it is told.
  if (state === "interrupted") return word(`error-${error}`) || word("interrupted");
  if (state === "stopped") {
    if (!stoppedBy) return word("stopped");
    return isMine(stoppedBy) ? word("stopped-by-you") : word("stopped-by", { name: stoppedBy });
  }
  if (["length", "content_filter"].includes(finish)) return word(finish);
  return isMisfit(dataset) ? word(dataset.jsonPath ? "json-misfit-at" : "json-misfit", misfit(dataset)) : "";
}

/** A JSON answer that was found not to fit what was asked for. */
const isMisfit = ({ json }) => json === "invalid";

const misfit = ({ jsonProblem, jsonPath }) => ({ problem: jsonProblem, path: jsonPath });

/** What the model was not sent any more, and what it still reads: told when that is little. */
function contextNotes({ dataset }) {
  const { leftOut, room, window: most } = dataset;
  const isTold = room && (leftOut || Number(room) * 4 < Number(most));
  const text = [
    leftOut && word(leftOut === "1" ? "left-out-one" : "left-out", { number: shownNumber(leftOut) }),
    isTold && word(leftOut ? "room" : "room-before-cut", { number: shownNumber(roughly(room)) }),
  ].filter(Boolean).join(" ");
  if (!text) return [];
  const note = copyOf("t-context");
  note.textContent = text;
  return [note];
}

/** Two digits that count, the rest zeros: the count behind it is a guess. */
const roughly = (number) => Number(Number(number).toPrecision(2));

const shownNumber = (number) => Number(number).toLocaleString(document.documentElement.lang);

function dressThoughts(article) {
  const spans = article.dataset.thought?.split(" ") ?? [];
  for (const [at, part] of [...article.querySelectorAll(".part--reasoning")].entries()) {
    if (!part.dataset.seconds && spans[at]) part.dataset.seconds = spans[at];
    const { seconds } = part.dataset;
    const goesOn = isOpen(article) && part === part.parentElement.lastElementChild;
    const told = seconds ? word("thought-for", { seconds }) : word("thought");
    part.querySelector("summary").textContent = goesOn ? word("thinking") : told;
  }
}

/** A part, or a block of one, has come into the page. Returns false if it is something else. */
export function brought(element) {
  if (element.classList.contains("part")) partCame(element);
  else if (element.classList.contains("call")) dressCalls(articleOf(element));
  else if (!element.parentElement?.classList.contains("part--answer")) return false;
  else if (element.dataset.open === undefined) {
    if (element.matches("figure.code")) addCodeTools(element);
    speak(element);
  }
  return true;
}

/** What was being thought before this part has ended. */
function partCame(part) {
  const before = part.previousElementSibling;
  const start = before && begun.get(before);
  begun.set(part, performance.now());
  if (start && before.dataset.kind === "reasoning") {
    before.dataset.seconds = Math.max(1, Math.round((performance.now() - start) / 1000));
  }
  const article = articleOf(part);
  dressThoughts(article);
  dressCalls(article);
  if (!isOpen(article)) dressFigures(article);
}

/** The server told a message's state: `mark` carries the facts. Returns whether text is missing. */
export function stateCame(mark) {
  const article = articleOf(mark);
  if (!article || isPast(mark, article)) return false;
  const isOther = mark.dataset.run !== article.dataset.run;
  for (const fact of FACTS) {
    if (mark.dataset[fact] !== undefined) article.dataset[fact] = mark.dataset[fact];
    else if (fact !== "state") delete article.dataset[fact];
  }
  if (!isOpen(article)) say(word("finished"));
  const lacks = isOther || (!isOpen(article) && article.querySelector(GROWS) !== null);
  if (lacks) article.dataset.lacks = "";
  dress(article);
  changed();
  return lacks;
}

/** Whether `mark` tells of an earlier run than is shown, or that one goes on which has ended. */
function isPast({ dataset }, article) {
  const shown = article.dataset.run ?? "";
  if (dataset.run !== shown) return dataset.run < shown;
  return ["queued", "running"].includes(dataset.state) && !isOpen(article);
}
