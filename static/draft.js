// What is being written, per conversation, kept in the browser until it has been stored.

import { conversationId, store } from "./dom.js";

const SAVE_MS = 300;
let timer = 0;
let unsaved = null;

const keyOf = (conversation) => `draft:${document.body.dataset.person}:${conversation || "new"}`;

/** The draft of the conversation shown: {text, preset, sent}; `sent` is the send that had no answer. */
export function draft() {
  try {
    return JSON.parse(store.get(keyOf(conversationId()))) ?? {};
  } catch {
    return {};
  }
}

/** Keep `value` soon; many calls make one write. */
export function keepDraft(value) {
  unsaved = { key: keyOf(conversationId()), value };
  timer ||= setTimeout(saveDraft, SAVE_MS);
}

export function saveDraft() {
  clearTimeout(timer);
  timer = 0;
  if (!unsaved) return;
  const { key, value } = unsaved;
  unsaved = null;
  store.set(key, value.text || value.preset ? JSON.stringify(value) : "");
}

export function dropDraft(conversation) {
  unsaved = null;
  store.set(keyOf(conversation), "");
}

addEventListener("pagehide", saveDraft);
document.addEventListener("visibilitychange", () => document.hidden && saveDraft());
