// The reading position is sacred: the thread follows the newest text only while its reader is there.

import { articles, byId, deeds, openReplies } from "./dom.js";

const AT_END_PX = 2;

let thread = null;
let below = null;
let follows = true;
let lastTop = 0;
let kept = null;
let isKeepingUp = false;
const grown = new ResizeObserver(() => (follows ? toEnd() : offerEnd()));

const gap = () => thread.scrollHeight - thread.clientHeight - thread.scrollTop;

function toEnd() {
  thread.scrollTop = thread.scrollHeight;
  lastTop = thread.scrollTop;
  offerEnd();
}

function offerEnd() {
  const wanted = follows || gap() < 48;
  if (!below) return;
  if (wanted) delete below.dataset.new;
  else if (openReplies().length) below.dataset.new = "";
  if (below.hidden !== wanted) below.hidden = wanted;
}

function onScroll() {
  const top = thread.scrollTop;
  if (gap() <= AT_END_PX) follows = true;
  else if (top < lastTop - 1) follows = false;
  lastTop = top;
  offerEnd();
}

/**
 * Follow what has just grown before the next frame begins, so that the frame tells of the scrolling
 * too; scrolling within it would bring another. Once a frame: what comes besides, the observer sees.
 */
export function keepUp() {
  if (!follows || !thread || isKeepingUp) return;
  isKeepingUp = true;
  requestAnimationFrame(() => (isKeepingUp = false));
  // The reader may have gone up a moment ago, and the page hasn't been told yet.
  onScroll();
  if (follows) toEnd();
}

/** Go to the newest part and stay with it. */
export function followEnd() {
  follows = true;
  if (thread) toEnd();
}

deeds["go-down"] = () => {
  followEnd();
  byId("text")?.focus({ preventScroll: true });
};

/** Remember where `article` stands, for the same place in the page to come (`id` is its sibling). */
export function keepPlace(article, id = "") {
  kept = { id, top: article.getBoundingClientRect().top };
}

/** A room has been opened: show its newest part, or the place that was kept. */
export function openThread() {
  grown.disconnect();
  thread = byId("thread");
  below = document.querySelector(".below");
  const messages = byId("messages");
  thread.addEventListener("scroll", onScroll, { passive: true });
  if (messages) {
    grown.observe(messages);
    grown.observe(thread);
  }
  follows = Boolean(messages);
  const place = kept?.id && [...articles()].find((article) => article.dataset.id === kept.id);
  if (place) putBack(place);
  else if (messages) toEnd();
  kept = null;
}

function putBack(article) {
  toEnd();
  thread.scrollTop += article.getBoundingClientRect().top - kept.top;
  lastTop = thread.scrollTop;
  follows = gap() <= AT_END_PX;
  offerEnd();
}

// Older messages come in above: what is being read stays where it is.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches?.("[data-older]")) return;
  const first = [...articles()].find((article) => article.getBoundingClientRect().bottom > 0);
  if (first) kept = { article: first, top: first.getBoundingClientRect().top };
});

document.addEventListener("htmx:afterSettle", () => {
  if (!kept?.article?.isConnected) return;
  thread.scrollTop += kept.article.getBoundingClientRect().top - kept.top;
  lastTop = thread.scrollTop;
  kept = null;
});
