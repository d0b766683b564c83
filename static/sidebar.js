// The list of conversations: folding, the drawer, its rows, and what is done with a conversation.

import { address, byId, conversationId, deeds, isPhone, openReplies, store, word } from "./dom.js";
import { menuOpener } from "./menus.js";
import { go, post, read } from "./net.js";
import { toast } from "./tell.js";

const REFRESH_MS = 10_000;
const root = document.documentElement;
const list = () => byId("side-list");
const rows = () => [...list().querySelectorAll(".side-row")];
const rowOf = (id) => rows().find((row) => row.dataset.id === id);
const drawerIsOpen = () => byId("sidebar").matches(":popover-open");

function closeDrawer() {
  if (drawerIsOpen()) byId("sidebar").hidePopover();
}

function fold(state) {
  root.dataset.sidebar = state;
  store.set("sidebar", state);
}

deeds["fold-sidebar"] = () => {
  if (isPhone()) return closeDrawer();
  fold("closed");
  document.querySelector(".sidebar-open").focus();
};

// On a phone the button's own `popovertarget` opens the drawer.
deeds["open-sidebar"] = (_button, event) => {
  if (isPhone()) return;
  event.preventDefault();
  fold("open");
  document.querySelector('[data-do="fold-sidebar"]').focus();
};

matchMedia("(max-width: 48rem)").addEventListener("change", closeDrawer);

deeds.theme = (item) => {
  const { value } = item.dataset;
  if (value) root.dataset.theme = value;
  else delete root.dataset.theme;
  store.set("theme", value);
  markTheme();
};

export function markTheme() {
  for (const item of document.querySelectorAll('[data-do="theme"]')) {
    item.setAttribute("aria-checked", item.dataset.value === (root.dataset.theme ?? ""));
  }
}

/** Mark the row of the conversation shown. */
export function markCurrent() {
  for (const row of rows()) {
    const link = row.querySelector(".side-link");
    if (row.dataset.id === conversationId()) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  markRunning();
  markTitle();
}

/** The list may have been read before the title changed, and have come after that was told. */
function markTitle() {
  const row = rowOf(conversationId());
  const { version } = byId("title")?.dataset ?? {};
  if (!row || !(Number(version) > Number(row.dataset.version))) return;
  row.querySelector(".side-title").textContent = byId("title").textContent.trim();
  row.dataset.version = version;
}

/** The room has changed: close the drawer, mark the row. */
export function roomChanged() {
  closeDrawer();
  markCurrent();
}

export function markRunning() {
  const row = rowOf(conversationId());
  if (row) row.dataset.running = openReplies().length > 0;
}

/** Read the list anew, unless the conversation shown stands at its top already. */
export async function refreshList({ always = false } = {}) {
  if (!always && rows()[0]?.dataset.id === conversationId()) return;
  const answer = await read(list().dataset.url);
  if (!answer.ok) return;
  htmx.swap("#side-list", answer.body, { swapStyle: "innerHTML" });
  markCurrent();
}

// A page of the list may go on with the group that the page before ended with.
document.addEventListener("htmx:afterSettle", () => {
  for (const group of list().querySelectorAll(".side-group + .side-group")) {
    const before = group.previousElementSibling;
    if (group.dataset.label !== before.dataset.label) continue;
    before.querySelector("ul").append(...group.querySelector("ul").children);
    group.remove();
  }
  markCurrent();
});

// Replies that run in other conversations end unseen: look now and then while one is marked.
setInterval(async () => {
  const marked = rows().filter((row) => row.dataset.running === "true" && row.dataset.id !== conversationId());
  if (!marked.length || document.hidden) return;
  const answer = await read(list().dataset.url);
  if (!answer.ok) return;
  const box = document.createElement("template");
  box.innerHTML = answer.body;
  const running = new Set([...box.content.querySelectorAll('[data-running="true"]')].map((row) => row.dataset.id));
  for (const row of marked) row.dataset.running = running.has(row.dataset.id);
}, REFRESH_MS);

const newConversation = () => document.querySelector("[data-new]").click();

/** Take a conversation out of the list, with a way back. */
async function remove(id, name, back, said) {
  const wasShown = id === conversationId();
  const room = byId("room");
  // That the conversation is gone, which the socket may tell first, is no news to who removes it.
  room.toggleAttribute("data-leaving", wasShown);
  const answer = await post(address(name, id));
  if (!answer.ok) {
    room.removeAttribute("data-leaving");
    return toast(answer.problem);
  }
  rowOf(id)?.remove();
  if (wasShown) newConversation();
  toast(word(said), async () => {
    const undone = await post(address(back, id));
    if (!undone.ok) return toast(undone.problem);
    if (wasShown) await go(address("conversation", id));
    await refreshList({ always: true });
  });
}

const archive = (id) => remove(id, "archive", "unarchive", "archived");
const erase = (id) => remove(id, "delete", "restore", "deleted");
const openerRow = () => menuOpener().closest(".side-row");

deeds.archive = () => archive(conversationId());
deeds.delete = () => erase(conversationId());
deeds["row-archive"] = () => archive(openerRow().dataset.id);
deeds["row-delete"] = () => erase(openerRow().dataset.id);

const rename = (what) => import("./rename.js").then((module) => module.rename(what));

deeds.rename = () => {
  const head = byId("title");
  rename({ id: conversationId(), version: head.dataset.version, replaces: head });
};

document.addEventListener("click", ({ target }) => {
  if (target.matches?.("[data-can-rename] > #title")) deeds.rename();
});

deeds["row-rename"] = () => {
  const row = openerRow();
  const isShown = row.dataset.id === conversationId();
  const version = isShown ? byId("title").dataset.version : row.dataset.version;
  rename({ id: row.dataset.id, version, replaces: row.querySelector(".side-link") });
};
