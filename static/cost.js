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
  const composer = byId("composer");
  const place = byId("composer-cost");
  if (!composer || !place) return;
  const text = composer.elements.text.value;
  const preset = composer.elements.preset.value;
  if (!text.trim() || !preset) {
    asked = "";
    place.replaceChildren();
    byId("composer-budget").hidden = true;
    return;
  }
  const query = new URLSearchParams({ preset, conversation: conversationId() ?? "", bytes: encoder.encode(text).length });
  if (asked === String(query)) return;
  asked = String(query);
  htmx.ajax("GET", `${place.dataset.url}?${query}`, { target: place, swap: "innerHTML" });
}
