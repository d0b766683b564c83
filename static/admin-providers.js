// A field that belongs to one choice of a select is shown with that choice only.

for (const part of document.querySelectorAll("[data-shown-with]")) {
  const select = document.querySelector(`select[name="${part.dataset.shownWith}"]`);
  const show = () => { part.hidden = select.value !== part.dataset.shownFor; };
  select?.addEventListener("change", show);
  if (select) show();
}
