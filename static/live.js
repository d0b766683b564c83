// The conversation's socket: htmx's extension swaps what comes; here are resuming, acknowledging,
// the watch over its life, and what to do without it.

import { address, byId, conversationId, isOpen, openReplies } from "./dom.js";
import { brought } from "./message.js";
import { read, readJson } from "./net.js";
import { apply, fold } from "./patches.js";
import { keepUp } from "./scroll.js";
import { lastSequence, sift, takeAnew } from "./turns.js";

const GONE = 4404;
const HEAD = /^<!--(?:hb|(\d+)(?: (m-[0-9a-f]{32}) (\d+)(?: (\d+) (\d+) (\d+|end))?)?)-->/;
const ACK_MS = 1_000;
const ACK_CHARACTERS = 32_768;
const SILENCE_MS = 40_000;
const QUIET_MS = 1_500;
const ASK_AFTER_MS = 5_000;
const ASK_MS = 3_000;
const SAY_AGAIN_MS = 1_000;

let socket = null;
let newest = null;
let sequence = 0;
let ackTimer = 0;
let unacknowledged = 0;
let tries = 0;
let quietTimer = 0;
let heardAt = 0;
let lostAt = 0;
let askedAt = 0;
let sayTimer = 0;

// Tries count until something has come: a socket may be opened only to be refused (close code 1013).
htmx.config.wsReconnectDelay = () => Math.min(15_000, 500 * 2 ** Math.min(tries++, 5)) * (0.5 + Math.random() / 2);

// One socket at a time. Only an element that is still in the page tells of connecting; a socket
// that a removed one opens is closed again.
htmx.createWebSocket = (url) => {
  const fresh = new WebSocket(url);
  newest = fresh;
  queueMicrotask(() => fresh !== socket && fresh.close());
  return fresh;
};

function retire() {
  if (!socket) return;
  socket.onopen = socket.onclose = socket.onerror = null;
  socket.close();
  socket = null;
}

const isUp = () => socket?.readyState === WebSocket.OPEN;

function send(value) {
  if (isUp()) socket.send(JSON.stringify(value));
}

/** What this page shows, by part, of the replies that still grow, or of which it missed something. */
function have() {
  const shown = {};
  for (const article of [...openReplies(), ...document.querySelectorAll("#messages > [data-lacks]")]) {
    const parts = [...article.querySelectorAll(".part[data-count]")];
    shown[article.dataset.id] = Object.fromEntries(
      parts.map((part) => [part.id.slice(article.id.length + 1), Number(part.dataset.count)]),
    );
  }
  return shown;
}

/** Say what this page shows; the answer is what it lacks. */
function sayHave() {
  clearTimeout(sayTimer);
  sayTimer = 0;
  send({ have: have(), after: lastSequence(), title: Number(byId("title")?.dataset.version) || 0 });
}

/** A reply goes on, or what came doesn't fit what is shown of it. */
export function askForMore() {
  const now = performance.now();
  if (now - askedAt < SAY_AGAIN_MS) {
    sayTimer ||= setTimeout(sayHave, askedAt + SAY_AGAIN_MS - now);
  } else {
    askedAt = now;
    sayHave();
  }
}

/** Tell what has come, now and then; at once when it is much, before the server stops waiting. */
function acknowledge(number, length) {
  sequence = Number(number);
  unacknowledged += length;
  if (unacknowledged >= ACK_CHARACTERS) sendAck();
  else ackTimer ||= setTimeout(sendAck, ACK_MS);
}

function sendAck() {
  forgetAck();
  send({ ack: sequence });
}

function forgetAck() {
  clearTimeout(ackTimer);
  ackTimer = unacknowledged = 0;
}

function tell(state) {
  clearTimeout(quietTimer);
  const now = state === "reconnecting" && !navigator.onLine ? "offline" : state;
  if (now === "open") document.body.dataset.connection = now;
  else quietTimer = setTimeout(() => (document.body.dataset.connection = now), QUIET_MS);
}

