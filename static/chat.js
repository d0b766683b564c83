// Entry: listens once for the whole page and hands on, by `data-do`, by key, and by what htmx brings.

import { byId, changed, deeds, titleChanged } from "./dom.js";
import { openComposer, refresh, stop } from "./composer.js";
import { saveDraft } from "./draft.js";
import { askForMore, socketForRoom } from "./live.js";
import { brought, dress, dressAll, markBeside, stateCame } from "./message.js";
import "./menus.js";
import { sentence } from "./net.js";
import { openThread } from "./scroll.js";
import { markRunning, markTheme, refreshList, roomChanged } from "./sidebar.js";
import { toast } from "./tell.js";

function openRoom() {
  dressAll();
  markBeside();
  openThread();
  openComposer();
  byId("room").dataset.ready = "";
  titleChanged();
  socketForRoom();
  roomChanged();
}

document.addEventListener("click", (event) => {
  const element = event.target.closest?.("[data-do]");
  if (element) deeds[element.dataset.do]?.(element, event);
});

// Everything that htmx puts into the page comes by here, tokens too: cheap questions first.
document.addEventListener("htmx:load", ({ target }) => {
  const { id } = target;
  if (target.dataset.open !== undefined || target === document.body) return;
  if (brought(target)) return;
  if (id.endsWith("-state")) stateCame(target) && askForMore();
  else if (target.classList.contains("message")) articleCame(target);
  else if (id === "room") openRoom();
  else if (id === "title") titleChanged();
});

/** A whole article took the place of the one shown: its state may be another. */
function articleCame(article) {
  dress(article);
  changed();
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.id !== "main" || detail.isError) return;
  saveDraft();
  if (detail.serverResponse.includes('id="room"')) return;
  // Not our page, the session has ended: let the browser go there by itself.
  detail.shouldSwap = false;
  location.assign(detail.requestConfig.verb === "get" ? detail.pathInfo.requestPath : location.href);
});

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.requestConfig.elt?.id === "composer") return;
  if (detail.target.id === "main") location.assign(detail.pathInfo.requestPath);
  else toast(sentence(detail.xhr.status, detail.xhr.responseText, detail.xhr.getResponseHeader("Content-Type")));
});

document.addEventListener("htmx:sendError", ({ detail }) => {
  if (detail.requestConfig.elt?.id !== "composer") toast(sentence(0));
});

document.addEventListener("parley:changed", () => {
  refresh();
  markRunning();
  markBeside();
});

document.addEventListener("parley:sent", ({ detail }) => setTimeout(refreshList, 0, { always: detail.isNew }));

const inText = (element) => element.matches?.("input, textarea, select, [contenteditable]");
const somethingIsOpen = () => document.querySelector(":popover-open, dialog[open]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.shiftKey && event.code === "KeyO") {
    event.preventDefault();
    document.querySelector("[data-new]").click();
  } else if (event.key === "?" && !control && !inText(event.target) && !somethingIsOpen()) {
    event.preventDefault();
    deeds.help();
  } else if (event.key === "Escape" && !somethingIsOpen()) stop();
});

markTheme();
openRoom();
