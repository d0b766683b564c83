// The composer: grows, sends once, keeps the text until it is stored, says what went wrong.

import { address, byId, conversationId, copyOf, deeds, followed, newId, openReplies, word } from "./dom.js";
import { draft, dropDraft, keepDraft, saveDraft } from "./draft.js";
import { editLastOwn } from "./actions.js";
import { go, post, sentence } from "./net.js";
import { followEnd } from "./scroll.js";
import { toast } from "./tell.js";
import { takeAnswer } from "./turns.js";

const composer = () => byId("composer");
const box = () => byId("text");
const presetField = () => composer().elements.preset;
const canSize = CSS.supports("field-sizing", "content");

/** The send under way or without an answer; its client id is used again for the same text. */
let sent = null;
let how = "";
let busy = false;

/** A room has been opened: bring back its draft. */
export function openComposer() {
  if (!composer()) return;
  const kept = draft();
  busy = false;
  how = "";
  sent = kept.sent ?? null;
  if (kept.text) box().value = kept.text;
  if (kept.preset) choosePreset(kept.preset);
  grow();
  refresh();
  if (matchMedia("(hover: hover)").matches) box().focus({ preventScroll: true });
}

function keep() {
  keepDraft({ text: box().value, preset: presetField().dataset.chosen, sent });
}

function grow() {
  if (canSize) return;
  box().style.height = "auto";
  box().style.height = `${box().scrollHeight + 2}px`;
}

/** Send and Stop as the page stands. */
export function refresh() {
  if (!composer()) return;
  const running = openReplies().length > 0;
  const text = box().value.trim();
  const stop = composer().querySelector('[data-do="stop"]');
  const button = composer().querySelector("[data-send]");
  stop.hidden = !running;
  stop.classList.toggle("button--main", !text);
  button.hidden = running && !text;
  button.disabled = busy || !text;
}

function excess() {
  const limit = Number(composer().dataset.limit);
  return box().value.length > limit ? [...box().value].length - limit : 0;
}

function tellExcess() {
  const over = excess();
  if (over > 0) complain(word("too-long", { number: over.toLocaleString(document.documentElement.lang) }));
  return over > 0;
}

function complain(text, template = "") {
  const place = composer().querySelector("[data-problem]");
  place.replaceChildren(...(template ? byId(template).content.cloneNode(true).children : [document.createElement("p")]));
  place.querySelector("p").textContent = text;
  place.hidden = false;
}

function hush() {
  const place = composer().querySelector("[data-problem]");
  place.hidden = true;
  place.replaceChildren();
}

function submit(mode = "") {
  how = mode;
  composer().requestSubmit();
}

document.addEventListener("input", ({ target }) => {
  if (target !== box()) return;
  grow();
  hush();
  tellExcess();
  refresh();
  keep();
  reckon();
});

/** What it would cost, by a script that is fetched when somebody first writes; offline nobody knows. */
function reckon() {
  import("./cost.js").then((cost) => cost.reckon(), () => {});
}

document.addEventListener("keydown", (event) => {
  if (event.target !== box() || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    submit();
  } else if (event.key === "ArrowUp" && !box().value && editLastOwn()) {
    event.preventDefault();
  }
});

// Before htmx hears of it: nothing empty, nothing too long, nothing twice, nothing without a preset.
document.addEventListener("submit", (event) => {
  if (event.target !== composer()) return;
  const refuse = busy || !box().value.trim() || tellExcess() || !hasPreset();
  if (!refuse) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

function hasPreset() {
  if (presetField().value) return true;
  complain(word("choose-preset"));
  return false;
}

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt !== composer()) return;
  const values = { text: box().value, preset: presetField().value };
  const same = sent && sent.text === values.text && sent.preset === values.preset;
  sent = { ...values, id: same ? sent.id : newId() };
  detail.parameters.client_id = sent.id;
  const parent = followed()?.dataset.id;
  if (parent && how !== "after") detail.parameters.parent = parent;
  if (how === "branch") detail.parameters.branch = "1";
  keep();
  saveDraft();
});

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.requestConfig.elt !== composer()) return;
  busy = true;
  box().readOnly = true;
  hush();
  refresh();
});

// An answer that stands for success: only now the text goes.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.requestConfig?.elt !== composer() || detail.isError) return;
  const isNew = !conversationId();
  if (!isNew) detail.shouldSwap = false;
  const taken = isNew ? detail.serverResponse.includes('id="room"') : takeAnswer(detail.serverResponse);
  if (!taken) {
    detail.shouldSwap = false;
    return complain(word("problem-403"), "t-problem");
  }
  dropDraft(conversationId());
  sent = null;
  box().value = "";
  grow();
  followEnd();
  document.dispatchEvent(new CustomEvent("parley:sent", { detail: { isNew } }));
  if (how === "after") go(address("conversation"));
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.requestConfig.elt?.id !== "composer" || !composer()) return;
  busy = false;
  box().readOnly = false;
  if (!detail.successful) explain(detail.xhr);
  how = "";
  refresh();
});

// What is offered beside the sentence; sending the same again helps no text that is too long.
const OFFERS = { 402: "t-budget", 409: "t-conflict", 413: "" };

function explain(xhr) {
  const status = xhr?.status ?? 0;
  const text = sentence(status, xhr?.responseText, xhr?.getResponseHeader("Content-Type"));
  if (status === 402) byId("composer-budget").hidden = true;
  complain(text, OFFERS[status] ?? "t-problem");
}

deeds["send-again"] = () => submit();
deeds["send-after"] = () => submit("after");
deeds["send-branch"] = () => submit("branch");

deeds.suggest = (button) => {
  box().value = button.dataset.value;
  box().dispatchEvent(new Event("input", { bubbles: true }));
  box().focus();
};

/** Stop all replies that run here. */
export async function stop() {
  for (const { dataset } of openReplies()) {
    const answer = await post(address("stop", conversationId(), dataset.id));
    if (!answer.ok) toast(answer.problem);
  }
}

deeds.stop = stop;

deeds.preset = (item) => {
  choosePreset(item.dataset.value);
  keep();
  box().focus();
};

function choosePreset(slug) {
  const item = document.querySelector(`#preset-menu [data-value="${CSS.escape(slug)}"]`);
  if (!item) return;
  const { name } = item.dataset;
  presetField().value = presetField().dataset.chosen = slug;
  for (const other of item.closest(".menu").querySelectorAll("[data-value]")) other.setAttribute("aria-checked", other === item);
  document.querySelector("[data-preset-name]").textContent = name;
  document.querySelector("[data-withdrawn]")?.remove();
  const about = document.querySelector("[data-preset-about]");
  if (about) about.textContent = item.dataset.about;
  box().placeholder = box().dataset.placeholder.replace("{name}", name);
}
