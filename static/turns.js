// New articles of a turn come twice, by the post's answer and by the socket: whichever is first wins.

import { articles, byId, changed, isOpen, lastOnes } from "./dom.js";
import { dress } from "./message.js";
import { holdsMore } from "./patches.js";

/** The branch that this page itself has asked for: its parent, and the first article it replaces. */
let expected = null;

export function expectBranch(article) {
  expected = article ? { parent: article.dataset.parent, from: article } : null;
}

function parse(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  return box.content;
}

/** Whether `article` is later than what is shown of it: of a later run, ended, or longer. */
function isLater(article, shown) {
  const [run, before] = [article, shown].map(({ dataset }) => dataset.run ?? "");
  if (run !== before) return run > before;
  if (isOpen(article) !== isOpen(shown)) return isOpen(shown);
  return isOpen(article) ? holdsMore(article, shown) : shown.dataset.lacks !== undefined;
}

/** Put articles into the thread; one that is shown already is replaced only by a later state of it. */
function show(list) {
  for (const article of list) {
    const shown = byId(article.id);
    if (shown && !isLater(article, shown)) continue;
    if (shown) shown.replaceWith(article);
    else append(article);
    dress(article);
  }
  if (lastOnes().length > 1) lastOnes().forEach(dress);
  changed();
}

/** Put a new message at the end; of replies side by side only the one that it follows stays. */
function append(article) {
  const beside = lastOnes();
  const kept = beside.find(({ dataset }) => dataset.id === article.dataset.parent);
  byId("messages").append(article);
  if (!kept || beside.length === 1) return;
  beside.forEach((other) => other !== kept && other.remove());
  dress(kept);
}

function clearFrom(one) {
  if (!one.isConnected) return;
  // Of replies side by side, all are replaced.
  const article = lastOnes().includes(one) ? lastOnes()[0] : one;
  while (article.nextElementSibling) article.nextElementSibling.remove();
  article.remove();
}

/** The answer of a post. Returns false if it holds no message. */
export function takeAnswer(html, replaces = null) {
  const list = [...parse(html).querySelectorAll("article.message")];
  if (!list.length) return false;
  if (replaces && list.some((article) => !byId(article.id))) clearFrom(replaces);
  show(list);
  return true;
}

/** The same article anew, as it stands on the server. */
export function takeAnew(html) {
  show([...parse(html).querySelectorAll("article.message")].filter(({ id }) => byId(id)));
}

/** What a frame of the socket may bring into this page: no message twice, none of other branches. */
export function sift(html) {
  const content = parse(html);
  for (const piece of [...content.children]) {
    const swap = piece.getAttribute("hx-swap-oob") ?? "true";
    if (swap === "beforeend:#messages") {
      announced([...piece.children]);
      piece.remove();
    } else if (!hasPlace(piece, swap) || isStale(piece)) {
      piece.remove();
    }
  }
  const box = document.createElement("div");
  box.append(content);
  return box.innerHTML;
}

const isStale = (piece) => piece.matches("article.message") && !isLater(piece, byId(piece.id));

/** Whether the message that a piece belongs to, or else its target, is in the page. */
function hasPlace(piece, swap) {
  const target = swap.includes(":") ? swap.slice(swap.indexOf(":") + 1) : `#${piece.id}`;
  const key = /m-[0-9a-f]{32}/.exec(target);
  return key ? byId(key[0]) : document.querySelector(target);
}

function announced(list) {
  const fresh = list.filter((article) => !byId(article.id));
  list.forEach(noteSequence);
  if (fresh.length && !belongs(fresh[0])) {
    document.querySelector("[data-branch-note]")?.removeAttribute("hidden");
    return;
  }
  show(list);
}

function belongs({ dataset }) {
  if (expected && dataset.parent === expected.parent) {
    clearFrom(expected.from);
    expected = null;
    return true;
  }
  const last = lastOnes();
  return last.length ? last.some((article) => article.dataset.id === dataset.parent) : !dataset.parent;
}

function noteSequence({ dataset }) {
  const messages = byId("messages");
  messages.dataset.last = Math.max(Number(messages.dataset.last || 0), Number(dataset.sequence || 0));
}

/** The highest sequence that this page knows of. */
export function lastSequence() {
  const shown = [...articles()].map((article) => Number(article.dataset.sequence) || 0);
  return Math.max(0, Number(byId("messages")?.dataset.last || 0), ...shown);
}
