// Copy and wrap on code blocks that are closed, and copying in general.

import { copyOf, deeds, word } from "./dom.js";
import { say, toast } from "./tell.js";

const SHOWN_MS = 1600;
const faces = new WeakMap();

/** Give a code block its buttons, unless it is still growing or has them. */
export function addCodeTools(figure) {
  if (figure.querySelector(":scope > .code-tools, [data-open]") || figure.closest("[data-open]")) return;
  figure.append(copyOf("t-code"));
}

/** Put `text`, or what the promise `text` brings, on the clipboard; the button shows that it is done. */
export async function copyText(text, button) {
  try {
    await write(text);
    showDone(button);
  } catch {
    toast(word("copy-failed"));
  }
}

function showDone(button) {
  if (!faces.has(button)) faces.set(button, [...button.childNodes]);
  button.replaceChildren(copyOf("t-check"));
  say(word("copied"));
  setTimeout(() => button.replaceChildren(...faces.get(button)), SHOWN_MS);
}

async function write(text) {
  if (navigator.clipboard && window.ClipboardItem) {
    // The item takes a promise, so that the click still counts when the text has to be fetched.
    const blob = Promise.resolve(text).then((value) => new Blob([value], { type: "text/plain" }));
    return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  }
  copyByHand(await text);
}

/** Outside HTTPS there is no clipboard interface; the old command still works. */
function copyByHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!done) throw new Error("not copied");
}

deeds["copy-code"] = (button) => copyText(button.closest("figure").querySelector("code").textContent, button);

deeds.wrap = (button) => {
  const on = button.closest("figure").toggleAttribute("data-wrap");
  button.setAttribute("aria-pressed", on);
};
