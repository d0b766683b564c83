// What the administration's package lets a mouse do, a keyboard does too: its menus and switches are
// no buttons, so they get focus, and Enter or the space bar presses them.
addEventListener("DOMContentLoaded", () => {
  const PRESSED = "[x-on\\:click]:not(a[href], button, input, select, textarea, label, [tabindex])";
  const NAMES = { dock_to_right: "Sidebar", close: "Close" };

  // An icon beside a text says nothing of its own.
  for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
    const owner = icon.closest("a, button");
    if (owner?.textContent.trim() !== icon.textContent.trim()) icon.setAttribute("aria-hidden", "true");
  }

  for (const one of document.querySelectorAll(PRESSED)) {
    const text = one.textContent.trim();
    if (!text) continue;
    one.tabIndex = 0;
    one.setAttribute("role", "button");
    if (NAMES[text]) one.setAttribute("aria-label", NAMES[text]);
    one.addEventListener("keydown", (event) => {
      if (event.target !== one || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      one.click();
    });
  }
});

// A second click while the first is on its way does nothing.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  },
  true,
);
