// Tool calls: the words on their folds and above the pieces inside, from the call's own data.

import { isOpen, word } from "./dom.js";

/** Put words to every call in `article`: its tool, how it stands, how long it took. */
export function dressCalls(article) {
  for (const part of article.querySelectorAll(".part--tool_call")) dressCall(part, isOpen(article));
}

/** A call that runs in a message that has ended won't come to an end any more. */
function dressCall(part, goesOn) {
  const call = part.querySelector(".call");
  const { name = "", state = "running", seconds } = call?.dataset ?? {};
  part.dataset.state = state === "running" && !goesOn ? "left" : state;
  const told = [word(`call-${part.dataset.state}`), timeOf(seconds)].filter(Boolean).join(" · ");
  part.querySelector("summary").replaceChildren(toolOf(name), " ", text("span", told));
  call?.querySelectorAll(":scope > .call-piece").forEach(label);
}

/** What the tool is called here; one from elsewhere keeps its own name. */
function toolOf(name) {
  const known = word(`tool-${name}`);
  return known ? text("span", known) : text("code", name);
}

function timeOf(seconds) {
  if (!Number(seconds)) return "";
  const shown = Number(seconds).toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 2 });
  return word("call-seconds", { seconds: shown });
}

function label(piece) {
  if (piece.querySelector(":scope > .call-label")) return;
  const head = text("p", word(`call-${piece.dataset.piece}`));
  head.className = "call-label";
  piece.prepend(head);
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}
