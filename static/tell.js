// What a person is told in passing: a toast, with Undo where something can be undone; and finished
// blocks, not each token, for those who hear the page.

import { byId, copyOf, deeds } from "./dom.js";

const SECONDS = 10;
const LONGEST = 1_500;
const KEPT = 50;
const KEPT_MS = 20_000;
let clearing = 0;
const undos = new WeakMap();

/** Show `text`; `undo`, if given, runs when the person takes it back in time. */
export function toast(text, undo = null) {
  const box = copyOf("t-toast");
  box.querySelector("[data-text]").textContent = text;
  if (undo) undos.set(box, undo);
  else box.querySelector('[data-do="undo"]')?.remove();
  byId("toasts").append(box);
  leaveLater(box);
}

function leaveLater(box) {
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => box.remove(), SECONDS * 1000);
  };
  const hold = () => clearTimeout(timer);
  box.addEventListener("pointerenter", hold);
  box.addEventListener("focusin", hold);
  box.addEventListener("pointerleave", wait);
  box.addEventListener("focusout", wait);
  wait();
}

deeds.dismiss = (button) => button.closest("[data-toast]").remove();

deeds.undo = (button) => {
  const box = button.closest("[data-toast]");
  box.remove();
  undos.get(box)?.();
};

/** Say the text of a block that can no longer change. */
export const speak = (block) => say(block.textContent.slice(0, LONGEST).trim());

/** Old lines go when new ones come, in the same frame: one of their own would cost as much as a token's. */
export function say(text) {
  if (!text) return;
  const spoken = byId("spoken");
  const line = document.createElement("p");
  line.textContent = text;
  spoken.append(line);
  if (spoken.childElementCount > KEPT) spoken.firstElementChild.remove();
  clearTimeout(clearing);
  clearing = setTimeout(() => spoken.replaceChildren(), KEPT_MS);
}
