// What the text in the composer would cost, asked for when the typing pauses, and what the month has
// cost, asked for when a reply has ended.

import { byId, conversationId, openReplies } from "./dom.js";

const PAUSE = 700;
const encoder = new TextEncoder();
let timer;
let asked = "";
let running = openReplies().length;

/** The text or the preset has changed: tell the cost soon. */
export function reckon() {
  clearTimeout(timer);
  timer = setTimeout(tell, PAUSE);
}

document.addEventListener("parley:changed", () => {
  const before = running;
  running = openReplies().length;
  if (running >= before) return;
  asked = "";
  reckon();
});

/** Nobody needs to know why it can't be told: the send itself says what matters. */
async function tell() {
  const { text, preset } = byId("composer")?.elements ?? {};
  if (!preset?.value) return;
  const bytes = text.value.trim() ? encoder.encode(text.value).length : 0;
  const query = String(new URLSearchParams({ preset: preset.value, conversation: conversationId() ?? "", bytes }));
  if (asked === query) return;
  asked = query;
  try {
    const answer = await fetch(`${byId("urls").dataset.cost}?${query}`, { headers: { "HX-Request": "true" } });
    if (asked === query && answer.ok && !answer.redirected) show(await answer.text());
  } catch {
    asked = "";
  }
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const element of [...template.content.children]) byId(element.id)?.replaceWith(element);
}
