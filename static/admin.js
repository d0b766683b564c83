// The administrator's pages: a list narrowed as one types.

for (const box of document.querySelectorAll("[data-filter]")) {
  const rows = document.querySelectorAll(`#${box.dataset.filter} tbody tr`);
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

// A preset's form shows the parameters that the chosen model takes, each with its bounds.

const chooser = document.querySelector("select[data-columns]");

function rowOf(input) {
  return input.closest(".form-row, .field-row, [class*='field-']") ?? input.parentElement;
}

function showColumn() {
  const { models, columns } = JSON.parse(chooser.dataset.columns);
  const taken = columns[models[chooser.value]] ?? {};
  for (const name of new Set(columns.flatMap(Object.keys))) {
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
  const help = input.parentElement.nextElementSibling ?? input.parentElement;
  help.id = `${input.id}_helptext`;
  const element = help.querySelector(".parley-bounds") ?? document.createElement("span");
  element.className = "parley-bounds";
  element.textContent = text;
  if (!element.isConnected) help.append(" ", element);
}

if (chooser) {
  chooser.addEventListener("change", showColumn);
  showColumn();
}
