// A short word at the foot of the page, with Undo where something can be undone.

import { byId, copyOf, deeds } from "./dom.js";

const SECONDS = 10;
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
