// Menus are popovers that their buttons open by `popovertarget`; here are the keys, the place and the focus.

import { deeds } from "./dom.js";

const canAnchor = CSS.supports("position-area", "bottom");
let opener = null;

/** The button that opened the menu which is open, or was last. */
export const menuOpener = () => opener;

const items = (menu) => [...menu.querySelectorAll('[role^="menuitem"]')];

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[popovertarget]");
  const menu = button && document.getElementById(button.getAttribute("popovertarget"));
  if (!menu?.matches(".menu")) return;
  // One menu serves many rows: from another row's button it opens anew instead of closing.
  if (button !== opener && menu.matches(":popover-open")) menu.hidePopover();
  opener = button;
  if (!canAnchor) requestAnimationFrame(() => place(menu, button));
}, true);

document.addEventListener("click", (event) => {
  const item = event.target.closest?.('[role^="menuitem"]');
  if (item && item.getAttribute("role") === "menuitem") item.closest(".menu")?.hidePopover();
  if (item?.dataset.do === "preset") item.closest(".menu").hidePopover();
});

document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".menu")) return;
  const isOpen = event.newState === "open";
  opener?.setAttribute("aria-expanded", isOpen);
  opener?.closest(".message")?.toggleAttribute("data-active", isOpen);
  if (!isOpen) return;
  const all = items(event.target);
  (all.find((item) => item.getAttribute("aria-checked") === "true") ?? all[0])?.focus();
}, true);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu");
  if (!menu) return;
  const all = items(menu);
  const now = all.indexOf(document.activeElement);
  const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  all.at(to % all.length)?.focus();
});

function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const above = menu.dataset.side === "top" || at.bottom + height + 8 > innerHeight;
  const left = menu.dataset.align === "end" ? at.right - width : at.left;
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, above ? at.top - height - 4 : at.bottom + 4)}px`;
}

deeds.help = () => document.getElementById("help").showModal();
