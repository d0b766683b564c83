// Renaming in place: Enter saves, Esc cancels; a title that changed meanwhile is shown instead.

import { address, byId, conversationId, copyOf, titleChanged, word } from "./dom.js";
import { post } from "./net.js";
import { toast } from "./tell.js";

/** Put a field in the place of the element `replaces` until the title is saved or left. */
export function rename({ id, version, replaces }) {
  if (replaces.nextElementSibling?.matches(".rename")) return;
  const form = copyOf("t-rename");
  const field = form.elements.title;
  const before = replaces.textContent.trim();
  let done = false;
  field.id = `rename-${id}`;
  form.querySelector("label").htmlFor = field.id;
  field.value = before;
  conceal(replaces, true);
  replaces.after(form);
  field.focus();
  field.select();

  const close = (focus) => {
    if (done) return;
    done = true;
    form.remove();
    conceal(replaces, false);
    if (focus) (replaces.matches("a") ? replaces : byId("text"))?.focus({ preventScroll: true });
  };
  const save = async (focus) => {
    if (done) return;
    const title = field.value.trim();
    close(focus);
    if (!title || title === before) return;
    show(id, title);
    const answer = await post(address("rename", id), { title, ...(version ? { version } : {}) });
    settle(id, answer, before);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(true);
  });
  field.addEventListener("blur", () => save(false));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    close(true);
  });
}

/** A heading stays one for those who hear the page. */
function conceal(element, on) {
  if (element.matches("h1")) element.classList.toggle("visually-hidden", on);
  else element.hidden = on;
}

function settle(id, answer, before) {
  const told = answer.status === 409 ? { title: answer.body } : present(answer.body);
  if (answer.ok || told.title) show(id, told.title, told.version);
  if (answer.ok) return;
  if (!told.title) show(id, before);
  toast(answer.status === 409 ? word("renamed-meanwhile") : answer.problem);
}

/** The title that an answer tells. */
function present(body) {
  const title = new DOMParser().parseFromString(body, "text/html").getElementById("title");
  return title ? { title: title.textContent.trim(), version: title.dataset.version } : {};
}

function show(id, title, version) {
  const row = byId(`side-${id}-title`);
  if (row && title) row.textContent = title;
  if (row && version) row.closest(".side-row").dataset.version = version;
  if (id !== conversationId()) return;
  const head = byId("title");
  if (title) head.textContent = title;
  if (version) head.dataset.version = version;
  titleChanged();
}
