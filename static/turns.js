// New articles of a turn come twice, by the post's answer and by the socket: whichever is first wins.

import { articles, byId, changed } from "./dom.js";
import { dress } from "./message.js";

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

const steps = (article) =>
  [...article.querySelectorAll(".part")].reduce((sum, part) => sum + 1 + Number(part.dataset.count || 0), 0);

/** Whether `article` holds what its shown twin doesn't: more steps, or the open ends of a reply that goes on. */
function holdsMore(article, shown) {
  const ends = [...article.querySelectorAll("[data-open]")];
  return steps(article) > steps(shown) || ends.some((end) => !byId(end.id));
}

/** Put articles into the thread; one that is shown already is replaced only by one that holds more. */
function show(list) {
  for (const article of list) {
    const shown = byId(article.id);
    if (shown && !holdsMore(article, shown)) continue;
    if (shown) shown.replaceWith(article);
    else byId("messages").append(article);
    dress(article);
  }
  changed();
}

function clearFrom(article) {
  if (!article.isConnected) return;
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
  for (const article of parse(html).querySelectorAll("article.message")) {
    byId(article.id)?.replaceWith(article);
    dress(article);
  }
  changed();
}

/** What a frame of the socket may bring into this page: no message twice, none of other branches. */
export function sift(html) {
  const content = parse(html);
  for (const piece of [...content.children]) {
    const swap = piece.getAttribute("hx-swap-oob") ?? "true";
    if (swap === "beforeend:#messages") {
      announced([...piece.children]);
      piece.remove();
    } else if (!hasPlace(piece, swap)) {
      piece.remove();
    }
  }
  const box = document.createElement("div");
  box.append(content);
  return box.innerHTML;
}

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
  return (dataset.parent ?? "") === ([...articles()].at(-1)?.dataset.id ?? "");
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
