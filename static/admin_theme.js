// The administration follows the appearance that the person chose for the site, and the other way
// round: its package keeps the choice under a name of its own.
(() => {
  const OURS = "parley:theme";
  const THEIRS = "adminTheme";
  const root = document.documentElement;

  const paint = (dark) => {
    // Before the package's own script has run, the window is of the right colour.
    root.style.colorScheme = dark ? "dark" : "light";
    const ink = `--color-font-subtle-${dark ? "dark" : "light"}`;
    if (window.Chart) Chart.defaults.color = getComputedStyle(root).getPropertyValue(ink) || "gray";
  };

  const carry = () => {
    const chosen = localStorage.getItem(OURS) || "auto";
    localStorage.setItem(THEIRS, JSON.stringify(chosen));
    const system = matchMedia("(prefers-color-scheme: dark)").matches;
    paint(chosen === "dark" || (chosen === "auto" && system));
  };

  const theirs = () => JSON.parse(localStorage.getItem(THEIRS) || '"auto"');
  let last = "";

  const keep = () => {
    const chosen = theirs();
    if (chosen === last) return;
    last = chosen;
    if (chosen === "auto") localStorage.removeItem(OURS);
    else localStorage.setItem(OURS, chosen);
  };

  try {
    carry();
    last = theirs();
    const repaint = () => paint(root.classList.contains("dark"));
    addEventListener("DOMContentLoaded", repaint);
    new MutationObserver(() => {
      repaint();
      keep();
    }).observe(root, { attributes: true, attributeFilter: ["class"] });
    addEventListener("pagehide", keep);
  } catch {
    // A browser that keeps nothing follows the system.
  }
})();