function found() {
  lostAt = 0;
  tell("open");
}

function lost() {
  lostAt ||= performance.now();
  tell("reconnecting");
}

/** Begin anew with a fresh element: the extension connects whatever it is given. */
function reconnect() {
  const element = document.querySelector("[ws-connect]");
  if (!element) return;
  retire();
  const fresh = element.cloneNode(false);
  element.replaceWith(fresh);
  htmx.process(fresh);
}

document.addEventListener("htmx:wsConnecting", () => {
  if (socket !== newest) retire();
  socket = newest;
  heardAt = performance.now();
});

document.addEventListener("htmx:wsOpen", () => {
  heardAt = performance.now();
  forgetAck();
  found();
  sayHave();
});

document.addEventListener("htmx:wsClose", ({ target, detail }) => {
  if (detail.event.code !== GONE) return lost();
  target.remove();
  // Signed out, suspended, or no longer shared: what the page is now, the server says.
  if (!byId("room").hasAttribute("data-leaving")) location.reload();
});
document.addEventListener("htmx:wsError", lost);

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  heardAt = performance.now();
  tries = 0;
  if (lostAt) found();
  const { message } = event.detail;
  const head = HEAD.exec(message);
  if (!head) return;
  if (head[1] !== undefined) acknowledge(head[1], message.length);
  if (head[1] === undefined || head[2]) event.preventDefault();
  if (head[2]) grow(head, message);
});

/**
 * Take what is new of one part. Articles come by HTTP too, and may be ahead of the socket: what is
 * shown already is passed over, and nothing is put where it doesn't fit.
 */
function grow([, , key, index, before, count, length], message) {
  const article = byId(key);
  if (!article || !isOpen(article)) return;
  const part = byId(`${key}-${index}`);
  if (before === undefined) {
    const needsEarlier = index > 0 && !message.includes(`"innerHTML:#${key}-body"`);
    if (needsEarlier && !byId(`${key}-${index - 1}`)) return lacks(article, index - 1);
    apply(message).forEach(brought);
  } else {
    if (Number(part?.dataset.length) >= Number(length)) return;
    if (part?.dataset.count !== before) return lacks(article, index);
    fold(part);
    apply(message).forEach(brought);
    part.dataset.count = count;
    part.dataset.length = length;
  }
  if (article.dataset.lacks === index) delete article.dataset.lacks;
  keepUp();
}

/** Note that the part `index` isn't whole, until it is. */
function lacks(article, index) {
  article.dataset.lacks = index;
  askForMore();
}

htmx.defineExtension("parley-live", {
  transformResponse: (text) => sift(text),
});

/** The page shows another conversation, or none. */
export function socketForRoom() {
  if (document.querySelector("[ws-connect]")) return;
  retire();
  found();
}

// A half-open socket says nothing; the server would have.
setInterval(() => {
  if (!document.querySelector("[ws-connect]")) return;
  const silent = performance.now() - heardAt > SILENCE_MS;
  if (silent && socket?.readyState !== WebSocket.CONNECTING) reconnect();
}, 5_000);

addEventListener("online", () => (isUp() ? found() : reconnect()));
addEventListener("offline", () => conversationId() && lost());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && performance.now() - heardAt > SILENCE_MS) reconnect();
});

// Where a reply is awaited and nothing has been heard for a while, with a socket or without, the
// page asks for itself: the row is the truth, and what the socket says may be lost.
setInterval(async () => {
  if (!navigator.onLine || performance.now() - heardAt < ASK_AFTER_MS) return;
  for (const { dataset } of openReplies()) {
    const url = address("message", conversationId(), dataset.id);
    const told = await readJson(url);
    if (!told || ["queued", "running"].includes(told.state)) continue;
    const answer = await read(url);
    if (answer.ok) takeAnew(answer.body);
  }
}, ASK_MS);
