// Runs before the first paint: what the person chose for this browser.
(() => {
  const root = document.documentElement;
  root.dataset.script = "";
  try {
    for (const key of ["theme", "sidebar"]) {
      const value = localStorage.getItem(`parley:${key}`);
      if (value) root.dataset[key] = value;
    }
  } catch {
    // A browser that keeps nothing shows the defaults.
  }
})();
