// Screen readers hear finished blocks, not each token.

import { byId } from "./dom.js";

const LONGEST = 1_500;
const KEPT_MS = 20_000;

/** Say the text of a block that can no longer change. */
export const speak = (block) => say(block.textContent.slice(0, LONGEST).trim());

export function say(text) {
  if (!text) return;
  const line = document.createElement("p");
  line.textContent = text;
  byId("spoken").append(line);
  setTimeout(() => line.remove(), KEPT_MS);
}
