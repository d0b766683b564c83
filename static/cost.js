// What the text in the composer would cost, asked for when the typing pauses.

import { byId, conversationId } from "./dom.js";

const PAUSE = 700;
const encoder = new TextEncoder();
let timer;
let asked = "";

/** The text or the preset has changed: tell the cost soon. */
export function reckon() {
  clearTimeout(timer);
  timer = setTimeout(tell, PAUSE);
}

function tell() {
  const { text, preset } = byId("composer")?.elements ?? {};
  if (!text?.value.trim() || !preset.value) return show("", '<span id="composer-cost" class="composer-cost"></span><div id="composer-budget" hidden></div>');
  const query = new URLSearchParams({ preset: preset.value, conversation: conversationId() ?? "", bytes: encoder.encode(text.value).length });
  if (asked !== String(query)) ask(String(query));
}

/** Nobody needs to know why it can't be told: the send itself says what matters. */
async function ask(query) {
  asked = query;
  try {
    const answer = await fetch(`${byId("urls").dataset.cost}?${query}`, { headers: { "HX-Request": "true" } });
    if (asked === query) show(query, answer.ok && !answer.redirected ? await answer.text() : "");
  } catch {
    asked = "";
  }
}

function show(query, html) {
  asked = query;
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const element of [...template.content.children]) byId(element.id)?.replaceWith(element);
}
