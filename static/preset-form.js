// A preset's form, wherever it stands: what the chosen model takes, models in their order, and what
// would be refused, said at its field while one writes.

const chooser = document.querySelector("select[data-columns]");
const form = chooser?.form;
const CHECK_AFTER = 500;

function rowOf(input) {
  return input.closest(".form-row, .field-row, [class*='field-'], .field") ?? input.parentElement;
}

// The parameters that the model takes, each with its bounds.

function showColumn() {
  const { names, models, columns } = JSON.parse(chooser.dataset.columns);
  const taken = columns[models[chooser.value]] ?? {};
  for (const name of names) {
    const input = document.getElementById(`id_${name}`);
    if (!input) continue;
    const row = rowOf(input);
    row.hidden = !(name in taken) && !input.value && !row.querySelector(".errorlist");
    hint(input, taken[name]?.hint ?? chooser.dataset.untaken);
    for (const option of input.options ?? []) {
      const choices = taken[name]?.choices ?? [];
      option.hidden = Boolean(option.value && choices.length) && !choices.includes(option.value) && !option.selected;
    }
  }
}

/** Say after the field's help which values it may have. */
function hint(input, text) {
  const help = helpOf(input);
  const element = help.querySelector(".preset-bounds") ?? document.createElement("span");
  element.className = "preset-bounds";
  element.textContent = text;
  if (!element.isConnected) help.append(" ", element);
}

function helpOf(input) {
  const id = `${input.id}_helptext`;
  const help = document.getElementById(id) ?? rowOf(input).querySelector(".help, .leading-relaxed") ?? input.parentElement;
  help.id = id;
  return help;
}

// Models in their order: rows that are added, moved and removed by buttons.

function arrange(list) {
  const rows = list.querySelector("ol");
  const blank = rows.lastElementChild.cloneNode(true);
  rows.lastElementChild.remove();
  for (const buttons of [blank, list].flatMap((one) => [...one.querySelectorAll("[data-row-buttons]")])) buttons.hidden = false;
  list.querySelector("[data-add]").hidden = false;
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    press(button, list, rows, blank);
    number(rows);
    touched.add("fallbacks");
    form.dispatchEvent(new Event("change"));
    if (button.disabled) button.closest("li").querySelector("[data-move]:not(:disabled)")?.focus();
  });
  number(rows);
}

function press(button, list, rows, blank) {
  const row = button.closest("li");
  if ("add" in button.dataset) {
    const added = blank.cloneNode(true);
    const select = added.querySelector("select");
    select.id = `${list.id}_${Date.now()}`;
    rows.append(added);
    select.focus();
  } else if ("remove" in button.dataset) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-remove]") ?? list.querySelector("[data-add]")).focus();
  } else {
    move(row, Number(button.dataset.move), button);
  }
}

function number(rows) {
  for (const [place, row] of [...rows.children].entries()) {
    row.querySelector("select").setAttribute("aria-label", `${place + 1}.`);
    row.querySelector('[data-move="-1"]').disabled = place === 0;
    row.querySelector('[data-move="1"]').disabled = place === rows.children.length - 1;
  }
}

function move(row, by, button) {
  const beside = by < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!beside) return;
  if (by < 0) beside.before(row);
  else beside.after(row);
  button.focus();
}

// What would be refused, asked of the server a moment after the last change.

const touched = new Set();
let waiting = 0;
let asked = 0;

async function check(url) {
  const mine = ++asked;
  const answer = await fetch(url, { method: "POST", body: new FormData(form), headers: { accept: "application/json" } }).catch(() => null);
  if (mine !== asked || !answer?.ok || answer.redirected) return;
  const { errors } = await answer.json();
  showErrors(errors);
}

/** Mark the fields that were touched, and all that the models refuse. */
export function showErrors(errors, all = false) {
  const before = document.querySelectorAll("[data-refused]").length;
  for (const old of document.querySelectorAll("[data-refused]")) old.remove();
  for (const field of form.querySelectorAll("[data-checked]")) {
    delete field.dataset.checked;
    field.removeAttribute("aria-invalid");
  }
  let count = 0;
  for (const [name, sentences] of Object.entries(errors)) {
    const input = document.getElementById(`id_${name}`);
    if (!input || !(all || touched.has(name) || input.closest(".preset-parameters"))) continue;
    const row = rowOf(input);
    if (row.querySelector(".errorlist:not([data-refused])")) continue;
    row.hidden = false;
    for (const details of ancestors(row, "details")) details.open = true;
    const list = document.createElement("ul");
    list.className = "errorlist";
    list.dataset.refused = "";
    list.id = `id_${name}_refused`;
    for (const sentence of sentences) list.append(Object.assign(document.createElement("li"), { textContent: sentence }));
    place(list, input);
    input.dataset.checked = "";
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", list.id);
    count += 1;
  }
  announce(count, before);
}

function place(list, input) {
  const help = document.getElementById(`${input.id}_helptext`) ?? rowOf(input).querySelector(".help, .leading-relaxed");
  (help ?? input).after(list);
}

function* ancestors(element, selector) {
  for (let one = element.closest(selector); one; one = one.parentElement.closest(selector)) yield one;
}

function announce(count, before) {
  const place = document.querySelector("[data-check-status]");
  if (!place || (!count && !before)) return;
  place.textContent = count ? document.querySelector("[data-refused]").textContent : place.dataset.fine;
}

function watch(url) {
  const later = ({ target }) => {
    if (target.matches("input, select, textarea")) touched.add(target.name);
    clearTimeout(waiting);
    waiting = setTimeout(check, CHECK_AFTER, url);
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
}

if (chooser) {
  chooser.addEventListener("change", showColumn);
  showColumn();
  for (const list of document.querySelectorAll("[data-models]")) arrange(list);
  const url = document.querySelector("[data-check]")?.dataset.check;
  if (url) watch(url);
}
