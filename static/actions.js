// What can be done with a message: copy, edit, try again, continue, look at another version, read details.

import { address, articleOf, articles, byId, conversationId, copyOf, deeds, lastOnes, newId, word } from "./dom.js";
import { copyText } from "./code.js";
import { go, post, readJson } from "./net.js";
import { followEnd, keepPlace } from "./scroll.js";
import { toast } from "./tell.js";
import { expectBranch, takeAnswer, takeAnew } from "./turns.js";

const at = (name, article) => address(name, conversationId(), article.dataset.id);
const presetNow = () => byId("composer")?.elements.preset.value ?? "";

const ownText = (article) =>
  (article.querySelector(".message-text") ?? byId(`${article.id}-body`)).textContent;

deeds.copy = (button) => {
  const article = articleOf(button);
  if (article.dataset.role === "user") return copyText(ownText(article), button);
  const text = readJson(at("message", article)).then((told) => {
    if (!told) throw new Error("no answer");
    return told.text;
  });
  return copyText(text, button);
};

/** Post something that makes a new branch in the place of `article`. Returns the problem, or "". */
async function branchOff(article, name, values) {
  article.dataset.client ||= newId();
  expectBranch(article);
  const answer = await post(at(name, article), { client_id: article.dataset.client, ...values });
  expectBranch(null);
  if (!answer.ok) return answer.problem;
  delete article.dataset.client;
  if (!takeAnswer(answer.body, article)) return word("problem-403");
  // What had the focus has gone with the old version.
  if (document.activeElement === document.body) {
    [...articles()].at(-1).querySelector("button:not([disabled])")?.focus({ preventScroll: true });
  }
  if (location.search) history.replaceState({ htmx: true }, "", address("conversation"));
  followEnd();
  return "";
}

async function once(article, work) {
  if (article.dataset.busy) return;
  article.dataset.busy = "true";
  const problem = await work();
  delete article.dataset.busy;
  if (problem) toast(problem);
}

const retry = (article, preset) =>
  once(article, () => branchOff(article, "retry", preset ? { preset } : {}));

let retried = null;

deeds["try-again"] = (button) => {
  retried = articleOf(button);
  if (!button.hasAttribute("popovertarget")) retry(retried, "");
};

deeds.retry = (item) => retried?.isConnected && retry(retried, item.dataset.value);

deeds.repair = (button) => {
  const article = articleOf(button);
  return once(article, () => branchOff(article, "retry", { repair: "1" }));
};

deeds.continue = (button) => {
  const article = articleOf(button);
  return once(article, async () => {
    article.dataset.client ||= newId();
    const answer = await post(at("continue", article), { client_id: article.dataset.client });
    if (!answer.ok) return answer.problem;
    delete article.dataset.client;
    takeAnew(answer.body);
    return "";
  });
};

/** Of replies side by side, the next message follows this one. */
deeds.choose = (button) => {
  for (const article of lastOnes()) delete article.dataset.chosen;
  articleOf(button).dataset.chosen = "";
  for (const other of document.querySelectorAll(".choose")) other.setAttribute("aria-pressed", other === button);
  byId("text")?.focus();
};

deeds.branch = (button) => {
  const article = articleOf(button);
  const id = article.dataset[button.dataset.to];
  keepPlace(article, id);
  go(`${address("conversation")}?at=${id}`);
};

deeds.details = async (button) => {
  const url = at("details", articleOf(button));
  byId("details-body").replaceChildren();
  await htmx.ajax("GET", url, { target: "#details-body", swap: "innerHTML" });
  if (byId("details-body").childElementCount) byId("details").showModal();
};

// Editing turns the block into a form; what it sends is a new version beside the old.

function beginEdit(article) {
  if (article.dataset.editing !== undefined) return;
  const form = copyOf("t-edit");
  const area = form.elements.text;
  area.id = `${article.id}-edit`;
  form.querySelector("label").htmlFor = area.id;
  area.value = ownText(article);
  article.dataset.editing = "";
  article.append(form);
  area.focus({ preventScroll: true });
  area.setSelectionRange(area.value.length, area.value.length);
  form.scrollIntoView({ block: "nearest" });
}

function endEdit(article) {
  delete article.dataset.editing;
  article.querySelector(":scope > .edit")?.remove();
  article.querySelector('[data-do="edit"]')?.focus({ preventScroll: true });
}

deeds.edit = (button) => beginEdit(articleOf(button));
deeds["cancel-edit"] = (button) => endEdit(articleOf(button));

/** Edit the newest message of one's own; false if there is none. */
export function editLastOwn() {
  const own = [...articles()].filter((article) => article.querySelector('[data-do="edit"]')).at(-1);
  if (own) beginEdit(own);
  return Boolean(own);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".edit")) return;
  event.preventDefault();
  const form = event.target;
  const article = articleOf(form);
  const text = form.elements.text.value;
  if (!text.trim()) return;
  once(article, async () => {
    const problem = await branchOff(article, "edit", { text, preset: presetNow() });
    const place = form.querySelector("[data-problem]");
    place.hidden = !problem;
    place.textContent = problem;
    if (!problem) byId("text")?.focus({ preventScroll: true });
    return "";
  });
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.(".edit textarea") || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Escape") {
    event.preventDefault();
    endEdit(articleOf(event.target));
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});
