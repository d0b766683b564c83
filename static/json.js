// An answer in JSON mode: its tree or its text, and the tree's branches all at once. Copying the text
// and wrapping its lines are the code block's own tools.

import { copyOf, deeds } from "./dom.js";

/** One step of a path like `$.people[2]["first name"]`. */
const STEP = /\.([A-Za-z_]\w*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g;
const NAME = ":is(.json-name, .json-index)";
const FOLDS = { ArrowLeft: false, ArrowRight: true };
/** The form that was chosen last: for what comes later on this page. */
let chosen = "tree";

/**
 * Give each JSON answer of `article` its switch and its folding, unless it has them. Where the article
 * tells in `data-json-path` what doesn't fit, that entry is unfolded and marked.
 */
export function dressJson(article) {
  for (const figure of article.querySelectorAll("figure[data-json]")) {
    if (!figure.querySelector(":scope > .json-tools")) addTools(figure);
    markFault(figure, article.dataset.jsonPath);
  }
}

function addTools(figure) {
  figure.prepend(copyOf("t-json"));
  figure.addEventListener("keydown", foldByKey);
  show(figure, chosen);
}

function show(figure, view) {
  figure.dataset.view = view;
  for (const button of figure.querySelectorAll('[data-do="json-view"]')) {
    button.setAttribute("aria-pressed", button.dataset.view === view);
  }
}

/** A name as it is; a path that was cut short may end within one. */
function unquoted(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Mark the entry that `path` leads to, or the last one on the way that the tree has. */
function markFault(figure, path) {
  figure.querySelector("[data-fault]")?.removeAttribute("data-fault");
  if (!path) return;
  let entry = figure.querySelector(".json-tree > details");
  for (const [, name, index, quoted] of path.matchAll(STEP)) {
    const next = entryIn(entry, name ?? index ?? unquoted(quoted));
    if (!next) break;
    entry.open = true;
    entry = next;
  }
  entry.dataset.fault = "";
}

/** Of entries with one name the last one counts. */
function entryIn(branch, name) {
  const entries = [...(branch.querySelector(":scope > .json-entries")?.children ?? [])];
  return entries.findLast((entry) => nameOf(entry) === name);
}

const nameOf = (entry) => entry.querySelector(`:scope > ${NAME}, :scope > summary > ${NAME}`)?.textContent;

/** The arrows fold a branch and unfold it, as in any tree; between branches goes Tab. */
function foldByKey(event) {
  const isOpen = FOLDS[event.key];
  if (isOpen === undefined || !event.target.matches("summary")) return;
  event.preventDefault();
  event.target.parentElement.open = isOpen;
}

function foldAll(button, isOpen) {
  for (const branch of button.closest("figure").querySelectorAll("details")) branch.open = isOpen;
}

deeds["json-view"] = (button) => {
  chosen = button.dataset.view;
  show(button.closest("figure"), chosen);
};

deeds["json-expand"] = (button) => foldAll(button, true);

deeds["json-collapse"] = (button) => foldAll(button, false);
